"""Distributed strategies: plugins for Lightning's strategies, and checks of unsupported ones."""

import os

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from pytorch_lightning.plugins import TorchSyncBatchNorm
from pytorch_lightning.plugins.environments import SLURMEnvironment
from pytorch_lightning.strategies.launchers import _MultiProcessingLauncher, _SubprocessScriptLauncher
from torch import nn

from gequnet.distributed import all_reduce_sum, launched_world_size
from gequnet.errors import ConfigError
from gequnet.layers.shared_norm import share_statistics
from gequnet.runs.atomic_checkpoint_io import AtomicCheckpointIO


class SharedNorms(TorchSyncBatchNorm):
    """Batch norms over the batch of all processes, also for fields, with ``trainer.sync_batchnorm``.

    PyTorch's ``SyncBatchNorm`` works on GPUs only, and does not replace our norms of fields.
    """

    def apply(self, model: nn.Module) -> nn.Module:
        """Share the statistics, at the start of a training in several processes."""
        share_statistics(model, all_reduce_sum)
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Make the statistics local again, at the end."""
        share_statistics(model, None)
        return model


def plugins(cfg: DictConfig) -> list[object]:
    """Plugins of every trainer: atomic checkpoints, shared norms, and SLURM inside a SLURM job.

    Lightning's own requeueing under SLURM is off, as ``gequnet.runs.resume`` replaces it.
    """
    chosen: list[object] = [AtomicCheckpointIO()]
    if cfg.trainer.get("sync_batchnorm"):
        chosen.append(SharedNorms())
    if SLURMEnvironment.detect():
        chosen.append(SLURMEnvironment(auto_requeue=False))
    return chosen


def check_strategy(cfg: DictConfig, trainer: pl.Trainer) -> None:
    """Refuse strategies, precisions and process counts with which a run would not end, or not as configured.

    Args:
        cfg: the configuration.
        trainer: made from it.

    Raises:
        ConfigError: with the overrides to use instead.
    """
    started, launcher = launched_world_size(os.environ), trainer.strategy.launcher
    if isinstance(launcher, _MultiProcessingLauncher):
        raise ConfigError(
            f"trainer.strategy={cfg.trainer.strategy} ends its processes after the training, so the test would lose "
            "their state: take trainer=ddp."
        )
    if str(cfg.trainer.precision).startswith("16") and str(trainer.precision).startswith("bf16"):
        raise ConfigError(
            f"trainer.precision={cfg.trainer.precision} needs a GPU: take trainer.precision=bf16-mixed without one."
        )
    wanted = trainer.num_devices * trainer.num_nodes
    if started not in (None, wanted):
        raise ConfigError(
            f"{started} processes were started, and trainer.devices={cfg.trainer.devices} on each of "
            f"trainer.num_nodes={trainer.num_nodes} nodes make {wanted}: give the numbers of torchrun or srun."
        )
    if isinstance(launcher, _SubprocessScriptLauncher) and started is None and in_sweep():
        raise ConfigError(
            "Each process of a run starts its command again, and in this sweep that is the whole sweep: run every job "
            "in a process of its own with hydra/launcher=processes, or take trainer.devices=1."
        )


def in_sweep() -> bool:
    """True in a job of a sweep, in the sweep's own process or in that of a launcher."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def starts_processes(trainer: DictConfig) -> bool:
    """True if a run of this configuration starts its own command again, once for each further process.

    >>> starts_processes(DictConfig({"strategy": "ddp", "devices": 2}))
    True
    >>> starts_processes(DictConfig({"strategy": "auto", "devices": 1}))
    False
    """
    if trainer.strategy == "auto":
        return trainer.devices not in (1, "1", [0])
    return str(trainer.strategy).startswith(("ddp", "fsdp", "deepspeed"))
