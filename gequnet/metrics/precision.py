"""Precision."""

from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.metrics.counts import Counts, count


def precision(
    preds: Bool[Tensor, "..."], target: Bool[Tensor, "..."], valid: Bool[Tensor, "*space"] | None = None
) -> Float[Tensor, "..."]:
    """Precision ``TP / (TP + FP)``: how much of what was found is foreground.

    Of an empty prediction it is 1 if there was nothing to find, else 0.

    Args:
        preds: predicted foreground, [*space] or [K, *space].
        target: true foreground, of the same shape.
        valid: the pixels that count; None: all of them.

    Returns:
        The score in float64, [] or [K].

    Example:
        >>> import torch
        >>> precision(torch.tensor([True, True, False, False]), torch.tensor([True, False, False, False]))
        tensor(0.5000, dtype=torch.float64)
    """
    return precision_of(count(preds, target, valid))


def precision_of(counts: Counts) -> Float[Tensor, "..."]:
    """The same, of pixels that have been counted."""
    return counts.ratio(counts.true_positive, counts.true_positive + counts.false_positive)
