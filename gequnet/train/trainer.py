"""Task and trainer of a run, built from its configuration."""

import math
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch import nn

from gequnet.config.build import build
from gequnet.errors import ConfigError, GequnetError, first_sentence
from gequnet.train.finite_loss import FiniteLoss
from gequnet.train.graceful_stop import GracefulStop
from gequnet.train.strategy import check_strategy, plugins
from gequnet.train.task import SegmentationTask

CURVE_POINTS = 200  # training losses in a curve, for any number of steps


def build_task(cfg: DictConfig, net: nn.Module) -> SegmentationTask:
    """The network with its loss, metrics, optimizer, schedule and inference."""
    parts = [build(cfg[name]) for name in ("loss", "metrics", "optim", "scheduler", "inference", "finetune")]
    return SegmentationTask(net, *parts)


def check_optimizer(task: SegmentationTask, steps: int) -> None:
    """Check that optimizer and schedule can be made, which Lightning does when the training starts.

    Args:
        task: with the network.
        steps: of the training; -1 if epochs are counted.

    Raises:
        ConfigError: a value of them is out of range.
    """
    try:
        optimizer = task.optimizer(task.finetune.parameter_groups(task.net))
        task.scheduler(optimizer, max(1, steps))
    except (TypeError, ValueError) as error:
        if isinstance(error, GequnetError):
            raise
        raise ConfigError(f"optim or scheduler has a value that cannot be: {first_sentence(str(error))}.") from None


def build_trainer(cfg: DictConfig, data: Any) -> pl.Trainer:
    """The trainer of a run, with the configured callbacks and logger.

    Raises:
        ConfigError: the devices are not available, the processes would not end, or no callback keeps the best
            checkpoint.
    """
    bare = make_trainer(cfg, [], logger=False)
    check_strategy(cfg, bare)
    callbacks = [build(node) for node in cfg.callbacks.values()]
    if not any(isinstance(callback, ModelCheckpoint) for callback in callbacks):
        raise ConfigError("No callback keeps the best checkpoint: type callbacks=[default,NAME], with default first.")
    logger = build(cfg.logger) if cfg.logger else False
    callbacks.append(FiniteLoss())
    return make_trainer(cfg, callbacks, logger=logger, **validation_schedule(cfg, data, bare.world_size))


def evaluation_trainer(cfg: DictConfig, callbacks: Sequence[pl.Callback], **overrides: Any) -> pl.Trainer:
    """A trainer for further tests and validations of a trained network, with progress and without loggers.

    Args:
        cfg: the configuration.
        callbacks: besides the progress.
        overrides: arguments of Lightning's trainer, in place of those in ``cfg.trainer``.
    """
    progress = [build(cfg.callbacks.progress)] if "progress" in cfg.callbacks else []
    return make_trainer(
        cfg, [*callbacks, *progress], logger=False, **{"enable_progress_bar": bool(progress), **overrides}
    )


def make_trainer(cfg: DictConfig, callbacks: Sequence[pl.Callback], **overrides: Any) -> pl.Trainer:
    """Lightning's trainer, with a graceful stop after signals; all trainers are made here.

    Args:
        cfg: the configuration.
        callbacks: all but the graceful stop.
        overrides: arguments of Lightning's trainer, in place of those in ``cfg.trainer``.

    Raises:
        ConfigError: this machine does not have the devices, or they do not fit the strategy.
    """
    make = build(cfg.trainer, _partial_=True)
    settings = {"plugins": plugins(cfg), **overrides}
    try:
        trainer: pl.Trainer = make(callbacks=[*callbacks, GracefulStop()], **settings)
    except (MisconfigurationException, ValueError, TypeError, RuntimeError) as error:
        values = {name: settings.get(name, cfg.trainer.get(name)) for name in ("accelerator", "devices", "strategy")}
        words = " ".join(f"trainer.{name}={value}" for name, value in values.items())
        raise ConfigError(
            f"There is no trainer with {words} here ({first_sentence(str(error))}): type trainer.accelerator=cpu, or "
            "what this machine has."
        ) from None
    return trainer


def validation_schedule(cfg: DictConfig, data: Any, processes: int) -> dict[str, Any]:
    """Arguments of the trainer for evenly spaced validations, and for curves of about as many points in every run."""
    batches = training_batches(cfg, data, processes)
    return {
        "val_check_interval": cfg.trainer.val_check_interval or math.ceil(batches / cfg.validations),
        "check_val_every_n_epoch": None,
        "log_every_n_steps": cfg.trainer.log_every_n_steps or max(1, batches // CURVE_POINTS),
    }


def training_batches(cfg: DictConfig, data: Any, processes: int) -> int:
    """Batches of the whole training for each of so many processes."""
    batches: int = cfg.trainer.max_steps * cfg.trainer.accumulate_grad_batches
    if cfg.trainer.max_epochs is None:
        return batches
    epochs: int = cfg.trainer.max_epochs * (data.patches_per_epoch // (data.batch_size * processes))
    return min(epochs, batches) if batches > 0 else epochs
