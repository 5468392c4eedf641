"""A soft Dice and a second loss, weighted: what the sums of a Dice and a cross-entropy share."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.errors import ConfigError
from gequnet.losses.base import SegmentationLoss
from gequnet.losses.dice import DiceLoss


class DicePlus(SegmentationLoss):
    """The weighted sum of ``1 - soft Dice`` and another loss.

    A weight of each pixel is the other loss's, which is a mean over pixels; the Dice is not and does without.

    Args:
        head: ``sigmoid`` or ``softmax``.
        class_weights: one number for each logit, used in both terms; None: all count the same.
        smooth: of the Dice, in pixels; see [`gequnet.losses.overlap.OverlapLoss`][].
        over: ``batch`` or ``image``: what the Dice sums over.
        other: the class of the second loss.
        weights: of the Dice and of the other, by the names that the configuration has for them.

    Raises:
        ConfigError: a weight is below 0, or both are 0.
    """

    weighted: ClassVar[bool] = True

    def __init__(
        self,
        head: str,
        class_weights: Sequence[float] | None,
        smooth: float,
        over: str,
        other: type[SegmentationLoss],
        weights: Mapping[str, float],
    ) -> None:
        super().__init__(head, class_weights)
        if min(weights.values()) < 0 or sum(weights.values()) == 0:
            given = " and ".join(f"loss.{name}={weight}" for name, weight in weights.items())
            raise ConfigError(f"{given} must not be below 0, nor both 0.")
        self.dice, self.other = DiceLoss(head, class_weights, smooth, over), other(head, class_weights)
        self.dice_weight, self.other_weight = (float(weight) for weight in weights.values())

    def value(
        self,
        logits: Float[Tensor, "b k *space"],
        target: Bool[Tensor, "b k *space"],
        valid: Bool[Tensor, "b *space"],
        weight: Float[Tensor, "b *space"] | None = None,
    ) -> Float[Tensor, ""]:
        """The weighted sum of both."""
        more = {} if weight is None else {"weight": weight}
        dice, other = self.dice.value(logits, target, valid), self.other.value(logits, target, valid, **more)
        return self.dice_weight * dice + self.other_weight * other
