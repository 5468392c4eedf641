"""Specificity."""

from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.metrics.counts import Counts, count


def specificity(
    preds: Bool[Tensor, "..."], target: Bool[Tensor, "..."], valid: Bool[Tensor, "*space"] | None = None
) -> Float[Tensor, "..."]:
    """Specificity ``TN / (TN + FP)``: how much of the background is left alone.

    Of a target that is all foreground it is 1 if all of it was found, else 0.

    Args:
        preds: predicted foreground, [*space] or [K, *space].
        target: true foreground, of the same shape.
        valid: the pixels that count; None: all of them.

    Returns:
        The score in float64, [] or [K].

    Example:
        >>> import torch
        >>> specificity(torch.tensor([True, True, False, False]), torch.tensor([True, False, False, False]))
        tensor(0.6667, dtype=torch.float64)
    """
    return specificity_of(count(preds, target, valid))


def specificity_of(counts: Counts) -> Float[Tensor, "..."]:
    """The same, of pixels that have been counted."""
    return counts.ratio(counts.true_negative, counts.true_negative + counts.false_positive)
