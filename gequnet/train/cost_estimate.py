"""Estimate of time and memory of a training before it starts; a batch that does not fit is refused."""

import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from pytorch_lightning.utilities import rank_zero_only
from pytorch_lightning.utilities.memory import garbage_collection_cuda, is_oom_error
from torch import Tensor, nn

from gequnet.config.build import build
from gequnet.errors import ConfigError
from gequnet.formatting import duration, size
from gequnet.nets.costs import parameters
from gequnet.nets.peak_memory import peak_memory
from gequnet.runs.checkpoint import read_checkpoint
from gequnet.runs.layout import RunFolder
from gequnet.train.dry_run import DryRun, dry_run
from gequnet.train.memory import Memory, device_memory
from gequnet.train.model_summary import counted, format_sides
from gequnet.train.trainer import training_batches
from gequnet.train.values_per_channel import norms_as_trained

log = logging.getLogger("gequnet")

WORKSPACE = {True: 1.5, False: 2.0}
"""Memory that a CPU needs, relative to the estimated peak of activations, in training (True) and in inference (False):
its convolutions copy maps into another layout."""
COPIES = 5  # copies of the parameters: the network, the dry run's copy, gradients, two states of the optimizer
MAX_IMAGES = 8  # validation images that are read to find their sizes


class InferencePlan(NamedTuple):
    """Sizes of the network's passes at inference on validation images.

    Args:
        sides: sides of the largest pass on the largest image.
        batch: images or windows in that pass.
        pixels: pixels of all passes on one image, the mean over images.
        image: sides of the largest image.
    """

    sides: list[int]
    batch: int
    pixels: float
    image: list[int]


@rank_zero_only
def estimate_cost(cfg: DictConfig, data: Any, net: nn.Module, trainer: pl.Trainer, checkpoint: Path | None) -> None:
    """Log the estimated time and memory of the training, from two steps on a copy, and add them to the summary file.

    Args:
        cfg: resolved configuration.
        data: the data module.
        net: the network, not yet on a device; it is not changed.
        trainer: trainer of the run, before the training.
        checkpoint: checkpoint that the training resumes from, if any.

    Raises:
        ConfigError: the batch does not fit into the memory.
    """
    if not cfg.get("forecast", True):  # old configurations lack this key
        return
    device = trainer.strategy.root_device
    processes = trainer.num_devices if device.type == "cpu" else 1
    memory = device_memory(device)
    with norms_as_trained(cfg, net, trainer.world_size):
        if device.type == "cpu":  # out of memory, the system would kill the process without an error
            check_memory(data, training_bytes(net, data.batch_size, data.patch_size), memory, processes)
        plan = inference_plan(data, build(cfg.inference), net)
        warn_if_images_too_large(net, plan, memory, device)
        trial = _trial(cfg, data, net, device, memory)
    if device.type == "cuda":
        garbage_collection_cuda()
    done = 0 if checkpoint is None else int(read_checkpoint(checkpoint)["global_step"])
    line = (
        cost_sentence(cfg, data, trial, plan, trainer.world_size, done) + f"; {memory_share(trial, memory, processes)}"
    )
    log.info("%s", line)
    with RunFolder(cfg.paths.run).summary.open("a", encoding="utf-8") as file:
        file.write(f"  forecast    {line}\n")


def _trial(cfg: DictConfig, data: Any, net: nn.Module, device: torch.device, memory: Memory) -> DryRun:
    try:
        return dry_run(cfg, data, net, device)
    except RuntimeError as error:
        if not is_oom_error(error):
            raise
        raise ConfigError(
            out_of_memory_message(data, f"more than the {size(memory.total)} that {device} has")
        ) from None


def training_bytes(net: nn.Module, images: int, sides: list[int]) -> int:
    """Bytes that a training step needs on a CPU, beyond the present memory of the process; computed, not measured."""
    alive = peak_memory(net, images, sides, training=True)
    return int(WORKSPACE[True] * alive) + COPIES * 4 * parameters(net)


def check_memory(data: Any, amount: int, memory: Memory, processes: int) -> None:
    """Raise ConfigError if a training step needs more memory than is free."""
    if amount * processes > memory.free:
        each = f" in each of {processes} processes" if processes > 1 else ""
        raise ConfigError(out_of_memory_message(data, f"about {size(amount)}{each}, and {size(memory.free)} are free"))


