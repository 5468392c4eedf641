"""Numbers of right and wrong pixels, and quotients of them with a value for 0/0."""

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
        """Quotient in float64: 0/0 is 1 if no pixel is wrong, else 0; the result is nan without pixels.

        So an empty prediction of an empty target scores 1 (MONAI's ``ignore_empty=False``), and the precision of an
        empty prediction is 0 where the target is not empty (scikit-learn's default).
        """
        perfect = self.false_positive + self.false_negative == 0
        quotient = numerator.double() / denominator.clamp(min=1)
        scores = torch.where(denominator == 0, perfect.double(), quotient)
        return torch.where(torch.stack(self).sum(0) == 0, torch.nan, scores)


def count(
    preds: Bool[Tensor, "..."], target: Bool[Tensor, "..."], valid: Bool[Tensor, "*space"] | None = None
) -> Counts:
    """Count the pixels of one image, for one class or for each.

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
    predicted = (preds.reshape(*classes, -1) & inside).sum(-1)
    true = (target.reshape(*classes, -1) & inside).sum(-1)
    both = ((preds & target).reshape(*classes, -1) & inside).sum(-1)
    return Counts(both, predicted - both, true - both, inside.sum() - predicted - true + both)


def count_above(
    preds: Float[Tensor, "*space"],
    target: Bool[Tensor, "*space"],
    thresholds: Sequence[float],
    valid: Bool[Tensor, "*space"],
) -> Counts:
    """Count the pixels of one class for each threshold, in one pass over the pixels.

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
