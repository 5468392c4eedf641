"""Areas under the ROC and the precision-recall curve."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import BinaryAUROC, BinaryAveragePrecision

from gequnet.errors import ConfigError

LARGEST_LOGIT = 16.0  # its sigmoid is almost 1 in float32


def roc_auc(bins: int | None = None) -> Metric:
    """Area under the ROC curve, as a metric over the pixels of all images.

    It is the probability that a foreground pixel has a higher value than a background pixel, ties counting half. It is
    defined only if there is foreground and background; torchmetrics gives a number all the same.

    Args:
        bins: see [`gequnet.metrics.auc.pooled_areas`][].
    """
    return BinaryAUROC() if bins is None else BinnedAUROC(thresholds=thresholds(bins))


def pr_auc(bins: int | None = None) -> Metric:
    """Average precision, as a metric over the pixels of all images.

    It is ``sum (R_n - R_(n-1)) P_n`` over falling thresholds with precision P and recall R, not the trapezoidal area,
    which is larger. Constant probabilities have the fraction of foreground. It is defined only if there is foreground
    and background; torchmetrics gives a number all the same.

    Args:
        bins: see [`gequnet.metrics.auc.pooled_areas`][].
    """
    return BinaryAveragePrecision() if bins is None else BinnedAveragePrecision(thresholds=thresholds(bins))


def pooled_areas(curves: Mapping[str, Callable[[int | None], Metric]], bins: int | None = None) -> MetricCollection:
    """Areas under curves over the pixels of all images, which keep the pixels once for all of them.

    Args:
        curves: ``roc_auc`` and ``pr_auc`` by name.
        bins: None is exact up to rounding in float32 and keeps 5 bytes for each pixel; both areas of 20 images of
            584 x 565 take about 6 seconds on one CPU core. A number, such as 1000, is that of the ``thresholds``:
            constant memory, and a tenth of a second for a million pixels.

    Returns:
        A collection with ``update(preds, target)``, probabilities and true foreground, whose ``compute()`` has all.

    Raises:
        ConfigError: fewer than two bins.

    Example:
        >>> areas = pooled_areas({"roc_auc": roc_auc, "pr_auc": pr_auc})
        >>> areas.update(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([False, False, True, True]))
        >>> areas.compute()
        {'pr_auc': tensor(0.8333), 'roc_auc': tensor(0.7500)}
    """
    if bins is not None and bins < 2:
        raise ConfigError(f"metrics.curve_bins={bins} must be 2 or more, or null for exact curves.")
    areas: dict[str, Metric | MetricCollection] = {name: make(bins) for name, make in curves.items()}
    # One group: the pixels are kept once for all.
    return MetricCollection(areas, compute_groups=[list(areas)])


def thresholds(bins: int) -> Float[Tensor, " t"]:
    """Thresholds of probability: 0, one above 1, and between them values with equal distances as logits.

    In a volume nearly all voxels are background and most probabilities are close to 0 or 1. Thresholds with equal
    distances as probabilities put these into one bin: for a confident network with an area of .97, 200 such thresholds
    give .86.

    Args:
        bins: their number.

    >>> thresholds(5)
    tensor([0.0000e+00, 1.1254e-07, 5.0000e-01, 1.0000e+00, 1.0000e+00])
    """
    between = torch.linspace(-LARGEST_LOGIT, LARGEST_LOGIT, bins - 2).sigmoid()
    # Without one above 1, the curve of probabilities that are 1 would not start at (0, 0).
    return torch.cat([torch.zeros(1), between, torch.tensor([1 + 1e-6])])


class _Binned(Metric):
    # torchmetrics compares all pixels with one threshold after the other: half a minute for a volume of 9 million
    # voxels. Here each pixel is put into its bin once.
    thresholds: Any
    confmat: Tensor

    def update(self, preds: Float[Tensor, " n"], target: Bool[Tensor, " n"]) -> None:
        """Add pixels: probabilities and true foreground."""
        self.confmat += confusions(preds, target, self.thresholds)


class BinnedAUROC(_Binned, BinaryAUROC):
    """Area under the ROC curve through given thresholds."""


class BinnedAveragePrecision(_Binned, BinaryAveragePrecision):
    """Average precision at given thresholds."""


def confusions(
    preds: Float[Tensor, " n"], target: Bool[Tensor, " n"], thresholds: Float[Tensor, " t"]
) -> Int[Tensor, "t 2 2"]:
    """Numbers of pixels by truth, [background, foreground], and by value, [below the threshold, not below it].

    >>> confusions(torch.tensor([0.2, 0.6, 0.7]), torch.tensor([False, True, False]), torch.tensor([0.0, 0.6])).tolist()
    [[[0, 2], [0, 1]], [[1, 1], [0, 1]]]
    """
    levels = len(thresholds) + 1
    reached = torch.bucketize(preds, thresholds, right=True)  # the number of thresholds that a value is not below
    amounts = torch.bincount(reached + levels * target, minlength=2 * levels).view(2, levels)
    below = amounts.cumsum(1)[:, :-1]
    return torch.stack([below, amounts.sum(1, keepdim=True) - below], -1).movedim(0, 1)
