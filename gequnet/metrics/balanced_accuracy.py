"""Balanced accuracy."""

from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.metrics.counts import Counts, count
from gequnet.metrics.sensitivity import sensitivity_of
from gequnet.metrics.specificity import specificity_of


def balanced_accuracy(
    preds: Bool[Tensor, "..."], target: Bool[Tensor, "..."], valid: Bool[Tensor, "*space"] | None = None
) -> Float[Tensor, "..."]:
    """Balanced accuracy: the mean of sensitivity and specificity, the accuracy if both classes were equally large.

    A prediction that finds nothing has 1/2, however rare the foreground is. Where there is no foreground, sensitivity
    is 1 if nothing was found, else 0, as everywhere here; scikit-learn has the specificity alone.

    Args:
        preds: predicted foreground, [*space] or [K, *space].
        target: true foreground, of the same shape.
        valid: the pixels that count; None: all of them.

    Returns:
        The score in float64, [] or [K].

    Example:
        >>> import torch
        >>> balanced_accuracy(torch.tensor([True, True, False, False]), torch.tensor([True, False, False, False]))
        tensor(0.8333, dtype=torch.float64)
    """
    return balanced_accuracy_of(count(preds, target, valid))


def balanced_accuracy_of(counts: Counts) -> Float[Tensor, "..."]:
    """The same, of pixels that have been counted."""
    return (sensitivity_of(counts) + specificity_of(counts)) / 2
