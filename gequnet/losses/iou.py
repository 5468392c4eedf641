"""Soft intersection over union."""

from jaxtyping import Float
from torch import Tensor

from gequnet.losses.overlap import OverlapLoss, SoftCounts, ratio


def soft_iou(counts: SoftCounts, smooth: float = 1.0) -> Float[Tensor, "n k"]:
    """Soft intersection over union (Jaccard) ``(TP + smooth) / (TP + FP + FN + smooth)``.

    With ``smooth=0`` it is ``D / (2 - D)`` of the soft Dice D.

    Args:
        counts: from [`gequnet.losses.overlap.soft_counts`][].
        smooth: in pixels; 0/0 is 1.
    """
    both = counts.true_positive
    return ratio(both + smooth, both + counts.false_positive + counts.false_negative + smooth)


class IoULoss(OverlapLoss):
    """``1 - soft IoU``, see [`soft_iou`][]; arguments: [`gequnet.losses.overlap.OverlapLoss`][].

    Example:
        >>> import torch
        >>> loss = IoULoss(head="sigmoid", smooth=0.0)
        >>> loss(torch.zeros(1, 1, 4, 4), torch.ones(1, 4, 4).long(), torch.ones(1, 4, 4).bool())
        tensor(0.5000)
    """

    def score(self, counts: SoftCounts) -> Float[Tensor, "n k"]:
        """See [`soft_iou`][]."""
        return soft_iou(counts, self.smooth)
