"""Soft Dice and binary cross-entropy together."""

from collections.abc import Sequence
from typing import ClassVar

from gequnet.losses.bce import BCELoss
from gequnet.losses.dice_plus import DicePlus


class DiceBCELoss(DicePlus):
    """``dice_weight (1 - soft Dice) + bce_weight BCE``.

    The cross-entropy makes each pixel's probability honest, the Dice sees to it that a thin foreground is not
    outvoted by its background.

    Args:
        head: ``sigmoid``; a softmax has its own cross-entropy.
        class_weights: one number for each region, used in both terms; None: all count the same.
        smooth: of the Dice, in pixels; see [`gequnet.losses.overlap.OverlapLoss`][].
        over: ``batch`` or ``image``: what the Dice sums over.
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
