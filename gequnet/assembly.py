"""The parts of an experiment, built from its configuration: network, task, trainer."""

import math
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.plugins import TorchSyncBatchNorm
from pytorch_lightning.plugins.environments import SLURMEnvironment
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch import nn

from gequnet.advice import first_sentence
from gequnet.checkpoint_io import WholeCheckpoints
from gequnet.composition import build
from gequnet.errors import ConfigError
from gequnet.global_batch import together
from gequnet.layers.shared_norm import share_statistics
from gequnet.task import SegmentationTask

CURVE_POINTS = 200  # training losses in a curve, whatever the number of steps


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


def build_task(cfg: DictConfig, net: nn.Module) -> SegmentationTask:
    """The network with its loss, scores, optimizer and schedule, and how it is asked about a whole image."""
    parts = [build(cfg[name]) for name in ("loss", "metrics", "optim", "scheduler", "inference", "finetune")]
    return SegmentationTask(net, *parts)


def build_trainer(cfg: DictConfig, data: Any) -> pl.Trainer:
    """Lightning's trainer with our callbacks and the chosen logger."""
    callbacks = [build(node) for node in cfg.callbacks.values()]
    logger = build(cfg.logger) if cfg.logger else False
    try:
        make = build(cfg.trainer, _partial_=True)
        plugins = [WholeCheckpoints(), *cluster(), *([SharedNorms()] if cfg.trainer.sync_batchnorm else [])]
        trainer: pl.Trainer = make(callbacks=callbacks, logger=logger, plugins=plugins, **rhythm(cfg, data))
    except MisconfigurationException as error:  # a device that this machine does not have, say
        raise ConfigError(first_sentence(str(error))) from None
    fewest = min(data.splits["val"], data.splits["test"], key=len)
    if trainer.world_size > len(fewest):
        raise ConfigError(
            f"trainer.devices={cfg.trainer.devices} makes {trainer.world_size} processes, but there are only "
            f"{len(fewest)} images to validate or test on: take no more devices than that."
        )
    return trainer


def cluster() -> list[SLURMEnvironment]:
    """Where SLURM runs us, it, with Lightning's own way to start again left out: ours is ``gequnet.resume``."""
    return [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []


class SharedNorms(TorchSyncBatchNorm):
    """What ``trainer.sync_batchnorm`` means: batch norms, those of fields too, see the batch of all processes.

    PyTorch's own works on GPUs alone, puts other layers in the place of its own, and does not know ours.
    """

    def apply(self, model: nn.Module) -> nn.Module:
        """At the beginning of a training in several processes."""
        share_statistics(model, together)
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """At its end."""
        share_statistics(model, None)
        return model


def quiet_trainer(cfg: DictConfig, callbacks: list[pl.Callback]) -> pl.Trainer:
    """One that asks a trained network further questions, with nothing of the training's around it but its progress."""
    shown = [build(cfg.callbacks[name]) for name in ("progress",) if name in cfg.callbacks]
    make = build(cfg.trainer, _partial_=True)
    trainer: pl.Trainer = make(callbacks=[*callbacks, *shown], logger=False, enable_progress_bar=bool(shown))
    return trainer


def rhythm(cfg: DictConfig, data: Any) -> dict[str, Any]:
    """Validations evenly spaced over the training, whatever an epoch is, and about as many points in every curve."""
    batches = training_batches(cfg, data)
    return {
        "val_check_interval": cfg.trainer.val_check_interval or math.ceil(batches / cfg.validations),
        "check_val_every_n_epoch": None,
        "log_every_n_steps": cfg.trainer.log_every_n_steps or max(1, batches // CURVE_POINTS),
    }


def training_batches(cfg: DictConfig, data: Any) -> int:
    """Batches of a whole training."""
    batches: int = cfg.trainer.max_steps * cfg.trainer.accumulate_grad_batches
    if cfg.trainer.max_epochs is None:
        return batches
    epochs: int = cfg.trainer.max_epochs * len(data.train_dataloader())
    return min(epochs, batches) if batches > 0 else epochs
