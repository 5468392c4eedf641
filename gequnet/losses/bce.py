"""Binary cross-entropy."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from gequnet.distributed import Share, local
from gequnet.errors import ConfigError
from gequnet.losses.base import SegmentationLoss, mean_over_valid


def bce(
    logits: Float[Tensor, "b k *space"],
    target: Bool[Tensor, "b k *space"],
    valid: Bool[Tensor, "b *space"],
    class_weights: Float[Tensor, " k"] | None = None,
    pos_weight: float = 1.0,
    weight: Float[Tensor, "b *space"] | None = None,
    share: Share = local,
) -> Float[Tensor, ""]:
    """Binary cross-entropy ``-pos_weight t log p - (1 - t) log(1 - p)``, mean over valid pixels and classes.

    Args:
        logits: log-odds of the probabilities p.
        target: the classes of each pixel.
        valid: the pixels that count.
        class_weights: one weight for each region.
        pos_weight: weight of a foreground pixel; a background pixel has weight 1.
        weight: weight of each pixel; its loss is multiplied by it before the mean.
        share: sums over all processes, see [`gequnet.distributed`][].
    """
    values = F.binary_cross_entropy_with_logits(logits, target.to(logits), reduction="none")
    if pos_weight != 1:
        values = torch.where(target, pos_weight * values, values)
    return mean_over_valid(values, valid, class_weights, weight, share)


class BCELoss(SegmentationLoss):
    """Binary cross-entropy of one sigmoid, or of one sigmoid for each overlapping region; see [`bce`][].

    Example:
        >>> import torch
        >>> loss = BCELoss(head="sigmoid")
        >>> loss(torch.zeros(1, 1, 4, 4), torch.ones(1, 4, 4).long(), torch.ones(1, 4, 4).bool())
        tensor(0.6931)
    """

    heads: ClassVar[tuple[str, ...]] = ("sigmoid",)
    weighted: ClassVar[bool] = True

    def __init__(self, head: str, class_weights: Sequence[float] | None = None, pos_weight: float = 1.0) -> None:
        super().__init__(head, class_weights)
        if pos_weight <= 0:
            raise ConfigError(f"loss.pos_weight={pos_weight} must be above 0; with 1 all pixels count the same.")
        self.pos_weight = float(pos_weight)

    def value(
        self,
        logits: Float[Tensor, "b k *space"],
        target: Bool[Tensor, "b k *space"],
        valid: Bool[Tensor, "b *space"],
        weight: Float[Tensor, "b *space"] | None = None,
    ) -> Float[Tensor, ""]:
        """See [`bce`][]."""
        return bce(logits, target, valid, self.class_weights, self.pos_weight, weight, self.share)
