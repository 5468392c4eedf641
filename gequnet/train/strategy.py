"""How a run becomes several processes: what we add to Lightning's strategies, and what of them we refuse."""

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
    """What ``trainer.sync_batchnorm`` means: batch norms, those of fields too, see the batch of all processes.

    PyTorch's own works on GPUs alone, puts other layers in the place of its own, and does not know ours.
    """

    def apply(self, model: nn.Module) -> nn.Module:
        """At the beginning of a training in several processes."""
        share_statistics(model, all_reduce_sum)
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """At its end."""
        share_statistics(model, None)
        return model


def plugins(cfg: DictConfig) -> list[object]:
    """What every trainer of a run gets: whole checkpoints, shared norms, and SLURM where it runs us.

    Lightning's own way to start again under SLURM is left out: ours is ``gequnet.runs.resume``.
    """
    found: list[object] = [AtomicCheckpointIO()]
    if cfg.trainer.get("sync_batchnorm"):
        found.append(SharedNorms())
    if SLURMEnvironment.detect():
        found.append(SLURMEnvironment(auto_requeue=False))
    return found


def check_strategy(cfg: DictConfig, trainer: pl.Trainer) -> None:
    """Refuses what Lightning would begin and not end, or end as something else.

    Args:
        cfg: the configuration.
        trainer: made from it.

    Raises:
        ConfigError: says what to type instead.
    """
    started, launcher = launched_world_size(os.environ), trainer.strategy.launcher
    if isinstance(launcher, _MultiProcessingLauncher):
        raise ConfigError(
            f"trainer.strategy={cfg.trainer.strategy} ends its processes with the training, and what they know is lost "
            "to the test: take trainer=ddp."
        )
    if str(cfg.trainer.precision).startswith("16") and str(trainer.precision).startswith("bf16"):
        raise ConfigError(
            f"trainer.precision={cfg.trainer.precision} needs a GPU: take trainer.precision=bf16-mixed without one."
        )
    wanted = trainer.num_devices * trainer.num_nodes
    if started not in (None, wanted):
        raise ConfigError(
            f"{started} processes were started, and trainer.devices={cfg.trainer.devices} on each of "
            f"trainer.num_nodes={trainer.num_nodes} nodes make {wanted}: give both as torchrun or srun has them."
        )
    if isinstance(launcher, _SubprocessScriptLauncher) and started is None and sweeping():
        raise ConfigError(
            "Each process of a run types its command again, and here that is the whole sweep: give every job a process "
            "of its own by hydra/launcher=processes, or take trainer.devices=1."
        )


def sweeping() -> bool:
    """Whether this is a job of a sweep, in the sweep's own process or that of a launcher."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def starts_processes(trainer: DictConfig) -> bool:
    """Whether a run of this configuration types its own command again, once for each further process.

    >>> starts_processes(DictConfig({"strategy": "ddp", "devices": 2}))
    True
    >>> starts_processes(DictConfig({"strategy": "auto", "devices": 1}))
    False
    """
    if trainer.strategy == "auto":
        return trainer.devices not in (1, "1", [0])
    return str(trainer.strategy).startswith(("ddp", "fsdp", "deepspeed"))
