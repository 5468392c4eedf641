"""Focal loss."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from gequnet.errors import ConfigError
from gequnet.losses.base import SegmentationLoss, mean_over_valid


def sigmoid_focal(
    logits: Float[Tensor, "b k *space"],
    target: Bool[Tensor, "b k *space"],
    gamma: float = 2.0,
    alpha: float | None = None,
) -> Float[Tensor, "b k *space"]:
    """Focal loss ``-(1 - q)^gamma log q`` of each pixel, where q is the probability of the true label.

    Args:
        logits: log-odds.
        target: the classes of each pixel.
        gamma: the larger, the less well-classified pixels count; 0 is the binary cross-entropy.
        alpha: weight of foreground; the weight of background is ``1 - alpha``. None: no weights.

    References:
        Lin et al.: Focal loss for dense object detection (arXiv:1708.02002), there divided by the number of
        foreground anchors, here to be averaged over all valid pixels.
    """
    signed = torch.where(target, logits, -logits)
    values = -F.logsigmoid(signed) * _power(torch.sigmoid(-signed), gamma)
    return values if alpha is None else torch.where(target, alpha, 1 - alpha) * values


def softmax_focal(
    logits: Float[Tensor, "b k *space"], target: Bool[Tensor, "b k *space"], gamma: float = 2.0
) -> Float[Tensor, "b k *space"]:
    """Focal loss ``-(1 - q)^gamma log q`` in the channel of the true class and 0 in the others.

    Args:
        logits: of K >= 2 classes that exclude each other.
        target: one-hot.
        gamma: the larger, the less well-classified pixels count; 0 is the cross-entropy.
    """
    log_probabilities = logits.log_softmax(1)
    values = -log_probabilities * _power(-torch.expm1(log_probabilities), gamma)
    return torch.where(target, values, 0)


def _power(missing: Float[Tensor, "b k *space"], gamma: float) -> Float[Tensor, "b k *space"]:
    # Clamped above 0, where a power below 1 has an infinite slope and the gradient would be nan.
    return missing.clamp(min=torch.finfo(missing.dtype).eps) ** gamma


class FocalLoss(SegmentationLoss):
    """Focal loss, mean over valid pixels; see [`sigmoid_focal`][] and [`softmax_focal`][].

    Args:
        head: ``sigmoid`` or ``softmax``.
        class_weights: one number for each of the K logits. Under a sigmoid they weigh the mean over regions,
            under a softmax the loss of each pixel by its true class. They are divided by their mean, not by the
            total weight of the pixels.
        gamma: 0 or more.
        alpha: between 0 and 1, for a sigmoid only.

    Raises:
        ConfigError: a value is not one of those above.

    Example:
        >>> import torch
        >>> loss = FocalLoss(head="sigmoid")
        >>> loss(torch.zeros(1, 1, 4, 4), torch.ones(1, 4, 4).long(), torch.ones(1, 4, 4).bool())
        tensor(0.1733)
    """

    weighted: ClassVar[bool] = True

    def __init__(
        self,
        head: str,
        class_weights: Sequence[float] | None = None,
        gamma: float = 2.0,
        alpha: float | None = None,
    ) -> None:
        super().__init__(head, class_weights)
        if gamma < 0:
            raise ConfigError(f"loss.gamma={gamma} must not be below 0; 2 is the usual choice.")
        if alpha is not None and not (head == "sigmoid" and 0 <= alpha <= 1):
            raise ConfigError(
                f"loss.alpha={alpha} must lie between 0 and 1 and weighs the foreground of head=sigmoid; "
                f"under head={head} leave it null and use loss.class_weights."
            )
        self.gamma = float(gamma)
        self.alpha = None if alpha is None else float(alpha)

    def value(
        self,
        logits: Float[Tensor, "b k *space"],
        target: Bool[Tensor, "b k *space"],
        valid: Bool[Tensor, "b *space"],
        weight: Float[Tensor, "b *space"] | None = None,
    ) -> Float[Tensor, ""]:
        """Mean over valid pixels of the focal loss."""
        if self.head == "sigmoid":
            values = sigmoid_focal(logits, target, self.gamma, self.alpha)
            return mean_over_valid(values, valid, self.class_weights, weight, self.share)
        # Only the channel of the true class has a loss, so the mean over K channels is 1/K of the loss of the pixel.
        values = logits.shape[1] * softmax_focal(logits, target, self.gamma)
        return mean_over_valid(values, valid, self.class_weights, weight, self.share)
