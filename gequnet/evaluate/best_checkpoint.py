"""Test of the best checkpoint after a training: as it is, with test-time augmentation, and at other scales."""

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
from gequnet.evaluate.further_tests import callbacks_for
from gequnet.evaluate.scale_robustness import score_at
from gequnet.evaluate.threshold_selection import select_threshold
from gequnet.report.metrics_json import report_test
from gequnet.runs.checkpoint import read_checkpoint
from gequnet.runs.layout import RunFolder, write_rows
from gequnet.runs.run_folder import save_config
from gequnet.train.task import MONITOR, SegmentationTask
from gequnet.train.trainer import build_task, evaluation_trainer

log = logging.getLogger("gequnet")


def evaluate_best_checkpoint(
    cfg: DictConfig, data: Any, task: SegmentationTask, trainer: pl.Trainer, facts: dict[str, Any], began: float
) -> float:
    """Test the best checkpoint and write the report into ``cfg.paths.run``.

    Args:
        cfg: resolved; its threshold is replaced if one is selected.
        data: the data module.
        task: as trained; gets the best weights.
        trainer: of the training.
        facts: of the run, for ``metrics.json``.
        began: start of the run, on the clock of ``time.monotonic``.

    Returns:
        The best validation Dice.
    """
    steps = trainer.global_step
    checkpoint, score = best_checkpoint(trainer)
    task.load_state_dict(read_checkpoint(checkpoint)["state_dict"])  # with a better error message than Lightning's
    threshold = choose_threshold(cfg, data, task)
    trainer.test(task, datamodule=data, ckpt_path=checkpoint, weights_only=True, verbose=False)
    facts = {
        "val_best": {"dice": score},
        "selected_by": selected_by(trainer),
        "steps": steps,
        **facts,
        "wall_seconds": time.monotonic() - began,
        **threshold,
    }
    if cfg.get("tta"):
        evaluate_with_augmentation(cfg, data, task, facts)
    if cfg.scales:
        facts["scales"] = evaluate_at_scales(cfg, data, task)
    report_test(Path(cfg.paths.run), cfg, data, task, trainer, facts)
    return score


def choose_threshold(cfg: DictConfig, data: Any, task: SegmentationTask) -> dict[str, Any]:
    """Select the threshold of all tests on the validation images, if ``cfg.threshold_by`` names a score.

    The threshold also goes into the run's ``config.yaml``. The checkpoint itself was selected at the given threshold.

    Returns:
        Threshold and scores, for ``metrics.json``; empty without ``cfg.threshold_by``.
    """
    if cfg.threshold_by is None:
        return {}
    threshold, curve = select_threshold(cfg.threshold_by, task, data, evaluation_trainer(cfg, []))
    task.test_metrics.threshold = cfg.metrics.threshold = threshold
    save_config(cfg, task.net)
    log.info("threshold %g: the best %s on the validation images, %.4f", threshold, cfg.threshold_by, curve[threshold])
    return {"threshold": threshold, "threshold_curve": {f"{each:g}": value for each, value in curve.items()}}


def evaluate_with_augmentation(cfg: DictConfig, data: Any, task: SegmentationTask, facts: dict[str, Any]) -> None:
    """Test the same weights with test-time augmentation; the report goes into a folder inside the run's."""
    folder = RunFolder(cfg.paths.run).augmented(cfg.chosen.tta).path
    averaged = build_task(cfg, build(cfg.tta)(task.net))
    trainer = evaluation_trainer(cfg, callbacks_for("tta", cfg, folder))
    trainer.test(averaged, datamodule=data, weights_only=True, verbose=False)
    report_test(folder, cfg, data, averaged, trainer, facts | {"evaluation": folder.name})


def evaluate_at_scales(cfg: DictConfig, data: Any, task: SegmentationTask) -> dict[str, dict[str, float]]:
    """Test the same weights on the test images at each of ``cfg.scales``; write ``scales.csv``, return the means."""
    make = partial(evaluation_trainer, cfg)
    means, rows = score_at(cfg.scales, data, build_task(cfg, task.net), make, cfg.data.head, cfg.metrics.threshold)
    rank_zero_only(write_rows)(RunFolder(cfg.paths.run).scales, rows)
    return means


def best_checkpoint(trainer: pl.Trainer) -> tuple[str, float]:
    """Path and validation Dice of the best checkpoint.

    Raises:
        ConfigError: there was no validation.
    """
    callback = trainer.checkpoint_callback
    assert isinstance(callback, ModelCheckpoint)
    if callback.best_model_score is None:
        raise ConfigError(
            f"The training ended after {trainer.global_step} steps without a validation, so there is no best "
            "checkpoint: give trainer.val_check_interval a smaller number, or leave it out."
        )
    scalars = getattr(callback, "best", {})  # Lightning's own ModelCheckpoint has none
    return callback.best_model_path, scalars.get(MONITOR, float(callback.best_model_score))


def selected_by(trainer: pl.Trainer) -> str:
    """The scalar that has selected the best checkpoint, or ``last``; a warning if it is not the monitored score."""
    callback: Any = trainer.checkpoint_callback
    chosen = str(getattr(callback, "selected_by", callback.monitor))
    if chosen != callback.monitor:
        log.warning(
            "%s could not choose the best checkpoint, as it was undefined or the same in several validations: %s did.",
            callback.monitor,
            "the order" if chosen == "last" else chosen,
        )
    return chosen
