"""Soft Dice and the cross-entropy that belongs to the head, together."""

from collections.abc import Sequence

from gequnet.losses.bce import BCELoss
from gequnet.losses.cross_entropy import CrossEntropyLoss
from gequnet.losses.dice_plus import DicePlus


class DiceCELoss(DicePlus):
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
        entropy = CrossEntropyLoss if head == "softmax" else BCELoss
        weights = {"dice_weight": dice_weight, "ce_weight": ce_weight}
        super().__init__(head, class_weights, smooth, over, entropy, weights)
