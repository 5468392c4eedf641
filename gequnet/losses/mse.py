"""Mean squared error of the probabilities."""

from typing import ClassVar

from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.distributed import Share, local
from gequnet.heads import probabilities
from gequnet.losses.base import SegmentationLoss, mean_over_valid


def mse(
    preds: Float[Tensor, "b k *space"],
    target: Bool[Tensor, "b k *space"],
    valid: Bool[Tensor, "b *space"],
    class_weights: Float[Tensor, " k"] | None = None,
    weight: Float[Tensor, "b *space"] | None = None,
    share: Share = local,
) -> Float[Tensor, ""]:
    """Squared difference ``(p - t)^2`` (Brier score), mean over valid pixels and classes.

    Args:
        preds: probabilities, not logits.
        target: the classes of each pixel.
        valid: the pixels that count.
        class_weights: one weight for each class.
        weight: weight of each pixel; its error is multiplied by it before the mean.
        share: sums over all processes, see [`gequnet.distributed`][].
    """
    return mean_over_valid((preds - target.to(preds)) ** 2, valid, class_weights, weight, share)


class MSELoss(SegmentationLoss):
    """Mean squared error of sigmoid or softmax probabilities; see [`mse`][].

    Example:
        >>> import torch
        >>> loss = MSELoss(head="sigmoid")
        >>> loss(torch.zeros(1, 1, 4, 4), torch.ones(1, 4, 4).long(), torch.ones(1, 4, 4).bool())
        tensor(0.2500)
    """

    weighted: ClassVar[bool] = True

    def value(
        self,
        logits: Float[Tensor, "b k *space"],
        target: Bool[Tensor, "b k *space"],
        valid: Bool[Tensor, "b *space"],
        weight: Float[Tensor, "b *space"] | None = None,
    ) -> Float[Tensor, ""]:
        """See [`mse`][]."""
        return mse(probabilities(logits, self.head), target, valid, self.class_weights, weight, self.share)
