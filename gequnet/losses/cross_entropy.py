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

    A pixel with a label that is not a class counts as not valid.

    Args:
        logits: of K >= 2 classes that exclude each other.
        target: one-hot.
        valid: the pixels that count.
        class_weights: one weight for each class, background included.
        weight: weight of each pixel; its loss is multiplied by it before the mean.
        balance: True for the mean over the pixels of each class first, then over the classes in the batch. This equals
            class weights inverse to the share of each class among the valid pixels of the batch.
        share: sums over all processes, see [`gequnet.distributed`][].
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

    The sigmoid head is refused: over one channel the loss would always be 0.

    Args:
        head: ``softmax``.
        class_weights: one number for each of the K logits, background included; None: all count the same.
        balance: True if in each batch all classes count the same, whatever their number of pixels; ``class_weights``
            then weigh the classes instead of their pixels.

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
