"""Soft Dice and the cross-entropy that belongs to the head, together."""

from collections.abc import Sequence

from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.errors import ConfigError
from gequnet.losses.base import SegmentationLoss
from gequnet.losses.bce import BCELoss
from gequnet.losses.cross_entropy import CrossEntropyLoss
from gequnet.losses.dice import DiceLoss


class DiceCELoss(SegmentationLoss):
    """``dice_weight (1 - soft Dice) + ce_weight CE``, for any data.

    Under sigmoids the cross-entropy is the binary one, and this is [`gequnet.losses.dice_bce.DiceBCELoss`][]; under a
    softmax it is that of the softmax, and the Dice is the mean over the classes without the background.

    Args:
        head: ``sigmoid`` or ``softmax``.
        class_weights: one number for each logit, used in both terms; None: all count the same.
        smooth: of the Dice, in pixels; see [`gequnet.losses.overlap.OverlapLoss`][].
        over: ``batch`` or ``image``: what the Dice sums over.
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
        super().__init__(head, class_weights)
        if min(dice_weight, ce_weight) < 0 or dice_weight + ce_weight == 0:
            raise ConfigError(
                f"loss.dice_weight={dice_weight} and loss.ce_weight={ce_weight} must not be below 0, nor both 0."
            )
        self.dice = DiceLoss(head, class_weights, smooth, over)
        self.ce = CrossEntropyLoss(head, class_weights) if head == "softmax" else BCELoss(head, class_weights)
        self.dice_weight = float(dice_weight)
        self.ce_weight = float(ce_weight)

    def value(
        self,
        logits: Float[Tensor, "b k *space"],
        target: Bool[Tensor, "b k *space"],
        valid: Bool[Tensor, "b *space"],
    ) -> Float[Tensor, ""]:
        """The weighted sum of both."""
        dice = self.dice.value(logits, target, valid)
        return self.dice_weight * dice + self.ce_weight * self.ce.value(logits, target, valid)