def out_of_memory_message(data: Any, what: str) -> str:
    """Error message for a batch that does not fit into the memory."""
    sides = format_sides(data.patch_size)
    return (
        f"A training step with data.batch_size={data.batch_size} patches of data.patch_size={sides} "
        f"needs {what}: take a smaller batch or smaller patches, auto_batch=true to find a batch that fits, or "
        "forecast=false to try it without this check."
    )


def inference_plan(data: Any, inference: Callable[[nn.Module, Tensor], Tensor], net: nn.Module) -> InferencePlan:
    """Sizes of the network's passes on the validation images, whole or in windows."""
    samples = data.val_dataloader().dataset
    spaces = [samples[index]["image"].shape[1:] for index in range(min(MAX_IMAGES, len(samples)))]
    passes = [_record_shapes(space, inference, net) for space in spaces]
    largest = max(range(len(spaces)), key=lambda index: math.prod(spaces[index]))
    batch, *sides = max(passes[largest], key=math.prod)
    pixels = sum(math.prod(shape) for shapes in passes for shape in shapes) / len(passes)
    return InferencePlan(sides, batch, pixels, list(spaces[largest]))


class ShapeRecorder(nn.Module):
    """Placeholder of a network that records the shapes of its inputs, without the channels."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.shapes: list[list[int]] = []

    def forward(self, image: Tensor) -> Tensor:
        """Uninitialised logits of the right shape."""
        self.shapes.append([len(image), *image.shape[2:]])
        return image.new_empty(len(image), self.num_classes, *image.shape[2:])


def _record_shapes(space: torch.Size, inference: Callable[[nn.Module, Tensor], Tensor], net: Any) -> list[list[int]]:
    recorder = ShapeRecorder(net.num_classes)
    inference(recorder, torch.empty(1, net.in_channels, *space, device="meta"))
    return recorder.shapes


def warn_if_images_too_large(net: nn.Module, plan: InferencePlan, memory: Memory, device: torch.device) -> None:
    """Log a warning if inference on the largest validation image seems to need more memory than is free."""
    workspace = WORKSPACE[False] if device.type == "cpu" else 1
    amount = workspace * peak_memory(net, plan.batch, plan.sides, training=False)
    if amount > memory.free:
        log.warning(
            "Inference on a validation image of %s needs about %s of memory, and %s of %s are free: "
            "inference=sliding uses windows of data.patch_size instead.",
            format_sides(plan.image), size(amount), size(memory.free), device,
        )  # fmt: skip


def cost_sentence(cfg: DictConfig, data: Any, trial: DryRun, plan: InferencePlan, world: int, done: int) -> str:
    """Estimated times: ``about 0.21 s a step, 21 s an epoch of 100 steps, 3 min 30 s for 1000 steps, 40 s for ...``.

    The time of validation and test is that of the network's passes alone, without scores and pictures.

    Args:
        cfg: resolved configuration.
        data: the data module.
        trial: measured times of two steps.
        plan: sizes of the passes on a validation image.
        world: number of processes.
        done: steps before this training, if it is resumed.
    """
    accumulated = cfg.trainer.accumulate_grad_batches
    batch_s = max(trial.step_s, trial.batch_s / data.num_workers) if data.num_workers else trial.step_s + trial.batch_s
    step_s = accumulated * batch_s
    epoch = max(1, data.patches_per_epoch // (data.batch_size * world * accumulated))
    steps = training_batches(cfg, data, world) // accumulated
    left = f"the {steps - done} of {steps} steps that are left" if done else f"{steps} steps"
    images = cfg.validations * _limited(cfg.trainer.limit_val_batches, len(data.splits["val"]))
    images += _limited(cfg.trainer.limit_test_batches, len(data.test_ids))
    inference_s = images * plan.pixels * trial.pixel_s / world
    return (
        f"about {duration(step_s)} a step, {duration(step_s * epoch)} an epoch of {epoch} steps, "
        f"{duration(step_s * (steps - done))} for {left}, {duration(inference_s)} for "
        f"{counted(cfg.validations, 'validation')} and the test"
    )


def _limited(limit: int | float | None, images: int) -> int:
    """Number of images under a limit of Lightning's: None for all, a whole number, or a fraction."""
    return images if limit is None else min(images, limit) if isinstance(limit, int) else int(limit * images)


def memory_share(trial: DryRun, memory: Memory, processes: int) -> str:
    """Peak memory of the dry run and the total, ``1.2 GB of 24 GB``."""
    each = f" in each of {processes} processes" if processes > 1 else ""
    return f"{size(trial.most)}{each} of {size(memory.total)}"
