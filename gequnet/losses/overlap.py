"""Overlap losses (Dice, IoU, Tversky): soft counts of correct and wrong pixels, and the loss from their scores."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.distributed import Share, local
from gequnet.errors import ConfigError
from gequnet.heads import foreground_classes, probabilities
from gequnet.losses.base import SegmentationLoss

SUMS = ("batch", "image")


class SoftCounts(NamedTuple):
    """Soft counts of true positives, false positives and false negatives, for n groups of images and k classes.

    Each is a sum of probabilities over valid pixels.
    """

    true_positive: Float[Tensor, "n k"]
    false_positive: Float[Tensor, "n k"]
    false_negative: Float[Tensor, "n k"]


def soft_counts(
    preds: Float[Tensor, "b k *space"],
    target: Bool[Tensor, "b k *space"],
    valid: Bool[Tensor, "b *space"],
    over: str = "batch",
    share: Share = local,
) -> SoftCounts:
    """Sums of ``p t``, ``p (1 - t)``, ``(1 - p) t`` over the valid pixels of each image, or of the batch.

    ``share`` sums over all processes, see [`gequnet.distributed`][].
    """
    inside = valid.unsqueeze(1)
    preds = torch.where(inside, preds, 0).flatten(2)
    labels = (target & inside).flatten(2).to(preds)
    sums = torch.stack([(preds * labels).sum(2), preds.sum(2), labels.sum(2)])
    if over == "batch":
        sums = share(sums.sum(1, keepdim=True))
    both, predicted, true = sums.unbind()
    return SoftCounts(both, predicted - both, true - both)


def ratio(numerator: Float[Tensor, "n k"], denominator: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """Quotient, and 1 for 0/0: an empty prediction of an empty class is perfect."""
    empty = denominator <= 0
    return torch.where(empty, torch.ones_like(numerator), numerator / torch.where(empty, 1, denominator))


def overlap_loss(
    score: Callable[[SoftCounts], Float[Tensor, "n k"]],
    preds: Float[Tensor, "b k *space"],
    target: Bool[Tensor, "b k *space"],
    valid: Bool[Tensor, "b *space"],
    over: str = "batch",
    class_weights: Float[Tensor, " k"] | None = None,
    share: Share = local,
) -> Float[Tensor, ""]:
    """``1 - score``, mean over the (weighted) classes, then over the images with a valid pixel."""
    missing = 1 - score(soft_counts(preds, target, valid, over, share))
    weights = torch.ones_like(missing[0]) if class_weights is None else class_weights
    of_group = (weights * missing).sum(1) / weights.sum()
    counted = valid.flatten(1).any(1) if over == "image" else valid.any().unsqueeze(0)
    # Every process with valid pixels counts the loss of the batch of all processes. These are equal, as is their mean.
    total, groups = share(torch.stack([torch.where(counted, of_group, 0).sum(), counted.sum().to(of_group)])).unbind()
    return total / groups.clamp(min=1)


class OverlapLoss(SegmentationLoss):
    """Loss ``1 - score``, where the score is a quotient of sums over pixels.

    Args:
        head: ``sigmoid`` or ``softmax``.
        class_weights: one number for each of the K logits, background included; None: all count the same. The weight
            of a background that is not counted is not used.
        smooth: added to numerator and denominator, in pixels. It sets the loss of a class that is absent from the mask
            and (almost) from the prediction: the larger, the smaller the loss. 0 gives the plain score.
        over: ``batch`` sums over all valid pixels of a batch before dividing; ``image`` divides in each image and takes
            the mean. The default is ``batch``: training patches are parts of images, some with hardly any foreground,
            and the score of such a patch alone is mostly noise. ``image`` does not depend on the split of images into
            batches (with ``batch``, in training, it is the batch of all devices).
        include_background: True if class 0 of a softmax counts as a class; it is the complement of the others.

    Raises:
        ConfigError: a value is not one of those above.
    """

    def __init__(
        self,
        head: str,
        class_weights: Sequence[float] | None = None,
        smooth: float = 1.0,
        over: str = "batch",
        include_background: bool = False,
    ) -> None:
        super().__init__(head, class_weights)
        if smooth < 0:
            raise ConfigError(f"loss.smooth={smooth} must not be below 0; 1 is the usual choice.")
        if over not in SUMS:
            raise ConfigError(f"loss.over={over!r} must be one of {', '.join(SUMS)}.")
        counted = self.class_weights is None or include_background or head == "sigmoid" or self.class_weights[1:].any()
        if not counted:
            raise ConfigError(
                f"loss.class_weights={class_weights} leave nothing to learn: only the background has a weight, and "
                f"{type(self).__name__} does not count it. Give another class a weight."
            )
        self.smooth = float(smooth)
        self.over = over
        self.include_background = include_background

    def value(
        self,
        logits: Float[Tensor, "b k *space"],
        target: Bool[Tensor, "b k *space"],
        valid: Bool[Tensor, "b *space"],
    ) -> Float[Tensor, ""]:
        """See [`overlap_loss`][]."""
        first = 0 if self.include_background else foreground_classes(logits.shape[1], self.head)[0]
        preds = probabilities(logits, self.head)[:, first:]
        weights = None if self.class_weights is None else self.class_weights[first:]
        return overlap_loss(self.score, preds, target[:, first:], valid, self.over, weights, self.share)

    @abstractmethod
    def score(self, counts: SoftCounts) -> Float[Tensor, "n k"]:
        """Score of each group of images and each class; 1 for a perfect prediction."""
