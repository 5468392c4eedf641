"""Classes that a set of images lacks, or that fill it."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gequnet.data.scene import Scene

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Occurrence:
    """Classes that occur nowhere, and classes that are everywhere.

    Args:
        absent: Classes without a pixel in any image.
        filling: Classes of which every valid pixel of every image is.
    """

    absent: list[str]
    filling: list[str]


def occurrence(scenes: Iterable[Scene], classes: Sequence[str]) -> Occurrence:
    """Look at one image after another until each class has been seen both present and absent.

    Args:
        scenes: The images.
        classes: Names of the foreground classes; where they exclude each other, their labels are 1, 2 and so on.
    """
    absent, filling = set(classes), set(classes)
    for scene in scenes:
        for name, (inside, pixels) in zip(classes, _pixels(scene, len(classes)), strict=True):
            absent -= {name} if inside else set()
            filling -= {name} if inside < pixels else set()
        if not absent | filling:
            break
    return Occurrence(*([name for name in classes if name in names] for names in (absent, filling - absent)))


def _pixels(scene: Scene, classes: int) -> list[tuple[int, int]]:
    """Pixels of each class, and all pixels, in the field of view."""
    inside = scene.mask[..., scene.valid]
    counts: Tensor
    if inside.dim() > 1:
        counts = inside.bool().sum(1)
    else:
        counts = torch.bincount(inside.long(), minlength=1 + classes)[1 : 1 + classes]
    return [(int(count), inside.shape[-1]) for count in counts]


def warn_about_classes(data: Any) -> None:
    """Log one sentence for each fault of the labels that a training does not survive, or that a score does not see.

    Args:
        data: The data module.
    """
    for sentence in class_warnings(data):
        log.warning("%s", sentence)


def class_warnings(data: Any) -> Iterator[str]:
    """Sentences about classes that validation or training images lack, or that fill the training images."""
    absent, training = data.absent_in_validation, data.training_occurrence
    if absent == data.foreground_classes:
        yield (
            f"No validation image of {data.name} has foreground ({', '.join(absent)}), so no score can choose the best "
            "checkpoint and the validation loss does: take other validation images, such as another data.source.fold."
        )
    elif absent:
        yield (
            f"No validation image of {data.name} has {' or '.join(absent)}, so the validation does not see how well "
            "that is learned: take other validation images, such as another data.source.fold."
        )
    if training.absent:
        yield (
            f"No training image of {data.name} has {' or '.join(training.absent)}, so it cannot be learned: check the "
            "masks, or take other training images."
        )
    if training.filling:
        yield (
            f"All pixels of the training images of {data.name} are {' and '.join(training.filling)}, so there is no "
            "background to learn: check the masks, or take other training images."
        )
