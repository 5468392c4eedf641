"""A score at many thresholds of probability, to choose a threshold by."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from gequnet.heads import probabilities, target_classes
from gequnet.metrics.counts import count_above
from gequnet.metrics.per_image_table import decoded, encoded
from gequnet.metrics.score_record import Score
from gequnet.metrics.scores import SCORES

THRESHOLDS = tuple(n / 20 for n in range(1, 20))
"""0.05, 0.1, ..., 0.95."""


class ThresholdCurve(Metric):
    """A score of sigmoids at each of ``THRESHOLDS``: of each image and class, averaged over classes, then over images.

    Args:
        score: a record that can choose a threshold, or the name of a built-in one.

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
    numbers: list[Tensor]
    ids: list[Tensor]

    def __init__(self, score: Score | str) -> None:
        super().__init__()
        self.score = SCORES[score] if isinstance(score, str) else score
        for state in ("scores", "numbers", "ids"):
            self.add_state(state, default=[], dist_reduce_fx="cat")

    def update(
        self,
        logits: Float[Tensor, "b k *space"],
        mask: Int[Tensor, "b *space"] | Int[Tensor, "b k *space"],
        valid: Bool[Tensor, "b *space"],
        ids: Sequence[str],
    ) -> None:
        """Add the images of a batch, as [`gequnet.metrics.segmentation.SegmentationMetrics`][] takes them."""
        preds, target = probabilities(logits, "sigmoid"), target_classes(logits, mask, "sigmoid")
        self.numbers.append(~(logits.isnan().any(1) & valid).flatten(1).any(1))
        for values, truth, inside, name in zip(preds, target, valid, ids, strict=True):
            of_classes = [
                at_thresholds(self.score, *each, inside).to(preds.device) for each in zip(values, truth, strict=True)
            ]
            self.scores.append(torch.stack(of_classes).nanmean(0, keepdim=True))
            self.ids.append(encoded(name).to(preds.device))

    def compute(self) -> dict[str, float]:
        """The mean score at each threshold, as ``dice above 0.05``; an image that a sampler repeats counts once.

        All are nan if a logit is.
        """
        names, scores = decoded(dim_zero_cat(self.ids).cpu()), dim_zero_cat(self.scores).cpu()
        of_images = torch.stack([*dict(zip(names, scores, strict=True)).values()])
        means = of_images.nanmean(0).where(dim_zero_cat(self.numbers).all().cpu(), torch.nan).tolist()
        return {
            f"{self.score.name} above {threshold:g}": mean for threshold, mean in zip(THRESHOLDS, means, strict=True)
        }


def at_thresholds(
    score: Score | str, preds: Float[Tensor, "*space"], target: Bool[Tensor, "*space"], valid: Bool[Tensor, "*space"]
) -> Float[Tensor, " t"]:
    """The score of the pixels of one class above each of ``THRESHOLDS``; float64.

    Args:
        score: a record that needs counts or masks, or the name of a built-in one.
        preds: probabilities.
        target: true foreground.
        valid: the pixels that count.
    """
    record = SCORES[score] if isinstance(score, str) else score
    function = record.function
    assert function is not None
    if record.of_counts:
        of_counts: Tensor = function(count_above(preds, target, THRESHOLDS, valid))
        return of_counts
    values = [torch.as_tensor(function(preds > threshold, target, valid)).cpu() for threshold in THRESHOLDS]
    return torch.stack(values)
