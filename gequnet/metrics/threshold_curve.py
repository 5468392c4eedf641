"""A score at many thresholds of probability, and the scores that a threshold can be chosen by."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from gequnet.heads import probabilities, target_classes
from gequnet.metrics.cldice import cldice
from gequnet.metrics.count_scores import COUNT_SCORES
from gequnet.metrics.counts import count_above
from gequnet.metrics.per_image_table import decoded, encoded
from gequnet.metrics.v_info import v_info
from gequnet.metrics.v_rand import v_rand

THRESHOLDS = tuple(n / 20 for n in range(1, 20))
"""0.05, 0.1, ..., 0.95."""

# Scores that a threshold can be too low and too high for: sensitivity is best if everything is foreground.
OF_COUNTS = {name: COUNT_SCORES[name] for name in ("dice", "iou", "accuracy", "balanced_accuracy", "pixel_error")}
OF_MASKS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"cldice": cldice, "v_rand": v_rand, "v_info": v_info}
SCORES = (*OF_COUNTS, *OF_MASKS)
LOWER = ("pixel_error",)  # is better


class ThresholdCurve(Metric):
    """A score of sigmoids at each of ``THRESHOLDS``: of each image and class, averaged over classes, then over images.

    Args:
        score: one of ``SCORES``.

    Example:
        >>> curve = ThresholdCurve("dice")
        >>> logits = torch.tensor([0.2, 0.3, 0.9]).logit().view(1, 1, 1, 3)
        >>> curve.update(logits, torch.tensor([[[0, 1, 1]]]), torch.ones(1, 1, 3).bool(), ["left"])
        >>> scores = curve.compute()
        >>> scores["dice above 0.1"], scores["dice above 0.25"]
        (0.8, 1.0)
    """

    is_differentiable = False
    full_state_update = False

    scores: list[Tensor]
    ids: list[Tensor]

    def __init__(self, score: str) -> None:
        super().__init__()
        self.score = score
        self.add_state("scores", default=[], dist_reduce_fx="cat")
        self.add_state("ids", default=[], dist_reduce_fx="cat")

    def update(
        self,
        logits: Float[Tensor, "b k *space"],
        mask: Int[Tensor, "b *space"] | Int[Tensor, "b k *space"],
        valid: Bool[Tensor, "b *space"],
        ids: Sequence[str],
    ) -> None:
        """Adds the images of a batch, as [`gequnet.metrics.segmentation.SegmentationMetrics`][] takes them."""
        preds, target = probabilities(logits, "sigmoid"), target_classes(logits, mask, "sigmoid")
        for values, truth, inside, name in zip(preds, target, valid, ids, strict=True):
            of_classes = [
                at_thresholds(self.score, *each, inside).to(preds.device) for each in zip(values, truth, strict=True)
            ]
            self.scores.append(torch.stack(of_classes).nanmean(0, keepdim=True))
            self.ids.append(encoded(name).to(preds.device))

    def compute(self) -> dict[str, float]:
        """The mean score at each threshold, as ``dice above 0.05``; an image that a sampler repeats counts once."""
        names, scores = decoded(dim_zero_cat(self.ids).cpu()), dim_zero_cat(self.scores).cpu()
        of_images = torch.stack([*dict(zip(names, scores, strict=True)).values()])
        means = of_images.nanmean(0).tolist()
        return {f"{self.score} above {threshold:g}": mean for threshold, mean in zip(THRESHOLDS, means, strict=True)}


def at_thresholds(
    score: str, preds: Float[Tensor, "*space"], target: Bool[Tensor, "*space"], valid: Bool[Tensor, "*space"]
) -> Float[Tensor, " t"]:
    """The score of the pixels of one class above each of ``THRESHOLDS``; float64.

    Args:
        score: one of ``SCORES``.
        preds: probabilities.
        target: true foreground.
        valid: the pixels that count.
    """
    if score in OF_COUNTS:
        return OF_COUNTS[score](count_above(preds, target, THRESHOLDS, valid))
    return torch.stack([OF_MASKS[score](preds > threshold, target, valid).cpu() for threshold in THRESHOLDS])
