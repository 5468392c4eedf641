"""Soft Dice."""

from jaxtyping import Float
from torch import Tensor

from gequnet.losses.overlap import OverlapLoss, SoftCounts, ratio


def soft_dice(counts: SoftCounts, smooth: float = 1.0) -> Float[Tensor, "n k"]:
    """Soft Dice ``(2 TP + smooth) / (2 TP + FP + FN + smooth)`` with probabilities for labels.

    The denominator is ``sum p + sum t``, without squares.

    Args:
        counts: from [`gequnet.losses.overlap.soft_counts`][].
        smooth: in pixels; 0/0 is 1.

    References:
        Milletari, Navab, Ahmadi: V-Net (arXiv:1606.04797), there with squares in the denominator.
    """
    both = 2 * counts.true_positive
    return ratio(both + smooth, both + counts.false_positive + counts.false_negative + smooth)


class DiceLoss(OverlapLoss):
    """``1 - soft Dice``, see [`soft_dice`][]; arguments: [`gequnet.losses.overlap.OverlapLoss`][].

    Example:
        >>> import torch
        >>> loss = DiceLoss(head="sigmoid", smooth=0.0)
        >>> loss(torch.zeros(1, 1, 4, 4), torch.ones(1, 4, 4).long(), torch.ones(1, 4, 4).bool())
        tensor(0.3333)
    """

    def score(self, counts: SoftCounts) -> Float[Tensor, "n k"]:
        """See [`soft_dice`][]."""
        return soft_dice(counts, self.smooth)
