"""The largest batch that fits into the memory, looked for before a training starts, and kept when it is resumed."""

import logging
import tempfile
import warnings
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.tuner import Tuner
from pytorch_lightning.utilities.seed import isolate_rng
from torch import nn

from gequnet.runs.layout import RunFolder
from gequnet.runs.run_folder import load_config
from gequnet.train.cost_estimate import needed
from gequnet.train.dry_run import scratch_task, scratch_trainer
from gequnet.train.memory import memory_of

log = logging.getLogger("gequnet")

STEPS = 2  # of each size that is tried
NEVER: dict[str, Any] = {"val_check_interval": 10**9, "check_val_every_n_epoch": None}


def batch_size(cfg: DictConfig, data: Any, net: nn.Module) -> int:
    """Patches in a batch: what the configuration says, or with ``auto_batch`` the most that fit; ``data`` has it, too.

    A run that is resumed has the batch that it began with.

    Args:
        cfg: settled.
        data: the data module.
        net: the network, not yet on any device; stays as it is.
    """
    if cfg.get("auto_batch"):  # which runs from before do not say
        before = _before(cfg)
        data.batch_size = found = before or search(cfg, data, net)
        log.info(
            "auto_batch: data.batch_size=%d, %s", found, "as before" if before else f"of at most {_most(cfg, data)}"
        )
    return int(data.batch_size)


def search(cfg: DictConfig, data: Any, net: nn.Module) -> int:
    """Lets Lightning's finder halve the range between 1 and the most that makes sense, by steps of a copy.

    It learns that a batch is too large from the error that follows, which on a CPU may be the end of the process. There
    the range ends where the forecast does.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Total length of")  # of batches larger than an epoch, which are never made
        trainer = scratch_trainer(cfg, folder, [], **NEVER)
        device, most = trainer.strategy.root_device, _most(cfg, data)
        if device.type == "cpu":
            most = min(most, fitting(net, data.patch_size, memory_of(device).free))
        with isolate_rng(include_cuda=device.type == "cuda"):
            found = _find(trainer, scratch_task(cfg, net), data, most)
    data.trainer = None
    return found


def fitting(net: nn.Module, sides: list[int], free: int) -> int:
    """How many patches the forecast allows on a CPU with so many bytes free: what is needed grows evenly with them."""
    two, three = (needed(net, images, sides) for images in (2, 3))
    return max(1, 2 + (free - two) // (three - two))


def _find(trainer: pl.Trainer, task: pl.LightningModule, data: Any, most: int) -> int:
    # Begun at the end of the range, the finder only ever comes back with what it has tried; begun below it doubles, and
    # takes the end for good untried. Its first trial is of the batch that the data has by then.
    data.batch_size = most
    found = Tuner(trainer).scale_batch_size(
        task, datamodule=data, mode="binsearch", steps_per_trial=STEPS, init_val=most, max_val=most + 1
    )
    assert found is not None
    return min(found, most)


def _most(cfg: DictConfig, data: Any) -> int:
    return int(min(cfg.largest_batch, data.patches_per_epoch))


def _before(cfg: DictConfig) -> int | None:
    """What the run in the same folder has found, if this is its continuation."""
    if cfg.resume is None or not RunFolder(cfg.paths.run).is_run:
        return None
    return int(load_config(cfg.paths.run).data.batch_size)
