"""What Dice, IoU and Tversky share: soft counts of right and wrong pixels, and how scores become one loss."""

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
    """Probability mass, in valid pixels, that is right or wrong: for n groups of images and k classes."""

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

    ``share`` makes the batch that of all processes, see [`gequnet.distributed`][].
    """
    inside = valid.unsqueeze(1)
    preds = torch.where(inside, preds, 0).flatten(2)
    labels = (target & inside).flatten(2).to(preds)
    sums = torch.stack([(preds * labels).sum(2), preds.sum(2), labels.sum(2)])
    if over == "batch":
        sums = share(sums.sum(1, keepdim=True))
    both, predicted, wanted = sums.unbind()
    return SoftCounts(both, predicted - both, wanted - both)


def ratio(numerator: Float[Tensor, "n k"], denominator: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """The quotient, and 1 for 0/0: where there is nothing to find and nothing was found, nothing is wrong."""
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
    # A batch that is shared is counted by every process that has a part of it; the mean of equal numbers is the number.
    total, groups = share(torch.stack([torch.where(counted, of_group, 0).sum(), counted.sum().to(of_group)])).unbind()
    return total / groups.clamp(min=1)


class OverlapLoss(SegmentationLoss):
    """A loss ``1 - score``, where the score is a quotient of sums over pixels.

    Args:
        head: ``sigmoid`` or ``softmax``.
        class_weights: one number for each of the K logits, background included; None: all count the same. That of a
            background that is no class is not used.
        smooth: added to numerator and denominator, in pixels. It decides what a class costs that is absent
            from mask and (almost) from prediction: the larger, the less. 0 gives the plain score.
        over: ``batch`` sums over all valid pixels of a batch before dividing, ``image`` divides in each image
            and takes the mean. The default is ``batch``: training patches are parts of images, some with
            hardly any foreground, and the score of such a patch alone is mostly noise. ``image`` does not
            depend on how images are dealt to batches (``batch``: in training the batch of all devices).
        include_background: whether class 0 of a softmax counts as a class; it is what the others leave over.

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
                f"loss.class_weights={class_weights} leave nothing to learn, as all of the weight is the background's, "
                f"which {type(self).__name__} does not count: give another class some."
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
        """The score, 1 for a perfect prediction, of each group of images and each class."""
