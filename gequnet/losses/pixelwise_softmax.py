"""Binary cross-entropy of softmax probabilities, class by class."""

from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.distributed import Share, local
from gequnet.losses.base import SegmentationLoss, mean_over_valid


def log_complement(logits: Float[Tensor, "b k *space"]) -> Float[Tensor, "b k *space"]:
    """``log(1 - p)`` of softmax probabilities p, to full precision for every p.

    For all classes but the likeliest, p is at most 1/2, and ``log(-expm1(log p))`` is precise. For the likeliest class
    ``1 - p`` is the sum of the others: the difference of two log-sum-exps, one of them without this class.

    Args:
        logits: of K >= 2 classes that exclude each other.
    """
    log_p = logits.log_softmax(1)
    likeliest = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, logits.argmax(1, keepdim=True), True)
    others = logits.masked_fill(likeliest, -torch.inf).logsumexp(1, keepdim=True)
    # Values that `where` does not select need a finite slope too: log(0) has none, and 0 times infinity is nan.
    at_most_half = torch.where(likeliest, -1, log_p)
    return torch.where(likeliest, others - logits.logsumexp(1, keepdim=True), torch.log(-torch.expm1(at_most_half)))


def pixelwise_softmax(
    logits: Float[Tensor, "b k *space"],
    target: Bool[Tensor, "b k *space"],
    valid: Bool[Tensor, "b *space"],
    class_weights: Float[Tensor, " k"] | None = None,
    weight: Float[Tensor, "b *space"] | None = None,
    share: Share = local,
) -> Float[Tensor, ""]:
    """Binary cross-entropy ``-t log p - (1 - t) log(1 - p)`` of softmax probabilities, mean over pixels and classes.

    Each class of each pixel has a binary cross-entropy, as in [`gequnet.losses.bce`][], but the probabilities are those
    of exclusive classes. For two classes ``1 - p`` of one is ``p`` of the other: the sum over classes is twice the
    softmax cross-entropy of the pixel, and the mean equals it. For more classes it is another loss. At p = 1/K it is
    ``log K - (1 - 1/K) log(K - 1)`` instead of ``log K``. It also depends on the wrong classes: it is smallest if they
    have equal probabilities, and largest if one of them has all. Without its second term it is 1/K of the softmax
    cross-entropy.

    Args:
        logits: of K >= 2 classes that exclude each other.
        target: one-hot.
        valid: the pixels that count.
        class_weights: one weight for each class, background included. It weighs the term of its class at all pixels, so
            with two classes weights change nothing.
        weight: weight of each pixel; its loss is multiplied by it before the mean.
        share: sums over all processes, see [`gequnet.distributed`][].
    """
    values = -torch.where(target, logits.log_softmax(1), log_complement(logits))
    return mean_over_valid(values, valid, class_weights, weight, share)


class PixelwiseSoftmaxLoss(SegmentationLoss):
    """Binary cross-entropy of softmax probabilities; see [`pixelwise_softmax`][].

    Example:
        >>> import torch
        >>> loss = PixelwiseSoftmaxLoss(head="softmax")
        >>> loss(torch.zeros(1, 3, 4, 4), torch.ones(1, 4, 4).long(), torch.ones(1, 4, 4).bool())
        tensor(0.6365)
    """

    heads: ClassVar[tuple[str, ...]] = ("softmax",)
    weighted: ClassVar[bool] = True

    def value(
        self,
        logits: Float[Tensor, "b k *space"],
        target: Bool[Tensor, "b k *space"],
        valid: Bool[Tensor, "b *space"],
        weight: Float[Tensor, "b *space"] | None = None,
    ) -> Float[Tensor, ""]:
        """See [`pixelwise_softmax`][]."""
        return pixelwise_softmax(logits, target, valid, self.class_weights, weight, self.share)
