"""How long a training will take and how much memory, said before it starts; what will not fit is refused by then."""

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
from gequnet.train.memory import Memory, memory_of
from gequnet.train.model_summary import by, some
from gequnet.train.trainer import training_batches

log = logging.getLogger("gequnet")

WORKSPACE = {True: 1.5, False: 2.0}
"""What a CPU needs in a training step, and in a look, over what is alive on paper: its convolutions rearrange maps."""
COPIES = 5  # of the parameters, in floats: those, the trial's, gradients, and two numbers of the optimizer for each
LOOKED_AT = 8  # of the validation images so many, to know how large they are: each has to be read


class InferencePlan(NamedTuple):
    """What a network is shown when it is asked about whole images.

    Args:
        sides: of what it sees at once, of the largest image.
        batch: how many such it sees at once.
        pixels: that it sees in all, of a mean image.
        image: sides of the largest image.
    """

    sides: list[int]
    batch: int
    pixels: float
    image: list[int]


@rank_zero_only
def estimate_cost(cfg: DictConfig, data: Any, net: nn.Module, trainer: pl.Trainer, checkpoint: Path | None) -> None:
    """Says what the training will cost, by two steps on a copy; a batch that does not fit is refused.

    Args:
        cfg: settled.
        data: the data module.
        net: the network, not yet on any device; stays as it is.
        trainer: of the run, which has not begun.
        checkpoint: from which the training goes on, if it does.

    Raises:
        ConfigError: the batch does not fit into the memory.
    """
    if not cfg.get("forecast", True):  # which runs from before do not say
        return
    device = trainer.strategy.root_device
    processes = trainer.num_devices if device.type == "cpu" else 1
    memory = memory_of(device)
    if device.type == "cpu":  # where nobody is told: the process is killed
        refuse_too_much(data, needed(net, data.batch_size, data.patch_size), memory, processes)
    looks = inference_plan(data, build(cfg.inference), net)
    warn_of_images(net, looks, memory, device)
    try:
        trial = dry_run(cfg, data, net, device)
    except RuntimeError as error:
        if not is_oom_error(error):
            raise
        raise ConfigError(
            out_of_memory_message(data, f"more than the {size(memory.total)} that {device} has")
        ) from None
    if device.type == "cuda":
        garbage_collection_cuda()
    done = 0 if checkpoint is None else int(read_checkpoint(checkpoint)["global_step"])
    line = sentence(cfg, data, trial, looks, trainer.world_size, done) + f"; {share(trial, memory, processes)}"
    log.info("%s", line)
    with RunFolder(cfg.paths.run).summary.open("a", encoding="utf-8") as file:
        file.write(f"  forecast    {line}\n")


def needed(net: nn.Module, images: int, sides: list[int]) -> int:
    """Bytes that a training step needs on a CPU, beyond what the process has; found out on paper."""
    alive = peak_memory(net, images, sides, training=True)
    return int(WORKSPACE[True] * alive) + COPIES * 4 * parameters(net)


def refuse_too_much(data: Any, amount: int, memory: Memory, processes: int) -> None:
    """Raises ConfigError where a step needs more than is free."""
    if amount * processes > memory.free:
        each = f" in each of {processes} processes" if processes > 1 else ""
        raise ConfigError(out_of_memory_message(data, f"about {size(amount)}{each}, and {size(memory.free)} are free"))


def out_of_memory_message(data: Any, what: str) -> str:
    """The sentence about a batch that does not fit."""
    return (
        f"A training step with data.batch_size={data.batch_size} patches of data.patch_size={by(data.patch_size)} "
        f"needs {what}: take a smaller batch or smaller patches, auto_batch=true to have a batch found that fits, or "
        "forecast=false to try all the same."
    )


def inference_plan(data: Any, inference: Callable[[nn.Module, Tensor], Tensor], net: nn.Module) -> InferencePlan:
    """What the network will be shown of the validation images: each at once, or through windows."""
    samples = data.val_dataloader().dataset
    spaces = [samples[index]["image"].shape[1:] for index in range(min(LOOKED_AT, len(samples)))]
    asked = [_asked(space, inference, net) for space in spaces]
    largest = max(range(len(spaces)), key=lambda index: math.prod(spaces[index]))
    batch, *sides = max(asked[largest].shapes, key=math.prod)
    pixels = sum(math.prod(shape) for each in asked for shape in each.shapes) / len(asked)
    return InferencePlan(sides, batch, pixels, list(spaces[largest]))


class Asked(nn.Module):
    """Stands in for a network and notes what it is asked about."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.shapes: list[list[int]] = []

    def forward(self, image: Tensor) -> Tensor:
        """Logits without a value."""
        self.shapes.append([len(image), *image.shape[2:]])
        return image.new_empty(len(image), self.num_classes, *image.shape[2:])


def _asked(space: torch.Size, inference: Callable[[nn.Module, Tensor], Tensor], net: Any) -> Asked:
    asked = Asked(net.num_classes)
    inference(asked, torch.empty(1, net.in_channels, *space, device="meta"))
    return asked


def warn_of_images(net: nn.Module, looks: InferencePlan, memory: Memory, device: torch.device) -> None:
    """Says if the largest image seems to be too much to be looked at."""
    workspace = WORKSPACE[False] if device.type == "cpu" else 1
    amount = workspace * peak_memory(net, looks.batch, looks.sides, training=False)
    if amount > memory.free:
        log.warning(
            "A validation image of %s needs about %s as it is looked at (inference), and %s of %s are free: "
            "inference=sliding looks through a window of data.patch_size instead.",
            by(looks.image), size(amount), size(memory.free), device,
        )  # fmt: skip


def sentence(cfg: DictConfig, data: Any, trial: DryRun, looks: InferencePlan, world: int, done: int) -> str:
    """``about 0.21 s a step, 21 s an epoch of 100 steps, 3 min 30 s for 1000 steps, 40 s for ...``.

    Validation and test are the network's passes alone: scores and pictures come on top.

    Args:
        cfg: settled.
        data: the data module.
        trial: what two steps have shown.
        looks: what the network is shown of a validation image.
        world: processes that share a step.
        done: steps that are done already.
    """
    gathered = cfg.trainer.accumulate_grad_batches
    batch_s = max(trial.step_s, trial.batch_s / data.num_workers) if data.num_workers else trial.step_s + trial.batch_s
    step_s = gathered * batch_s
    epoch = max(1, data.patches_per_epoch // (data.batch_size * world * gathered))
    steps = training_batches(cfg, data, world) // gathered
    left = f"the {steps - done} of {steps} steps that are left" if done else f"{steps} steps"
    images = cfg.validations * _some(cfg.trainer.limit_val_batches, len(data.splits["val"]))
    images += _some(cfg.trainer.limit_test_batches, len(data.test_ids))
    looking = images * looks.pixels * trial.pixel_s / world
    return (
        f"about {duration(step_s)} a step, {duration(step_s * epoch)} an epoch of {epoch} steps, "
        f"{duration(step_s * (steps - done))} for {left}, {duration(looking)} for "
        f"{some(cfg.validations, 'validation')} and the test"
    )


def _some(limit: int | float | None, images: int) -> int:
    """How many of the images are looked at, as Lightning reads a limit."""
    return images if limit is None else min(images, limit) if isinstance(limit, int) else int(limit * images)


def share(trial: DryRun, memory: Memory, processes: int) -> str:
    """``1.2 GB of 24 GB``."""
    each = f" in each of {processes} processes" if processes > 1 else ""
    return f"{size(trial.most)}{each} of {size(memory.total)}"
