"""Areas under the ROC and the precision-recall curve."""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import BinaryAUROC, BinaryAveragePrecision

from gequnet.errors import ConfigError

AREAS = ("roc_auc", "pr_auc")
SUREST = 16.0  # a logit whose sigmoid is hardly told from 1 in float32


def pooled_areas(bins: int | None = None) -> MetricCollection:
    """Two areas that say how well probabilities order the pixels of all images together; both from torchmetrics.

    ``roc_auc`` is the probability that a foreground pixel has a higher value than a background pixel, ties counting
    half. ``pr_auc`` is average precision, ``sum (R_n - R_(n-1)) P_n`` over falling thresholds with precision P and
    recall R, not the trapezoidal area, which is too kind; values that know nothing have the fraction of foreground.

    Neither is defined unless there is foreground and background, but torchmetrics gives a number: do not ask then.

    Args:
        bins: None is exact up to rounding in float32 and keeps 5 bytes for each pixel; both areas of 20 images of
            584 x 565 take about 6 seconds on one CPU core. A number, such as 1000, is that of the ``thresholds``:
            constant memory, and a tenth of a second for a million pixels, however many there are.

    Returns:
        A collection with ``update(preds, target)``, probabilities and true foreground, whose ``compute()`` has both.

    Raises:
        ConfigError: fewer than two bins.

    Example:
        >>> areas = pooled_areas()
        >>> areas.update(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([False, False, True, True]))
        >>> areas.compute()
        {'pr_auc': tensor(0.8333), 'roc_auc': tensor(0.7500)}
    """
    if bins is not None and bins < 2:
        raise ConfigError(f"metrics.curve_bins={bins} must be 2 or more, or null for exact curves.")
    areas: dict[str, Metric | MetricCollection] = {
        "roc_auc": BinaryAUROC() if bins is None else BinnedAUROC(thresholds=thresholds(bins)),
        "pr_auc": BinaryAveragePrecision() if bins is None else BinnedAveragePrecision(thresholds=thresholds(bins)),
    }
    # One group: the pixels are kept once for both.
    return MetricCollection(areas, compute_groups=[list(areas)])


def thresholds(bins: int) -> Float[Tensor, " t"]:
    """So many thresholds: 0, one above 1, and between them some that are equally far apart as logits.

    In a volume nearly all voxels are background and most probabilities next to 0 or 1. Thresholds that are equally far
    apart as probabilities put those into one bin: of a sure network whose area is .97, 200 of them see .86.

    >>> thresholds(5)
    tensor([0.0000e+00, 1.1254e-07, 5.0000e-01, 1.0000e+00, 1.0000e+00])
    """
    between = torch.linspace(-SUREST, SUREST, bins - 2).sigmoid()
    # Without one above 1, the curve of probabilities that are 1 would not start at (0, 0).
    return torch.cat([torch.zeros(1), between, torch.tensor([1 + 1e-6])])


class _Binned(Metric):
    # torchmetrics compares all pixels with one threshold after the other, which takes half a minute for a volume of
    # 9 million voxels; here each pixel is put into its bin once.
    thresholds: Any
    confmat: Tensor

    def update(self, preds: Float[Tensor, " n"], target: Bool[Tensor, " n"]) -> None:
        """Adds pixels: probabilities and true foreground."""
        self.confmat += confusions(preds, target, self.thresholds)


class BinnedAUROC(_Binned, BinaryAUROC):
    """The area under the ROC curve through given thresholds."""


class BinnedAveragePrecision(_Binned, BinaryAveragePrecision):
    """The average precision at given thresholds."""


def confusions(
    preds: Float[Tensor, " n"], target: Bool[Tensor, " n"], thresholds: Float[Tensor, " t"]
) -> Int[Tensor, "t 2 2"]:
    """How many pixels are [background, foreground] and, at each threshold, [below it, not below it].

    >>> confusions(torch.tensor([0.2, 0.6, 0.7]), torch.tensor([False, True, False]), torch.tensor([0.0, 0.6])).tolist()
    [[[0, 2], [0, 1]], [[1, 1], [0, 1]]]
    """
    levels = len(thresholds) + 1
    reached = torch.bucketize(preds, thresholds, right=True)  # the number of thresholds that a value is not below
    amounts = torch.bincount(reached + levels * target, minlength=2 * levels).view(2, levels)
    below = amounts.cumsum(1)[:, :-1]
    return torch.stack([below, amounts.sum(1, keepdim=True) - below], -1).movedim(0, 1)
