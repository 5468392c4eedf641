"""The parts of an experiment, built from its configuration: network, task, trainer."""

import math
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch import nn

from gequnet.config.build import build
from gequnet.errors import ConfigError, first_sentence
from gequnet.train.graceful_stop import GracefulStop
from gequnet.train.strategy import check_strategy, plugins
from gequnet.train.task import SegmentationTask

CURVE_POINTS = 200  # training losses in a curve, whatever the number of steps


def build_task(cfg: DictConfig, net: nn.Module) -> SegmentationTask:
    """The network with its loss, scores, optimizer and schedule, and how it is asked about a whole image."""
    parts = [build(cfg[name]) for name in ("loss", "metrics", "optim", "scheduler", "inference", "finetune")]
    return SegmentationTask(net, *parts)


def build_trainer(cfg: DictConfig, data: Any) -> pl.Trainer:
    """Lightning's trainer with our callbacks and the chosen logger.

    Raises:
        ConfigError: there is no such device, or the processes would not come to an end.
    """
    try:
        bare = make_trainer(cfg, [], logger=False)
    except (MisconfigurationException, ValueError, RuntimeError) as error:  # a device that this machine does not have
        asked = " ".join(f"trainer.{name}={cfg.trainer[name]}" for name in ("accelerator", "devices", "strategy"))
        raise ConfigError(
            f"{asked} cannot be had here ({first_sentence(str(error))}): ask for what there is, trainer=cpu, say."
        ) from None
    check_strategy(cfg, bare)
    callbacks = [build(node) for node in cfg.callbacks.values()]
    logger = build(cfg.logger) if cfg.logger else False
    return make_trainer(cfg, callbacks, logger=logger, **validation_schedule(cfg, data, bare.world_size))


def make_trainer(cfg: DictConfig, callbacks: Sequence[pl.Callback], **arguments: Any) -> pl.Trainer:
    """Lightning's trainer as every part of a run has it."""
    make = build(cfg.trainer, _partial_=True)
    trainer: pl.Trainer = make(callbacks=[*callbacks, GracefulStop()], plugins=plugins(cfg), **arguments)
    return trainer


def evaluation_trainer(cfg: DictConfig, callbacks: list[pl.Callback]) -> pl.Trainer:
    """One that asks a trained network further questions, with nothing of the training's around it but its progress."""
    shown = [build(cfg.callbacks.progress)] if "progress" in cfg.callbacks else []
    return make_trainer(cfg, [*callbacks, *shown], logger=False, enable_progress_bar=bool(shown))


def validation_schedule(cfg: DictConfig, data: Any, processes: int) -> dict[str, Any]:
    """Validations evenly spaced over the training, whatever an epoch is, and about as many points in every curve."""
    batches = training_batches(cfg, data, processes)
    return {
        "val_check_interval": cfg.trainer.val_check_interval or math.ceil(batches / cfg.validations),
        "check_val_every_n_epoch": None,
        "log_every_n_steps": cfg.trainer.log_every_n_steps or max(1, batches // CURVE_POINTS),
    }


def training_batches(cfg: DictConfig, data: Any, processes: int) -> int:
    """Batches of a whole training that each of so many processes sees."""
    batches: int = cfg.trainer.max_steps * cfg.trainer.accumulate_grad_batches
    if cfg.trainer.max_epochs is None:
        return batches
    epochs: int = cfg.trainer.max_epochs * (data.patches_per_epoch // (data.batch_size * processes))
    return min(epochs, batches) if batches > 0 else epochs
