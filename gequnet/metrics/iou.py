"""Intersection over union."""

from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.metrics.counts import Counts, count


def iou(
    preds: Bool[Tensor, "..."], target: Bool[Tensor, "..."], valid: Bool[Tensor, "*space"] | None = None
) -> Float[Tensor, "..."]:
    """Intersection over union ``TP / (TP + FP + FN)``, also called Jaccard index.

    An empty prediction of an empty target scores 1.

    Args:
        preds: predicted foreground, [*space] or [K, *space].
        target: true foreground, of the same shape.
        valid: the pixels that count; None: all of them.

    Returns:
        The score in float64, [] or [K].

    Example:
        >>> import torch
        >>> iou(torch.tensor([True, True, False, False]), torch.tensor([True, False, False, False]))
        tensor(0.5000, dtype=torch.float64)
    """
    return iou_of(count(preds, target, valid))


def iou_of(counts: Counts) -> Float[Tensor, "..."]:
    """The same, of pixels that have been counted."""
    both = counts.true_positive
    return counts.ratio(both, both + counts.false_positive + counts.false_negative)
