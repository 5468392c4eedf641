"""Soft Tversky index."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from gequnet.errors import ConfigError
from gequnet.losses.overlap import OverlapLoss, SoftCounts, ratio


def soft_tversky(
    counts: SoftCounts, alpha: float = 0.3, beta: float = 0.7, smooth: float = 1.0
) -> Float[Tensor, "n k"]:
    """Soft Tversky index ``(TP + smooth) / (TP + alpha FP + beta FN + smooth)``.

    ``alpha = beta = 1/2`` is the soft Dice (with twice the ``smooth``), ``alpha = beta = 1`` the soft IoU.

    Args:
        counts: from [`gequnet.losses.overlap.soft_counts`][].
        alpha: weight of false positives.
        beta: weight of false negatives.
        smooth: in pixels; 0/0 is 1.

    References:
        Salehi, Erdogmus, Gholipour: Tversky loss (arXiv:1706.05721).
    """
    both = counts.true_positive
    wrong = alpha * counts.false_positive + beta * counts.false_negative
    return ratio(both + smooth, both + wrong + smooth)


class TverskyLoss(OverlapLoss):
    """``1 - soft Tversky index``, see [`soft_tversky`][].

    By default a false negative counts more than a false positive, for thin structures.

    Args:
        head: ``sigmoid`` or ``softmax``. For this and the next arguments see [`gequnet.losses.overlap.OverlapLoss`][].
        class_weights: one number for each of the K logits, background included.
        smooth: in pixels.
        over: ``batch`` or ``image``.
        include_background: True if class 0 of a softmax counts.
        alpha: weight of false positives, not below 0.
        beta: weight of false negatives, not below 0.

    Raises:
        ConfigError: a value is not one of those above.

    Example:
        >>> import torch
        >>> loss = TverskyLoss(head="sigmoid", smooth=0.0)
        >>> loss(torch.zeros(1, 1, 4, 4), torch.ones(1, 4, 4).long(), torch.ones(1, 4, 4).bool())
        tensor(0.4118)
    """

    def __init__(
        self,
        head: str,
        class_weights: Sequence[float] | None = None,
        smooth: float = 1.0,
        over: str = "batch",
        include_background: bool = False,
        alpha: float = 0.3,
        beta: float = 0.7,
    ) -> None:
        super().__init__(head, class_weights, smooth, over, include_background)
        if min(alpha, beta) < 0 or alpha + beta == 0:
            raise ConfigError(f"loss.alpha={alpha} and loss.beta={beta} must not be below 0, nor both 0.")
        self.alpha = float(alpha)
        self.beta = float(beta)

    def score(self, counts: SoftCounts) -> Float[Tensor, "n k"]:
        """See [`soft_tversky`][]."""
        return soft_tversky(counts, self.alpha, self.beta, self.smooth)
