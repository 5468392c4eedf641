"""One experiment, from configuration to report."""

import hashlib
import json
import logging
import math
import time
import warnings
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.utilities import rank_zero_only
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch import nn

from gequnet.advice import first_sentence
from gequnet.composition import build, settle
from gequnet.errors import ConfigError
from gequnet.recipe import check
from gequnet.report import single
from gequnet.scales import score_at
from gequnet.tables import TABLES
from gequnet.task import SegmentationTask
from gequnet.threshold import choose
from gequnet.transfer import transfer

log = logging.getLogger("gequnet")

CURVE_POINTS = 200  # training losses in a curve, whatever the number of steps


def run(cfg: DictConfig) -> float:
    """Trains a network, tests its best checkpoint and writes the report into ``cfg.paths.run``.

    Args:
        cfg: a composed configuration, see ``conf/``.

    Returns:
        The best validation Dice.

    Raises:
        GequnetError: the configuration or the data cannot be used; says what to do.
    """
    began = time.monotonic()
    quieten()
    check(cfg)
    refuse_processes_in_a_sweep(cfg)
    digest = fingerprint(cfg)
    cfg = settle(cfg)
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    data = build(cfg.data)
    data.setup("fit")
    match = match_widths(cfg)
    if match.miss:
        log.warning(match.miss)
    net = build(cfg.model, widths=match.widths)
    started = start_from(cfg, net)
    save_config(cfg, net)
    task = build_task(cfg, net)
    trainer = build_trainer(cfg, data)
    try:
        trainer.fit(task, datamodule=data)
        steps = trainer.global_step
        checkpoint, score = best_checkpoint(trainer)
        threshold = choose_threshold(cfg, data, task, checkpoint)
        trainer.test(task, datamodule=data, ckpt_path=checkpoint, weights_only=True, verbose=False)
        facts = {
            "val_best": {"dice": score},
            "steps": steps,
            "widths": match.widths,
            "match": asdict(match) | {"miss": match.miss},
            "init_from": started,
            "fingerprint": digest,
            "wall_seconds": time.monotonic() - began,
            **threshold,
        }
        if cfg.get("tta"):
            test_with_augmentation(cfg, data, task, facts)
        if cfg.scales:
            facts["scales"] = test_at_scales(cfg, data, task)
        single.report(Path(cfg.paths.run), cfg, data, task, trainer, facts)
    finally:
        close(trainer)
    return score


def choose_threshold(cfg: DictConfig, data: Any, task: SegmentationTask, checkpoint: str) -> dict[str, Any]:
    """Sets the threshold of all tests to the best one on the validation images, where ``cfg.threshold_by`` asks for it.

    The run's ``config.yaml`` gets it, too. What was found is returned, for ``metrics.json``. The checkpoint itself was
    selected at the threshold as given.
    """
    if cfg.threshold_by is None:
        return {}
    task.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"])
    threshold, curve = choose(cfg.threshold_by, task, data, quiet_trainer(cfg, []))
    task.test_metrics.threshold = cfg.metrics.threshold = threshold
    save_config(cfg, task.net)
    log.info("threshold %g: the best %s on the validation images, %.4f", threshold, cfg.threshold_by, curve[threshold])
    return {"threshold": threshold, "threshold_curve": {f"{each:g}": value for each, value in curve.items()}}


def test_with_augmentation(cfg: DictConfig, data: Any, task: SegmentationTask, facts: dict[str, Any]) -> None:
    """Tests the same weights once more, with test-time augmentation, into a folder inside the run's."""
    folder = Path(cfg.paths.run) / f"tta_{cfg.chosen.tta}"
    averaged = build_task(cfg, build(cfg.tta)(task.net))
    seen = [cfg.callbacks[name] for name in ("timing", "predictions") if name in cfg.callbacks]
    callbacks = [build(node, **({"path": str(folder / "predictions.png")} if "path" in node else {})) for node in seen]
    trainer: pl.Trainer = build(cfg.trainer, _partial_=True)(callbacks=callbacks, logger=False)
    trainer.test(averaged, datamodule=data, verbose=False)
    single.report(folder, cfg, data, averaged, trainer, facts | {"evaluation": folder.name})


