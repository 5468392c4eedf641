"""Two training steps on a copy of everything, from which a whole training can be foreseen."""

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
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from pytorch_lightning.utilities.seed import isolate_rng
from torch import nn
from torch.utils.data import DataLoader

from gequnet.config.build import build
from gequnet.errors import ConfigError, first_sentence
from gequnet.train.memory import peak_of
from gequnet.train.schedules import constant_schedule
from gequnet.train.task import Batch, SegmentationTask
from gequnet.train.trainer import build_task

STEPS = 2  # the first finds everything cold
LONG_S = 5.0  # of steps that take as many seconds one is enough


@dataclass
class DryRun:
    """What two steps have shown.

    Args:
        batch_s: seconds to make a batch, in one process.
        step_s: for the way forward, the way back and the optimizer.
        pixel_s: for a pixel of an image that is only looked at.
        most: bytes of the device that the process had at once.
    """

    batch_s: float
    step_s: float
    pixel_s: float
    most: int


def dry_run(cfg: DictConfig, data: Any, net: nn.Module, device: torch.device) -> DryRun:
    """Makes two steps with the first patches of the training, and looks at them once more without learning.

    Nothing of the run is touched: the network is a copy, its optimizer a new one, patches are functions of their
    number, and the generators are put back.

    Args:
        cfg: settled.
        data: the data module; reads images that the training will read as well.
        net: the network, not yet on any device.
        device: where it will be.

    Raises:
        RuntimeError: the device's memory does not suffice, see ``pytorch_lightning.utilities.memory.is_oom_error``.
    """
    with isolate_rng(include_cuda=device.type == "cuda"):
        batch, seconds = first_batch(data)
        watch = StepTimer()
        with tempfile.TemporaryDirectory() as folder, peak_of(device) as peak:
            trainer = scratch_trainer(cfg, folder, [watch], device)
            steps = DataLoader([batch] * STEPS, batch_size=None)  # type: ignore[arg-type, var-annotated]
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".*have no `val_dataloader`")
                trainer.fit(scratch_task(cfg, net), steps, weights_only=True)
    return DryRun(seconds, watch.steps[-1], watch.pixel_s, peak.most)


def first_batch(data: Any) -> tuple[Batch, float]:
    """The patches that the training begins with, and how many seconds as many take to be made.

    The time is that of the middle one: the first of an image waits for the file.
    """
    loader = data.train_dataloader()
    patches, times = [], []
    for key in islice(loader.keys, data.batch_size):
        began = time.perf_counter()
        patches.append(loader.dataset[key])
        times.append(time.perf_counter() - began)
    return loader.collate_fn(patches), sorted(times)[len(times) // 2] * len(times)


def scratch_task(cfg: DictConfig, net: nn.Module) -> SegmentationTask:
    """The run's task around a copy of its network, at a steady rate."""
    task = build_task(cfg, copy.deepcopy(net))
    task.scheduler = constant_schedule
    return task


def scratch_trainer(
    cfg: DictConfig, folder: str, callbacks: list[pl.Callback], device: torch.device | None = None, **settings: Any
) -> pl.Trainer:
    """A trainer like the run's, in this process and on one device, that leaves nothing behind and never validates.

    Args:
        cfg: settled.
        folder: for what is left behind all the same.
        callbacks: all that it has.
        device: the one; as the configuration says if ``None``.
        settings: further ones of Lightning's.

    Raises:
        ConfigError: this machine has no such device.
    """
    where: dict[str, Any] = {"devices": 1}
    if device is not None:
        where = {"accelerator": device.type, "devices": 1 if device.index is None else [device.index]}
    alone = {"strategy": "auto", "num_nodes": 1, "plugins": [LightningEnvironment()], "accumulate_grad_batches": 1}
    silent = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    short = {"max_epochs": 1, "max_steps": -1, "limit_train_batches": None, "limit_val_batches": 0}
    try:
        trainer: pl.Trainer = build(cfg.trainer, _partial_=True)(
            callbacks=callbacks, default_root_dir=folder, **where, **alone, **silent, **short, **settings
        )
    except MisconfigurationException as error:
        raise ConfigError(first_sentence(str(error))) from None
    return trainer


@dataclass
class StepTimer(pl.Callback):
    """Times each step, and in the end a look at the same patches."""

    steps: list[float] = field(default_factory=list)
    pixel_s = 0.0

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Batch, *_: Any) -> None:
        """Starts."""
        self.images = batch["image"]
        self.began = _now(pl_module.device)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        """Stops."""
        self.steps.append(_now(pl_module.device) - self.began)
        trainer.should_stop = self.steps[-1] > LONG_S

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Looks."""
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
