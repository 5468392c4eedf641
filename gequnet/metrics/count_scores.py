"""Scores that follow from numbers of right and wrong pixels: float64, one for each class that was counted."""

from collections.abc import Callable

from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.metrics.counts import Counts, count


def score(
    name: str, preds: Bool[Tensor, "..."], target: Bool[Tensor, "..."], valid: Bool[Tensor, "*space"] | None = None
) -> Float[Tensor, "..."]:
    """A score of this file, of masks.

    Args:
        name: a key of ``COUNT_SCORES``.
        preds: predicted foreground, [*space] or [K, *space].
        target: true foreground, of the same shape.
        valid: the pixels that count; None: all of them.

    Returns:
        The score in float64, [] or [K].

    Example:
        >>> import torch
        >>> preds, target = torch.tensor([True, True, False, False]), torch.tensor([True, False, False, False])
        >>> {name: round(score(name, preds, target).item(), 3) for name in ("dice", "iou", "accuracy", "precision")}
        {'dice': 0.667, 'iou': 0.5, 'accuracy': 0.75, 'precision': 0.5}
    """
    return COUNT_SCORES[name](count(preds, target, valid))


def dice(counts: Counts) -> Float[Tensor, "..."]:
    """Dice coefficient ``2 TP / (2 TP + FP + FN)``, also called F1.

    An empty prediction of an empty target scores 1.
    """
    both = 2 * counts.true_positive
    return counts.ratio(both, both + counts.false_positive + counts.false_negative)


def iou(counts: Counts) -> Float[Tensor, "..."]:
    """Intersection over union ``TP / (TP + FP + FN)``, also called Jaccard index.

    An empty prediction of an empty target scores 1.
    """
    both = counts.true_positive
    return counts.ratio(both, both + counts.false_positive + counts.false_negative)


def accuracy(counts: Counts) -> Float[Tensor, "..."]:
    """Accuracy ``(TP + TN) / all``: the fraction of pixels that are right, of one class against the rest.

    Where foreground is rare it is high for a prediction that finds none: read it beside Dice.
    """
    right = counts.true_positive + counts.true_negative
    return counts.ratio(right, right + counts.false_positive + counts.false_negative)


def pixel_error(counts: Counts) -> Float[Tensor, "..."]:
    """Pixel error ``(FP + FN) / all``: the fraction of pixels that are wrong, 1 - accuracy; lower is better."""
    return 1 - accuracy(counts)


def sensitivity(counts: Counts) -> Float[Tensor, "..."]:
    """Sensitivity ``TP / (TP + FN)``, also called recall: how much of the foreground is found.

    Of an empty target it is 1 if nothing was found, else 0.
    """
    return counts.ratio(counts.true_positive, counts.true_positive + counts.false_negative)


def specificity(counts: Counts) -> Float[Tensor, "..."]:
    """Specificity ``TN / (TN + FP)``: how much of the background is left alone.

    Of a target that is all foreground it is 1 if all of it was found, else 0.
    """
    return counts.ratio(counts.true_negative, counts.true_negative + counts.false_positive)


def precision(counts: Counts) -> Float[Tensor, "..."]:
    """Precision ``TP / (TP + FP)``: how much of what was found is foreground.

    Of an empty prediction it is 1 if there was nothing to find, else 0.
    """
    return counts.ratio(counts.true_positive, counts.true_positive + counts.false_positive)


def balanced_accuracy(counts: Counts) -> Float[Tensor, "..."]:
    """Balanced accuracy: the mean of sensitivity and specificity, the accuracy if both classes were equally large.

    A prediction that finds nothing has 1/2, however rare the foreground is. Where there is no foreground, sensitivity
    is 1 if nothing was found, else 0, as everywhere here; scikit-learn has the specificity alone.
    """
    return (sensitivity(counts) + specificity(counts)) / 2


COUNT_SCORES: dict[str, Callable[[Counts], Tensor]] = {
    "dice": dice,
    "iou": iou,
    "accuracy": accuracy,
    "sensitivity": sensitivity,
    "specificity": specificity,
    "precision": precision,
    "balanced_accuracy": balanced_accuracy,
    "pixel_error": pixel_error,
}
"""By their names in ``metrics.json``."""
