"""Sensitivity."""

from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.metrics.counts import Counts, count


def sensitivity(
    preds: Bool[Tensor, "..."], target: Bool[Tensor, "..."], valid: Bool[Tensor, "*space"] | None = None
) -> Float[Tensor, "..."]:
    """Sensitivity ``TP / (TP + FN)``, also called recall: how much of the foreground is found.

    Of an empty target it is 1 if nothing was found, else 0.

    Args:
        preds: predicted foreground, [*space] or [K, *space].
        target: true foreground, of the same shape.
        valid: the pixels that count; None: all of them.

    Returns:
        The score in float64, [] or [K].

    Example:
        >>> import torch
        >>> sensitivity(torch.tensor([True, True, False, False]), torch.tensor([True, False, False, False]))
        tensor(1., dtype=torch.float64)
    """
    return sensitivity_of(count(preds, target, valid))


def sensitivity_of(counts: Counts) -> Float[Tensor, "..."]:
    """The same, of pixels that have been counted."""
    return counts.ratio(counts.true_positive, counts.true_positive + counts.false_negative)
