"""How many pixels are right and wrong, and what becomes of 0/0."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class Counts(NamedTuple):
    """Numbers of pixels: true and false positives, false and true negatives; one of each for every class."""

    true_positive: Int[Tensor, "..."]
    false_positive: Int[Tensor, "..."]
    false_negative: Int[Tensor, "..."]
    true_negative: Int[Tensor, "..."]

    def ratio(self, numerator: Int[Tensor, "..."], denominator: Int[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The quotient in float64. 0/0 is 1 if no pixel is wrong, else 0; it is nan if there is no pixel.

        So an image without foreground in which none is found scores 1 (MONAI's ``ignore_empty=False``), and the
        precision of an empty prediction is 0 where there was something to find (scikit-learn's default).
        """
        perfect = self.false_positive + self.false_negative == 0
        quotient = numerator.double() / denominator.clamp(min=1)
        scores = torch.where(denominator == 0, perfect.double(), quotient)
        return torch.where(torch.stack(self).sum(0) == 0, torch.nan, scores)


def count(
    preds: Bool[Tensor, "..."], target: Bool[Tensor, "..."], valid: Bool[Tensor, "*space"] | None = None
) -> Counts:
    """Counts the pixels of one image, of one class or of each.

    Args:
        preds: predicted foreground, [*space] or [K, *space].
        target: true foreground, of the same shape.
        valid: the pixels that count; None: all of them, and then ``preds`` is [*space].

    Returns:
        Counts of shape [] or [K].
    """
    if valid is None:
        valid = torch.ones_like(preds)
    classes = preds.shape[: preds.ndim - valid.ndim]
    inside = valid.flatten()
    found = (preds.reshape(*classes, -1) & inside).sum(-1)
    wanted = (target.reshape(*classes, -1) & inside).sum(-1)
    both = ((preds & target).reshape(*classes, -1) & inside).sum(-1)
    return Counts(both, found - both, wanted - both, inside.sum() - found - wanted + both)


def count_above(
    preds: Float[Tensor, "*space"],
    target: Bool[Tensor, "*space"],
    thresholds: Sequence[float],
    valid: Bool[Tensor, "*space"],
) -> Counts:
    """Counts the pixels of one class once for each threshold, looking at each pixel once.

    Args:
        preds: probabilities; one above the threshold is predicted foreground, one equal to it is not.
        target: true foreground.
        thresholds: in rising order.
        valid: the pixels that count.

    Returns:
        Counts of shape [t].

    Example:
        >>> preds, target = torch.tensor([0.2, 0.6, 0.7]), torch.tensor([False, True, False])
        >>> count_above(preds, target, [0.1, 0.6], target | True).false_positive
        tensor([2, 1])
    """
    levels = len(thresholds) + 1
    passed = torch.bucketize(preds[valid], torch.tensor(thresholds, dtype=preds.dtype, device=preds.device))
    amounts = torch.bincount(passed + levels * target[valid], minlength=2 * levels).view(2, levels)
    below = amounts.cumsum(1)[:, :-1]
    above = amounts.sum(1, keepdim=True) - below
    return Counts(above[1], above[0], below[1], below[0])
