"""Search for the largest batch that fits into the memory, before a training starts; a resumed run keeps its batch."""

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
from gequnet.train.cost_estimate import training_bytes
from gequnet.train.dry_run import scratch_task, scratch_trainer
from gequnet.train.memory import device_memory

log = logging.getLogger("gequnet")

STEPS = 2  # training steps for each batch size that is tried
NO_VALIDATION: dict[str, Any] = {"val_check_interval": 10**9, "check_val_every_n_epoch": None}


def choose_batch_size(cfg: DictConfig, data: Any, net: nn.Module) -> int:
    """Batch size of the training: ``data.batch_size``, or with ``auto_batch`` the largest that fits.

    It is also set in ``data``. A resumed run keeps the batch size that it began with.

    Args:
        cfg: resolved configuration.
        data: the data module.
        net: the network, not yet on a device; it is not changed.
    """
    if cfg.get("auto_batch"):  # old configurations lack this key
        previous = _previous(cfg)
        data.batch_size = found = previous or find_batch_size(cfg, data, net)
        origin = "as before" if previous else f"at most {_upper_limit(cfg, data)} were allowed"
        log.info("auto_batch: data.batch_size=%d, %s", found, origin)
    return int(data.batch_size)


def find_batch_size(cfg: DictConfig, data: Any, net: nn.Module) -> int:
    """Largest batch size that fits, found by Lightning's binary search with training steps of a copy.

    Too large a batch shows by an out-of-memory error. On a CPU that may kill the process, so there the range of the
    search ends at the largest batch that the estimate allows.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Total length of")  # about batches larger than an epoch, which are not used
        trainer = scratch_trainer(cfg, folder, [], **NO_VALIDATION)
        device, most = trainer.strategy.root_device, _upper_limit(cfg, data)
        if device.type == "cpu":
            most = min(most, max_fitting_batch(net, data.patch_size, device_memory(device).free))
        with isolate_rng(include_cuda=device.type == "cuda"):
            found = _find(trainer, scratch_task(cfg, net), data, most)
    data.trainer = None
    return found


def max_fitting_batch(net: nn.Module, sides: list[int], free: int) -> int:
    """Largest batch size that the memory estimate, which is linear in it, allows on a CPU with ``free`` bytes."""
    two, three = (training_bytes(net, images, sides) for images in (2, 3))
    return max(1, 2 + (free - two) // (three - two))


def _find(trainer: pl.Trainer, task: pl.LightningModule, data: Any, most: int) -> int:
    # The search starts at the end of the range, so that Lightning only returns batch sizes that it has tried. Started
    # below, it would double the size and accept the end untried. It first tries the batch size of the data module.
    data.batch_size = most
    found = Tuner(trainer).scale_batch_size(
        task, datamodule=data, mode="binsearch", steps_per_trial=STEPS, init_val=most, max_val=most + 1
    )
    assert found is not None
    return min(found, most)


def _upper_limit(cfg: DictConfig, data: Any) -> int:
    return int(min(cfg.largest_batch, data.patches_per_epoch))


def _previous(cfg: DictConfig) -> int | None:
    """Batch size of the run in the same folder, if this run resumes it; else None."""
    if cfg.resume is None or not RunFolder(cfg.paths.run).is_run:
        return None
    return int(load_config(cfg.paths.run).data.batch_size)
