"""Softmax cross-entropy."""

from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.losses.base import SegmentationLoss


def cross_entropy(
    logits: Float[Tensor, "b k *space"],
    target: Bool[Tensor, "b k *space"],
    valid: Bool[Tensor, "b *space"],
    class_weights: Float[Tensor, " k"] | None = None,
) -> Float[Tensor, ""]:
    """Softmax cross-entropy ``-log p[true class]``, mean over valid pixels, each weighted by its true class.

    A pixel whose label is no class belongs to no class and counts for nothing, as if it were not valid.

    Args:
        logits: of K >= 2 classes that exclude each other.
        target: one-hot.
        valid: the pixels that count.
        class_weights: one weight for each class, background included.
    """
    counted = (target & valid.unsqueeze(1)).transpose(0, 1).flatten(1)
    weights = logits.new_ones(len(counted)) if class_weights is None else class_weights
    log_probabilities = logits.log_softmax(1).transpose(0, 1).flatten(1)
    total = torch.where(counted, log_probabilities, 0).sum(1)
    weight = (weights * counted.sum(1)).sum()
    return -(weights * total).sum() / torch.where(weight > 0, weight, 1)


class CrossEntropyLoss(SegmentationLoss):
    """Softmax cross-entropy; see [`cross_entropy`][].

    It refuses the sigmoid head, because over one channel it is zero for ever, silently.

    Example:
        >>> import torch
        >>> loss = CrossEntropyLoss(head="softmax")
        >>> loss(torch.zeros(1, 2, 4, 4), torch.ones(1, 4, 4).long(), torch.ones(1, 4, 4).bool())
        tensor(0.6931)
    """

    heads: ClassVar[tuple[str, ...]] = ("softmax",)

    def value(
        self,
        logits: Float[Tensor, "b k *space"],
        target: Bool[Tensor, "b k *space"],
        valid: Bool[Tensor, "b *space"],
    ) -> Float[Tensor, ""]:
        """See [`cross_entropy`][]."""
        return cross_entropy(logits, target, valid, self.class_weights)
