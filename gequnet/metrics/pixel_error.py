"""Pixel error."""

from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.metrics.accuracy import accuracy_of
from gequnet.metrics.counts import Counts, count


def pixel_error(
    preds: Bool[Tensor, "..."], target: Bool[Tensor, "..."], valid: Bool[Tensor, "*space"] | None = None
) -> Float[Tensor, "..."]:
    """Pixel error ``(FP + FN) / all``: the fraction of pixels that are wrong, 1 - accuracy; lower is better.

    Args:
        preds: predicted foreground, [*space] or [K, *space].
        target: true foreground, of the same shape.
        valid: the pixels that count; None: all of them.

    Returns:
        The score in float64, [] or [K].

    Example:
        >>> import torch
        >>> pixel_error(torch.tensor([True, True, False, False]), torch.tensor([True, False, False, False]))
        tensor(0.2500, dtype=torch.float64)
    """
    return pixel_error_of(count(preds, target, valid))


def pixel_error_of(counts: Counts) -> Float[Tensor, "..."]:
    """The same, of pixels that have been counted."""
    return 1 - accuracy_of(counts)
