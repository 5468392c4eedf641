"""One experiment, from configuration to report."""

import logging
import signal
import sys
import time
import warnings
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.utilities import rank_zero_only
from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch import distributed

from gequnet.assembly import build_task, build_trainer, match_widths, quiet_trainer
from gequnet.auto_batch import batch_size
from gequnet.checkpoint import read_checkpoint
from gequnet.composition import build, settle
from gequnet.errors import ConfigError
from gequnet.forecast import foresee
from gequnet.recipe import check
from gequnet.report import single
from gequnet.resume import digest_of, earlier, mark, recipe_of
from gequnet.saved_run import save_config, save_scale, start_from
from gequnet.scales import score_at
from gequnet.summary import announce
from gequnet.task import SegmentationTask
from gequnet.threshold import choose
from gequnet.tracking import record
from gequnet.tracking.run_id import forget

log = logging.getLogger("gequnet")

STOPPED = 128 + signal.SIGTERM
"""The exit code of a run that was told to stop: start it again, it is not broken."""


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
    cfg = recipe_of(cfg)
    digest = digest_of(cfg)
    cfg = settle(cfg)
    before = earlier(cfg, digest)
    if before.score is not None:
        return before.score
    if cfg.resume is None:
        forget(Path(cfg.paths.run))
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    data = build(cfg.data)
    data.setup("fit")
    match = match_widths(cfg)
    if match.miss:
        log.warning(match.miss)
    net = build(cfg.model, widths=match.widths)
    started = start_from(cfg, net)
    cfg.data.batch_size = batch_size(cfg, data, net)
    save_config(cfg, net)
    save_scale(cfg, data.fixed_scale)
    mark(cfg, digest)
    task = build_task(cfg, net)
    trainer = build_trainer(cfg, data)
    try:
        record.begin(trainer, cfg, data)
        announce(cfg, data, net, trainer.world_size)
        foresee(cfg, data, net, trainer, before.checkpoint)
        trainer.fit(task, datamodule=data, ckpt_path=before.checkpoint, weights_only=True)
        steps = trainer.global_step
        checkpoint, score = best_checkpoint(trainer)
        task.load_state_dict(read_checkpoint(checkpoint)["state_dict"])  # or says why not, which Lightning would not
        threshold = choose_threshold(cfg, data, task)
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
        record.end(trainer, Path(cfg.paths.run))
    except SIGTERMException:
        log.warning("told to stop; the same command with resume=auto, or resume=%s, goes on from here", cfg.paths.run)
        raise SystemExit(STOPPED if is_first() else 0) from None  # the first one speaks for all
    finally:
        close(trainer)
    return score


def choose_threshold(cfg: DictConfig, data: Any, task: SegmentationTask) -> dict[str, Any]:
    """Sets the threshold of all tests to the best one on the validation images, where ``cfg.threshold_by`` asks for it.

    The run's ``config.yaml`` gets it, too. What was found is returned, for ``metrics.json``. The checkpoint itself was
    selected at the threshold as given.
    """
    if cfg.threshold_by is None:
        return {}
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
    trainer = quiet_trainer(cfg, callbacks)
    trainer.test(averaged, datamodule=data, weights_only=True, verbose=False)
    single.report(folder, cfg, data, averaged, trainer, facts | {"evaluation": folder.name})


def test_at_scales(cfg: DictConfig, data: Any, task: SegmentationTask) -> dict[str, dict[str, float]]:
    """Tests the same weights on the test images at each of ``cfg.scales``; writes ``scales.csv``, returns the means."""
    make_trainer = partial(quiet_trainer, cfg)
    means, rows = score_at(
        cfg.scales, data, build_task(cfg, task.net), make_trainer, cfg.data.head, cfg.metrics.threshold
    )
    rank_zero_only(single.write_rows)(Path(cfg.paths.run) / "scales.csv", rows)
    return means


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
    """Ends what the loggers have open, so that the next job of a sweep starts its own; processes take their leave.

    W&B is told if the run failed.
    """
    failed = sys.exc_info()[0] is not None
    for logger in trainer.loggers:
        session = logger.experiment  # type: ignore[attr-defined]
        if hasattr(session, "finish"):
            session.finish(exit_code=int(failed))
        else:
            session.close()
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()  # its threads, met by the end of the process, would end it as a failure


def is_first() -> bool:
    """Whether this is the first process of the run, or the only one."""
    return bool(rank_zero_only.rank == 0)  # type: ignore[attr-defined]


def quieten() -> None:
    """Leaves out what libraries say that nobody who runs an experiment can act upon, and what others have said."""
    if not is_first():
        logging.getLogger("gequnet").setLevel(logging.ERROR)
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*does not have many workers")
    warnings.filterwarnings("ignore", ".*treespec, LeafSpec", FutureWarning)
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view")
    warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty")  # of a run that is resumed
    warnings.filterwarnings("ignore", ".*AMP with fp16 is not supported on CPU")  # which is an error of ours
    warnings.filterwarnings("ignore", ".*in eval mode at the start of training")  # what finetune freezes
