"""What pictures are drawn from: a sample with what was said about it, as a slice of it, and as bytes in a file."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from gequnet.heads import foreground_classes, predicted_classes, target_classes
from gequnet.metrics.scores import score

Sample = Mapping[str, Any]
"""Tensors ``image`` [C, *space], ``mask`` [*space] or [K, *space], ``valid`` [*space] and ``probabilities``
[K, *space]; the name ``id``; where they are known ``spacing`` [dims] in mm, and the ``threshold`` of the test."""

PIXELS = ("image", "mask", "valid", "probabilities")
FURTHER = ("dice", "slice", "spacing", "threshold")


def classes_of(
    sample: Sample, threshold: float = 0.5
) -> tuple[Bool[Tensor, "classes *space"], Bool[Tensor, "classes *space"]]:
    """True and predicted foreground of a sample, for each class but background.

    Args:
        sample: exclusive classes have a mask without an axis of its own for them, overlapping regions have one.
        threshold: of sigmoid probabilities, where the sample does not say at which it was tested.
    """
    preds, mask, head = sample["probabilities"], sample["mask"], head_of(sample)
    classes = foreground_classes(len(preds), head)
    truth = target_classes(preds.unsqueeze(0), mask.unsqueeze(0), head)[0, classes]
    threshold = float(sample.get("threshold", threshold))
    return truth, predicted_classes(preds.unsqueeze(0), head, threshold)[0, classes]


def head_of(sample: Sample) -> str:
    """What the probabilities of a sample are of: a ``softmax``, of classes that exclude each other, or ``sigmoid``s."""
    preds, mask = sample["probabilities"], sample["mask"]
    return "softmax" if len(preds) > 1 and mask.ndim == preds.ndim - 1 else "sigmoid"


def dice_of(sample: Sample, threshold: float = 0.5) -> float:
    """The Dice of a sample inside ``valid``, as the scores of the test have it; of a slice that of its volume.

    It is the mean over classes; of those that exclude each other, over those that are there or were found, if any.
    """
    if "dice" in sample:
        return float(sample["dice"])
    truth, found = classes_of(sample, threshold)
    each, either = score("dice", found, truth, sample["valid"]), ((truth | found) & sample["valid"]).flatten(1).any(1)
    return float(each[either].mean() if head_of(sample) == "softmax" and either.any() else each.mean())


def truth_size(sample: Sample) -> float:
    """How large the true foreground is, all classes together: in mm^dims, or in pixels if the spacing is not known."""
    truth, _ = classes_of(sample)
    pixel = torch.as_tensor(sample.get("spacing", 1.0), dtype=torch.float64).prod()
    return float((truth.any(0) & sample["valid"]).sum() * pixel)


def in_the_plane(sample: Sample, threshold: float = 0.5) -> Sample:
    """The sample itself, or of a volume the slice that is shown."""
    return slice_of(sample, threshold) if sample["valid"].ndim == 3 else sample


def slice_of(sample: Sample, threshold: float = 0.5) -> dict[str, Any]:
    """The slice of a volume that is shown: across the last axis, the one with the most true foreground.

    The prediction has no say in which it is. In a volume whose axes run right, anterior and superior it is an axial
    slice, drawn with the front up and the right hand on the right.

    Returns:
        A sample of the plane, with the ``dice`` of the whole volume and ``slice``, its number from 1 and how many
        there are.
    """
    truth, _ = classes_of(sample, threshold)
    amounts = (truth.any(0) & sample["valid"]).flatten(0, 1).sum(0)
    best = (amounts == amounts.max()).nonzero().flatten()
    index = int(best[(best - (len(amounts) - 1) / 2).abs().argmin()])  # of equals the one nearest to the middle
    shown = {name: sample[name][..., index].transpose(-1, -2).flip(-2) for name in PIXELS}
    more = {"spacing": sample["spacing"][[1, 0]]} if "spacing" in sample else {}
    more |= {"threshold": sample["threshold"]} if "threshold" in sample else {}
    score = torch.tensor(dice_of(sample, threshold), dtype=torch.float64)
    return shown | more | {"id": sample["id"], "dice": score, "slice": torch.tensor([index + 1, len(amounts)])}


def packed(sample: Sample) -> dict[str, np.ndarray]:
    """A sample as compact arrays.

    ``image`` is uint8 [*space, C] between its 1st and 99th valid percentile, ``mask`` uint8, ``valid`` bool,
    ``probabilities`` uint8 [K, *space], times 255; ``dice``, ``slice``, ``spacing`` and ``threshold`` are there where
    they are known.
    """
    seen = sample["image"][:, sample["valid"]] if sample["valid"].any() else sample["image"]
    low, high = np.percentile(seen.cpu().numpy(), (1, 99))
    image = ((sample["image"] - low) / max(high - low, 1e-6)).clamp(0, 1)
    parts = {
        "image": (image * 255).round().to(torch.uint8).movedim(0, -1),
        "mask": sample["mask"].to(torch.uint8),
        "valid": sample["valid"],
        "probabilities": (sample["probabilities"] * 255).round().to(torch.uint8),
    }
    parts |= {name: sample[name] for name in FURTHER if name in sample}
    return {name: part.cpu().numpy() for name, part in parts.items()}


def unpacked(name: str, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The sample of this name that was packed, up to the rounding to bytes."""
    parts: dict[str, Any] = {part: torch.from_numpy(values) for part, values in arrays.items()}
    return parts | {
        "id": name,
        "image": parts["image"].movedim(-1, 0).float() / 255,
        "mask": parts["mask"].long(),
        "probabilities": parts["probabilities"].float() / 255,
    }
