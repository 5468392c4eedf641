"""What becomes of a training: its best checkpoint is tested, in every way that was asked for, and reported."""

import logging
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.utilities import rank_zero_only

from gequnet.config.build import build
from gequnet.errors import ConfigError
from gequnet.evaluate.scale_robustness import score_at
from gequnet.evaluate.threshold_selection import choose
from gequnet.report import metrics_json
from gequnet.runs.checkpoint import read_checkpoint
from gequnet.runs.layout import write_rows
from gequnet.runs.run_folder import save_config
from gequnet.train.task import SegmentationTask
from gequnet.train.trainer import build_task, evaluation_trainer

log = logging.getLogger("gequnet")


def evaluate_best_checkpoint(
    cfg: DictConfig, data: Any, task: SegmentationTask, trainer: pl.Trainer, facts: dict[str, Any], began: float
) -> float:
    """Tests the best checkpoint and writes the report into ``cfg.paths.run``.

    Args:
        cfg: settled; gets the threshold, where it is chosen.
        data: the data module.
        task: that was trained; gets the best weights.
        trainer: that trained it.
        facts: of the run, for ``metrics.json``.
        began: when the run did, on the clock of ``time.monotonic``.

    Returns:
        The best validation Dice.
    """
    steps = trainer.global_step
    checkpoint, score = best_checkpoint(trainer)
    task.load_state_dict(read_checkpoint(checkpoint)["state_dict"])  # or says why not, which Lightning would not
    threshold = choose_threshold(cfg, data, task)
    trainer.test(task, datamodule=data, ckpt_path=checkpoint, weights_only=True, verbose=False)
    facts = {
        "val_best": {"dice": score},
        "steps": steps,
        **facts,
        "wall_seconds": time.monotonic() - began,
        **threshold,
    }
    if cfg.get("tta"):
        evaluate_with_augmentation(cfg, data, task, facts)
    if cfg.scales:
        facts["scales"] = evaluate_at_scales(cfg, data, task)
    metrics_json.report(Path(cfg.paths.run), cfg, data, task, trainer, facts)
    return score


def choose_threshold(cfg: DictConfig, data: Any, task: SegmentationTask) -> dict[str, Any]:
    """Sets the threshold of all tests to the best one on the validation images, where ``cfg.threshold_by`` asks for it.

    The run's ``config.yaml`` gets it, too. What was found is returned, for ``metrics.json``. The checkpoint itself was
    selected at the threshold as given.
    """
    if cfg.threshold_by is None:
        return {}
    threshold, curve = choose(cfg.threshold_by, task, data, evaluation_trainer(cfg, []))
    task.test_metrics.threshold = cfg.metrics.threshold = threshold
    save_config(cfg, task.net)
    log.info("threshold %g: the best %s on the validation images, %.4f", threshold, cfg.threshold_by, curve[threshold])
    return {"threshold": threshold, "threshold_curve": {f"{each:g}": value for each, value in curve.items()}}


def evaluate_with_augmentation(cfg: DictConfig, data: Any, task: SegmentationTask, facts: dict[str, Any]) -> None:
    """Tests the same weights once more, with test-time augmentation, into a folder inside the run's."""
    folder = Path(cfg.paths.run) / f"tta_{cfg.chosen.tta}"
    averaged = build_task(cfg, build(cfg.tta)(task.net))
    seen = [cfg.callbacks[name] for name in ("timing", "predictions") if name in cfg.callbacks]
    callbacks = [build(node, **({"path": str(folder / "predictions.png")} if "path" in node else {})) for node in seen]
    trainer = evaluation_trainer(cfg, callbacks)
    trainer.test(averaged, datamodule=data, weights_only=True, verbose=False)
    metrics_json.report(folder, cfg, data, averaged, trainer, facts | {"evaluation": folder.name})


def evaluate_at_scales(cfg: DictConfig, data: Any, task: SegmentationTask) -> dict[str, dict[str, float]]:
    """Tests the same weights on the test images at each of ``cfg.scales``; writes ``scales.csv``, returns the means."""
    make_trainer = partial(evaluation_trainer, cfg)
    means, rows = score_at(
        cfg.scales, data, build_task(cfg, task.net), make_trainer, cfg.data.head, cfg.metrics.threshold
    )
    rank_zero_only(write_rows)(Path(cfg.paths.run) / "scales.csv", rows)
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