def test_at_scales(cfg: DictConfig, data: Any, task: SegmentationTask) -> dict[str, dict[str, float]]:
    """Tests the same weights on the test images at each of ``cfg.scales``; writes ``scales.csv``, returns the means."""
    make_trainer = partial(quiet_trainer, cfg)
    means, rows = score_at(
        cfg.scales, data, build_task(cfg, task.net), make_trainer, cfg.data.head, cfg.metrics.threshold
    )
    rank_zero_only(single.write_rows)(Path(cfg.paths.run) / "scales.csv", rows)
    return means


def load_run(folder: str | Path) -> tuple[DictConfig, nn.Module]:
    """A finished run's configuration and its network with the weights of the best checkpoint, in eval mode.

    Both come from the run's own folder: today's defaults play no part.

    Args:
        folder: of the run; holds ``config.yaml`` and ``checkpoints/best.ckpt``.

    Raises:
        ConfigError: the folder is not that of a finished run.
    """
    checkpoint = checkpoint_of(folder)
    cfg = OmegaConf.load(Path(folder) / "config.yaml")
    assert isinstance(cfg, DictConfig)
    net: nn.Module = build(cfg.model)
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    net.load_state_dict({key.removeprefix("net."): value for key, value in state.items()}, strict=True)
    return cfg, net.eval()


def checkpoint_of(folder: str | Path) -> Path:
    """The best checkpoint of a finished run.

    Raises:
        ConfigError: the folder is not that of a finished run.
    """
    recipe, checkpoint = Path(folder) / "config.yaml", Path(folder) / "checkpoints" / "best.ckpt"
    if not (recipe.exists() and checkpoint.exists()):
        raise ConfigError(
            f"{folder} is not the folder of a finished run: expected config.yaml and checkpoints/best.ckpt in it."
        )
    return checkpoint


def match_widths(cfg: DictConfig) -> Any:
    """What the width rule finds for the model: its widths, and how each budget compares with the baseline's."""

    def at_widths(widths: list[int]) -> nn.Module:
        net: nn.Module = build(cfg.model, widths=widths)
        return net

    return build(cfg.width).match(at_widths)


def build_net(cfg: DictConfig) -> nn.Module:
    """The model's recipe at the widths that the width rule finds for it."""
    net: nn.Module = build(cfg.model, widths=match_widths(cfg).widths)
    return net


def start_from(cfg: DictConfig, net: nn.Module) -> dict[str, Any] | None:
    """Gives the network the weights of the run ``cfg.init_from`` as far as they fit; says what was taken and what left.

    Raises:
        ConfigError: it is no finished run, of another kind of network, or nothing of its encoder fits.
    """
    if cfg.init_from is None:
        return None
    trained, other = load_run(cfg.init_from)
    for name, of_run, own in (("model", trained.model, cfg.model), ("group", trained.group, cfg.group)):
        if of_run.get("_target_") != own.get("_target_") or (name == "group" and of_run != own):
            raise ConfigError(
                f"init_from={cfg.init_from} was trained with {name}={trained.chosen[name]} and this network has "
                f"{name}={cfg.chosen[name]}: weights mean the same in networks of one kind only; take that {name}."
            )
    found = transfer(net, other.state_dict(), build(cfg.finetune).new_head)
    log.info("From %s: %s.", cfg.init_from, found.sentence(net))
    return {"run": cfg.init_from, "data": trained.chosen.data, **asdict(found)}


def build_task(cfg: DictConfig, net: nn.Module) -> SegmentationTask:
    """The network with its loss, scores, optimizer and schedule, and how it is asked about a whole image."""
    parts = [build(cfg[name]) for name in ("loss", "metrics", "optim", "scheduler", "inference", "finetune")]
    return SegmentationTask(net, *parts)


def build_trainer(cfg: DictConfig, data: Any) -> pl.Trainer:
    """Lightning's trainer with our callbacks and the chosen logger, which gets the configuration."""
    callbacks = [build(node) for node in cfg.callbacks.values()]
    logger = build(cfg.logger) if cfg.logger else False
    try:
        make = build(cfg.trainer, _partial_=True)
        trainer: pl.Trainer = make(callbacks=callbacks, logger=logger, **rhythm(cfg, data))
    except MisconfigurationException as error:  # a device that this machine does not have, say
        raise ConfigError(first_sentence(str(error))) from None
    fewest = min(data.splits["val"], data.splits["test"], key=len)
    if trainer.world_size > len(fewest):
        raise ConfigError(
            f"trainer.devices={cfg.trainer.devices} makes {trainer.world_size} processes, but there are only "
            f"{len(fewest)} images to validate or test on: take no more devices than that."
        )
    for each in trainer.loggers:
        each.log_hyperparams(OmegaConf.to_container(cfg))  # type: ignore[arg-type]
    return trainer


