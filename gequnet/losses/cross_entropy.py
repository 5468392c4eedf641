"""Softmax cross-entropy."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.distributed import Share, local
from gequnet.losses.base import SegmentationLoss


def cross_entropy(
    logits: Float[Tensor, "b k *space"],
    target: Bool[Tensor, "b k *space"],
    valid: Bool[Tensor, "b *space"],
    class_weights: Float[Tensor, " k"] | None = None,
    weight: Float[Tensor, "b *space"] | None = None,
    balance: bool = False,
    share: Share = local,
) -> Float[Tensor, ""]:
    """Softmax cross-entropy ``-log p[true class]``, mean over valid pixels, each weighted by its true class.

    A pixel whose label is no class belongs to no class and counts for nothing, as if it were not valid.

    Args:
        logits: of K >= 2 classes that exclude each other.
        target: one-hot.
        valid: the pixels that count.
        class_weights: one weight for each class, background included.
        weight: what the loss of each pixel is multiplied by before the mean.
        balance: mean over the pixels of each class first, and then over the classes that are there: as if a class's
            weight were inverse to its share among the valid pixels of the batch.
        share: makes sums those of all processes, see [`gequnet.distributed`][].
    """
    counted = (target & valid.unsqueeze(1)).transpose(0, 1).flatten(1)
    class_weights = logits.new_ones(len(counted)) if class_weights is None else class_weights
    losses = -logits.log_softmax(1)
    losses = losses if weight is None else weight.unsqueeze(1) * losses
    total, pixels = torch.where(counted, losses.transpose(0, 1).flatten(1), 0).sum(1), counted.sum(1)
    total, pixels = share(torch.stack([total, pixels.to(total)])).unbind()
    if balance:
        total, pixels = total / pixels.clamp(min=1), pixels.clamp(max=1)
    divisor = (class_weights * pixels).sum()
    return (class_weights * total).sum() / torch.where(divisor > 0, divisor, 1)


class CrossEntropyLoss(SegmentationLoss):
    """Softmax cross-entropy; see [`cross_entropy`][].

    It refuses the sigmoid head, because over one channel it is zero for ever, silently.

    Args:
        head: ``softmax``.
        class_weights: one number for each of the K logits, background included; None: all count the same.
        balance: whether in each batch classes count the same however few pixels they have; ``class_weights`` are then
            those of classes and no more of pixels.

    Example:
        >>> import torch
        >>> loss = CrossEntropyLoss(head="softmax")
        >>> loss(torch.zeros(1, 2, 4, 4), torch.ones(1, 4, 4).long(), torch.ones(1, 4, 4).bool())
        tensor(0.6931)
    """

    heads: ClassVar[tuple[str, ...]] = ("softmax",)
    weighted: ClassVar[bool] = True

    def __init__(self, head: str, class_weights: Sequence[float] | None = None, balance: bool = False) -> None:
        super().__init__(head, class_weights)
        self.balance = balance

    def value(
        self,
        logits: Float[Tensor, "b k *space"],
        target: Bool[Tensor, "b k *space"],
        valid: Bool[Tensor, "b *space"],
        weight: Float[Tensor, "b *space"] | None = None,
    ) -> Float[Tensor, ""]:
        """See [`cross_entropy`][]."""
        return cross_entropy(logits, target, valid, self.class_weights, weight, self.balance, self.share)
