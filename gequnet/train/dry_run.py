"""Dry run: two training steps on a copy of the network, to measure time and memory."""

import copy
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from pytorch_lightning.plugins.environments import LightningEnvironment
from pytorch_lightning.utilities.seed import isolate_rng
from torch import nn
from torch.utils.data import DataLoader

from gequnet.train.memory import track_peak_memory
from gequnet.train.schedules import constant_schedule
from gequnet.train.task import Batch, SegmentationTask
from gequnet.train.trainer import build_task, make_trainer

STEPS = 2  # the first one is slower
LONG_S = 5.0  # seconds; after a step as long as this there is no second one


@dataclass
class DryRun:
    """Measurements of two steps.

    Args:
        batch_s: seconds to make a batch, in one process.
        step_s: seconds for forward pass, backward pass and optimizer.
        pixel_s: seconds of prediction for each pixel.
        most: peak memory of the process on the device, in bytes.
    """

    batch_s: float
    step_s: float
    pixel_s: float
    most: int


def dry_run(cfg: DictConfig, data: Any, net: nn.Module, device: torch.device) -> DryRun:
    """Train two steps on the first patches of the training, and predict the patches once.

    The run is not changed: the network is a copy, the optimizer is new, patches are functions of their number, and the
    states of the random generators are restored.

    Args:
        cfg: resolved.
        data: the data module; reads images that the training reads, too.
        net: the network, not yet on any device.
        device: for the steps.

    Raises:
        RuntimeError: out of memory, see ``pytorch_lightning.utilities.memory.is_oom_error``.
    """
    with isolate_rng(include_cuda=device.type == "cuda"):
        batch, seconds = first_batch(data)
        watch = StepTimer()
        with tempfile.TemporaryDirectory() as folder, track_peak_memory(device) as peak:
            trainer = scratch_trainer(cfg, folder, [watch], device)
            steps = DataLoader([batch] * STEPS, batch_size=None)  # type: ignore[arg-type, var-annotated]
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".*have no `val_dataloader`")
                trainer.fit(scratch_task(cfg, net), steps, weights_only=True)
    return DryRun(seconds, watch.steps[-1], watch.pixel_s, peak.bytes)


def first_batch(data: Any) -> tuple[Batch, float]:
    """First batch of the training, and the seconds to make a batch.

    The time is the median over patches times their number, as the first patch of an image waits for the file.
    """
    loader = data.train_dataloader()
    patches, times = [], []
    for key in islice(loader.keys, data.batch_size):
        began = time.perf_counter()
        patches.append(loader.dataset[key])
        times.append(time.perf_counter() - began)
    return loader.collate_fn(patches), sorted(times)[len(times) // 2] * len(times)


def scratch_task(cfg: DictConfig, net: nn.Module) -> SegmentationTask:
    """The run's task around a copy of its network, with a constant learning rate."""
    task = build_task(cfg, copy.deepcopy(net))
    task.scheduler = constant_schedule
    return task


def scratch_trainer(
    cfg: DictConfig, folder: str, callbacks: list[pl.Callback], device: torch.device | None = None, **settings: Any
) -> pl.Trainer:
    """A trainer like the run's, in this process and on one device, without logger, checkpoints and validation.

    Args:
        cfg: resolved.
        folder: for temporary files.
        callbacks: of the trainer.
        device: the device; None: as configured.
        settings: further arguments of Lightning's trainer.

    Raises:
        ConfigError: this machine does not have the device.
    """
    placed: dict[str, Any] = {"devices": 1}
    if device is not None:
        placed = {"accelerator": device.type, "devices": 1 if device.index is None else [device.index]}
    local = {"strategy": "auto", "num_nodes": 1, "plugins": [LightningEnvironment()], "accumulate_grad_batches": 1}
    silent = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    short = {"max_epochs": 1, "max_steps": -1, "limit_train_batches": None, "limit_val_batches": 0}
    return make_trainer(cfg, callbacks, default_root_dir=folder, **placed, **local, **silent, **short, **settings)


@dataclass
class StepTimer(pl.Callback):
    """Time each step, and at the end the prediction of the same patches."""

    steps: list[float] = field(default_factory=list)
    pixel_s = 0.0

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Batch, *_: Any) -> None:
        """Start the clock."""
        self.images = batch["image"]
        self.began = _now(pl_module.device)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        """Stop the clock."""
        self.steps.append(_now(pl_module.device) - self.began)
        trainer.should_stop = self.steps[-1] > LONG_S

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Time the prediction."""
        net = pl_module.net.eval()
        began = _now(pl_module.device)
        with torch.no_grad():
            net(self.images)
        pixels = len(self.images) * self.images[0, 0].numel()
        self.pixel_s = (_now(pl_module.device) - began) / pixels
        del self.images


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