def quiet_trainer(cfg: DictConfig, callbacks: list[pl.Callback]) -> pl.Trainer:
    """One that asks a trained network further questions, with nothing of the training's around it."""
    make = build(cfg.trainer, _partial_=True)
    trainer: pl.Trainer = make(callbacks=callbacks, logger=False, enable_progress_bar=False)
    return trainer


def rhythm(cfg: DictConfig, data: Any) -> dict[str, Any]:
    """Validations evenly spaced over the training, whatever an epoch is, and about as many points in every curve."""
    batches = cfg.trainer.max_steps * cfg.trainer.accumulate_grad_batches
    if cfg.trainer.max_epochs is not None:
        epochs = cfg.trainer.max_epochs * len(data.train_dataloader())
        batches = min(epochs, batches) if batches > 0 else epochs
    return {
        "val_check_interval": cfg.trainer.val_check_interval or math.ceil(batches / cfg.validations),
        "check_val_every_n_epoch": None,
        "log_every_n_steps": cfg.trainer.log_every_n_steps or max(1, batches // CURVE_POINTS),
    }


def best_checkpoint(trainer: pl.Trainer) -> tuple[str, float]:
    """The checkpoint with the best validation Dice, and that Dice.

    Raises:
        ConfigError: there was no validation.
    """
    callback = trainer.checkpoint_callback
    assert isinstance(callback, ModelCheckpoint)
    if callback.best_model_score is None:
        raise ConfigError(
            f"The training ended after {trainer.global_step} steps without a validation, so no checkpoint is the "
            "best: give trainer.val_check_interval a smaller number, or leave it out."
        )
    return callback.best_model_path, float(callback.best_model_score)


def close(trainer: pl.Trainer) -> None:
    """Ends what the loggers have open, so that the next job of a sweep starts its own."""
    for logger in trainer.loggers:
        session = logger.experiment  # type: ignore[attr-defined]
        end = session.finish if hasattr(session, "finish") else session.close
        end()


def refuse_processes_in_a_sweep(cfg: DictConfig) -> None:
    """Each process of ``ddp`` runs the command again, under ``-m`` the whole sweep, and waits for ever."""
    sweeping = HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN
    if sweeping and cfg.trainer.strategy == "ddp":
        raise ConfigError(
            "A sweep (-m) cannot start the processes of trainer.strategy=ddp: use trainer.strategy=ddp_fork, or "
            "trainer.devices=1, or start each run by itself."
        )


def quieten() -> None:
    """Leaves out what libraries say that nobody who runs an experiment can act upon."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*does not have many workers")
    warnings.filterwarnings("ignore", ".*treespec, LeafSpec", FutureWarning)
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view")
    warnings.filterwarnings("ignore", ".*in eval mode at the start of training")  # what finetune freezes


def fingerprint(cfg: DictConfig) -> str:
    """SHA-256 of what a run computes: its settled configuration without the names of things and where it writes.

    The plain network counts by its widths, whichever rule has found them.

    Args:
        cfg: as it was composed; once it is settled, the run's own folder is all over it.

    Raises:
        ConfigError: the configuration cannot be settled, or built.
    """
    plain = settle(cfg, {"runs": "", "run": "", "cache": ""})
    if plain.init_from is not None:
        plain.init_from = hashlib.sha256(checkpoint_of(plain.init_from).read_bytes()).hexdigest()
    for names in ("chosen", "paths", "budget", *TABLES):
        plain.pop(names, None)
    if "group" not in plain.model:
        plain.width = match_widths(plain).widths
    text = json.dumps(OmegaConf.to_container(plain), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


@rank_zero_only
def save_config(cfg: DictConfig, net: Any) -> None:
    """Writes the settled configuration, the network's widths with it, so that the run can be rebuilt from it alone."""
    saved = cfg.copy()
    with open_dict(saved):
        saved.model.widths = list(net.widths)
    folder = Path(cfg.paths.run)
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(saved, folder / "config.yaml")
