"""Samples of figures: an image with its truth and prediction, a slice of a volume, and compact arrays for a file."""

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
[K, *space]; the name ``id``; if known, ``spacing`` [dims] in mm and the ``threshold`` of the test."""

PIXELS = ("image", "mask", "valid", "probabilities")
FURTHER = ("dice", "slice", "spacing", "threshold")


def classes_of(
    sample: Sample, threshold: float = 0.5
) -> tuple[Bool[Tensor, "classes *space"], Bool[Tensor, "classes *space"]]:
    """True and predicted masks of a sample for each foreground class.

    Args:
        sample: the mask of exclusive classes has no class axis, that of overlapping regions has one.
        threshold: of sigmoid probabilities, if the sample has no ``threshold`` of its own.
    """
    preds, mask, head = sample["probabilities"], sample["mask"], head_of(sample)
    classes = foreground_classes(len(preds), head)
    truth = target_classes(preds.unsqueeze(0), mask.unsqueeze(0), head)[0, classes]
    threshold = float(sample.get("threshold", threshold))
    return truth, predicted_classes(preds.unsqueeze(0), head, threshold)[0, classes]


def head_of(sample: Sample) -> str:
    """Head of the probabilities of a sample: ``softmax`` for exclusive classes, else ``sigmoid``."""
    preds, mask = sample["probabilities"], sample["mask"]
    return "softmax" if len(preds) > 1 and mask.ndim == preds.ndim - 1 else "sigmoid"


def dice_of(sample: Sample, threshold: float = 0.5) -> float:
    """Dice of a sample inside ``valid``, as in the scores of the test; of a slice the Dice of its volume.

    The mean over foreground classes. Of exclusive classes only those in truth or prediction count, if there are any.
    """
    if "dice" in sample:
        return float(sample["dice"])
    truth, found = classes_of(sample, threshold)
    each, either = score("dice", found, truth, sample["valid"]), ((truth | found) & sample["valid"]).flatten(1).any(1)
    return float(each[either].mean() if head_of(sample) == "softmax" and either.any() else each.mean())


def truth_size(sample: Sample) -> float:
    """Size of the true foreground, all classes together: in mm^dims, or in pixels if the spacing is not known."""
    truth, _ = classes_of(sample)
    pixel = torch.as_tensor(sample.get("spacing", 1.0), dtype=torch.float64).prod()
    return float((truth.any(0) & sample["valid"]).sum() * pixel)


def to_plane(sample: Sample, threshold: float = 0.5) -> Sample:
    """The sample itself, or of a volume the slice that is drawn."""
    return slice_of(sample, threshold) if sample["valid"].ndim == 3 else sample


def slice_of(sample: Sample, threshold: float = 0.5) -> dict[str, Any]:
    """Slice of a volume for a figure: along the last axis, the slice with the most true foreground.

    The choice does not depend on the prediction. If the axes point right, anterior and superior, it is an axial slice,
    drawn with the front up and the right hand on the right.

    Returns:
        A sample of the plane, with the ``dice`` of the whole volume and ``slice``, its number from 1 and how many
        there are.
    """
    truth, _ = classes_of(sample, threshold)
    amounts = (truth.any(0) & sample["valid"]).flatten(0, 1).sum(0)
    best = (amounts == amounts.max()).nonzero().flatten()
    index = int(best[(best - (len(amounts) - 1) / 2).abs().argmin()])  # nearest to the middle
    shown = {name: sample[name][..., index].transpose(-1, -2).flip(-2) for name in PIXELS}
    more = {"spacing": sample["spacing"][[1, 0]]} if "spacing" in sample else {}
    more |= {"threshold": sample["threshold"]} if "threshold" in sample else {}
    score = torch.tensor(dice_of(sample, threshold), dtype=torch.float64)
    return shown | more | {"id": sample["id"], "dice": score, "slice": torch.tensor([index + 1, len(amounts)])}


def pack_sample(sample: Sample) -> dict[str, np.ndarray]:
    """A sample as compact arrays.

    ``image`` is uint8 [*space, C] between its 1st and 99th valid percentile, ``mask`` uint8, ``valid`` bool,
    ``probabilities`` uint8 [K, *space], times 255; ``dice``, ``slice``, ``spacing`` and ``threshold`` if
    they are known.
    """
    seen = sample["image"][:, sample["valid"]] if sample["valid"].any() else sample["image"]
    low, high = np.percentile(seen.cpu().numpy(), (1, 99))
    image = ((sample["image"] - low) / ((high - low) or 1.0)).clamp(0, 1)
    parts = {
        "image": (image * 255).round().to(torch.uint8).movedim(0, -1),
        "mask": sample["mask"].to(torch.uint8),
        "valid": sample["valid"],
        "probabilities": (sample["probabilities"] * 255).round().to(torch.uint8),
    }
    parts |= {name: sample[name] for name in FURTHER if name in sample}
    return {name: part.cpu().numpy() for name, part in parts.items()}


def unpack_sample(name: str, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Sample from the arrays of [`pack_sample`][], up to the rounding to bytes."""
    parts: dict[str, Any] = {part: torch.from_numpy(values) for part, values in arrays.items()}
    return parts | {
        "id": name,
        "image": parts["image"].movedim(-1, 0).float() / 255,
        "mask": parts["mask"].long(),
        "probabilities": parts["probabilities"].float() / 255,
    }
