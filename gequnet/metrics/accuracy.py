"""Accuracy."""

from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.metrics.counts import Counts, count


def accuracy(
    preds: Bool[Tensor, "..."], target: Bool[Tensor, "..."], valid: Bool[Tensor, "*space"] | None = None
) -> Float[Tensor, "..."]:
    """Accuracy ``(TP + TN) / all``: the fraction of pixels that are right, of one class against the rest.

    Where foreground is rare it is high for a prediction that finds none: read it beside Dice.

    Args:
        preds: predicted foreground, [*space] or [K, *space].
        target: true foreground, of the same shape.
        valid: the pixels that count; None: all of them.

    Returns:
        The score in float64, [] or [K].

    Example:
        >>> import torch
        >>> accuracy(torch.tensor([True, True, False, False]), torch.tensor([True, False, False, False]))
        tensor(0.7500, dtype=torch.float64)
    """
    return accuracy_of(count(preds, target, valid))


def accuracy_of(counts: Counts) -> Float[Tensor, "..."]:
    """The same, of pixels that have been counted."""
    right = counts.true_positive + counts.true_negative
    return counts.ratio(right, right + counts.false_positive + counts.false_negative)
