"""Compound losses: weighted sums of a soft Dice loss and a cross-entropy."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.errors import ConfigError
from gequnet.losses.base import SegmentationLoss
from gequnet.losses.bce import BCELoss
from gequnet.losses.cross_entropy import CrossEntropyLoss
from gequnet.losses.dice import DiceLoss


class DicePlus(SegmentationLoss):
    """The weighted sum of ``1 - soft Dice`` and another loss.

    Weights of pixels apply to the other loss only, which is a mean over pixels; the Dice is not.

    Args:
        head: ``sigmoid`` or ``softmax``.
        class_weights: one number for each logit, used in both terms; None: all count the same.
        smooth: of the Dice, in pixels; see [`gequnet.losses.overlap.OverlapLoss`][].
        over: ``batch`` or ``image``, the pixels that the Dice sums over.
        other: the class of the second loss.
        weights: weights of the Dice and of the other loss, by their names in the configuration.

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
        """Weighted sum of both losses."""
        more = {} if weight is None else {"weight": weight}
        dice, other = self.dice.value(logits, target, valid), self.other.value(logits, target, valid, **more)
        return self.dice_weight * dice + self.other_weight * other


class DiceBCELoss(DicePlus):
    """``dice_weight (1 - soft Dice) + bce_weight BCE``.

    The cross-entropy keeps the probability of each pixel calibrated. The Dice balances a thin foreground against its
    large background.

    Args:
        head: ``sigmoid``; a softmax has its own cross-entropy.
        class_weights: one number for each region, used in both terms; None: all count the same.
        smooth: of the Dice, in pixels; see [`gequnet.losses.overlap.OverlapLoss`][].
        over: ``batch`` or ``image``, the pixels that the Dice sums over.
        dice_weight: of the Dice, not below 0.
        bce_weight: of the cross-entropy, not below 0.

    Raises:
        ConfigError: a value is not one of those above.

    Example:
        >>> import torch
        >>> loss = DiceBCELoss(head="sigmoid", smooth=0.0)
        >>> loss(torch.zeros(1, 1, 4, 4), torch.ones(1, 4, 4).long(), torch.ones(1, 4, 4).bool())
        tensor(1.0265)
    """

    heads: ClassVar[tuple[str, ...]] = ("sigmoid",)

    def __init__(
        self,
        head: str,
        class_weights: Sequence[float] | None = None,
        smooth: float = 1.0,
        over: str = "batch",
        dice_weight: float = 1.0,
        bce_weight: float = 1.0,
    ) -> None:
        weights = {"dice_weight": dice_weight, "bce_weight": bce_weight}
        super().__init__(head, class_weights, smooth, over, BCELoss, weights)


class DiceCELoss(DicePlus):
    """``dice_weight (1 - soft Dice) + ce_weight CE``, for any data.

    With sigmoids the cross-entropy is binary, and the loss is [`gequnet.losses.compound.DiceBCELoss`][]. With a softmax
    it is the softmax cross-entropy, and the Dice is the mean over the classes without the background.

    Args:
        head: ``sigmoid`` or ``softmax``.
        class_weights: one number for each logit, used in both terms; None: all count the same.
        smooth: of the Dice, in pixels; see [`gequnet.losses.overlap.OverlapLoss`][].
        over: ``batch`` or ``image``, the pixels that the Dice sums over.
        dice_weight: of the Dice, not below 0.
        ce_weight: of the cross-entropy, not below 0.

    Raises:
        ConfigError: a value is not one of those above.

    Example:
        >>> import torch
        >>> loss = DiceCELoss(head="softmax", smooth=0.0)
        >>> loss(torch.zeros(1, 2, 4, 4), torch.ones(1, 4, 4).long(), torch.ones(1, 4, 4).bool())
        tensor(1.0265)
    """

    def __init__(
        self,
        head: str,
        class_weights: Sequence[float] | None = None,
        smooth: float = 1.0,
        over: str = "batch",
        dice_weight: float = 1.0,
        ce_weight: float = 1.0,
    ) -> None:
        entropy = CrossEntropyLoss if head == "softmax" else BCELoss
        weights = {"dice_weight": dice_weight, "ce_weight": ce_weight}
        super().__init__(head, class_weights, smooth, over, entropy, weights)
