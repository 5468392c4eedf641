"""Areas under the ROC and the precision-recall curve."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import BinaryAUROC, BinaryAveragePrecision

from gequnet.errors import ConfigError

ORDINARY = 16.0  # the sigmoid of this logit is almost 1 in float32
WIDE = 64 * ORDINARY  # logits up to here have thresholds of equal distances
OCTAVES, PER_OCTAVE = 16, 256  # of thresholds beyond


def roc_auc(bins: int | None = None) -> Metric:
    """Area under the ROC curve, as a metric over the pixels of all images.

    It is the probability that a foreground pixel has a higher value than a background pixel, ties counting half. It is
    defined only if there is foreground and background; torchmetrics gives a number all the same.

    Args:
        bins: see [`gequnet.metrics.auc.pooled_areas`][].
    """
    return ExactAUROC() if bins is None else BinnedAUROC(thresholds=thresholds(bins))


def pr_auc(bins: int | None = None) -> Metric:
    """Average precision, as a metric over the pixels of all images.

    It is ``sum (R_n - R_(n-1)) P_n`` over falling thresholds with precision P and recall R, not the trapezoidal area,
    which is larger. Constant values have the fraction of foreground. It is defined only if there is foreground
    and background; torchmetrics gives a number all the same.

    Args:
        bins: see [`gequnet.metrics.auc.pooled_areas`][].
    """
    return ExactAveragePrecision() if bins is None else BinnedAveragePrecision(thresholds=thresholds(bins))


def pooled_areas(curves: Mapping[str, Callable[[int | None], Metric]], bins: int | None = None) -> MetricCollection:
    """Areas under curves over the pixels of all images, which keep the pixels once for all of them.

    Args:
        curves: ``roc_auc`` and ``pr_auc`` by name.
        bins: None is exact up to rounding in float32 and keeps 5 bytes for each pixel; both areas of 20 images of
            584 x 565 take about 6 seconds on one CPU core. A number, such as 1000, is that of the ``thresholds`` of
            ordinary logits: constant memory (2 MB for 1000), and a tenth of a second for a million pixels.

    Returns:
        A collection with ``update(preds, target)``, values of pixels and true foreground, whose ``compute()`` has all.
        Exact areas need the order of the values only; bins need logits, or log odds.

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
    """Thresholds of logits: of equal distances up to 1024, in equal ratios beyond, and both infinities.

    They are logits and not probabilities, since a sigmoid rounds to 1 above 17: with logits of 50, foreground and
    background would be in one bin. Their places are fixed, so that the counts of all processes add up. With 1000 bins
    an area differs from the exact one by less than .002 for logits around 5, 50 or 500 with a deviation of 1 and 30 %
    foreground; with 2 % foreground it can be .008.

    Args:
        bins: number of thresholds from -16 to 16.

    >>> inner = thresholds(5)
    >>> inner[inner.abs() <= 24]
    tensor([-24., -16.,  -8.,   0.,   8.,  16.,  24.])
    """
    step = 2 * ORDINARY / (bins - 1)
    more = math.ceil((WIDE - ORDINARY) / step)
    equal = (torch.arange(bins + 2 * more, dtype=torch.float64) - more) * step - ORDINARY
    ratios = torch.linspace(0, OCTAVES, OCTAVES * PER_OCTAVE + 1, dtype=torch.float64)[1:].exp2()
    far, end = equal[-1] * ratios, torch.tensor([torch.inf])
    return torch.cat([-end, -far.flip(0), equal, far, end]).float()


class _Exact(Metric):
    # torchmetrics takes values outside [0, 1] for logits and replaces them by their sigmoid, which rounds to 0 and 1.
    preds: list[Tensor]
    target: list[Tensor]

    def update(self, preds: Float[Tensor, " n"], target: Bool[Tensor, " n"]) -> None:
        """Add pixels: values and true foreground."""
        self.preds.append(preds)
        self.target.append(target)


class ExactAUROC(_Exact, BinaryAUROC):
    """Area under the ROC curve of values of any range."""


class ExactAveragePrecision(_Exact, BinaryAveragePrecision):
    """Average precision of values of any range."""


class _Binned(Metric):
    # torchmetrics compares all pixels with one threshold after the other: half a minute for a volume of 9 million
    # voxels. Here each pixel is put into its bin once.
    thresholds: Any
    confmat: Tensor

    def update(self, preds: Float[Tensor, " n"], target: Bool[Tensor, " n"]) -> None:
        """Add pixels: logits and true foreground."""
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
    reached = torch.bucketize(
        preds.float(), thresholds, right=True
    )  # the number of thresholds that a value is not below
    amounts = torch.bincount(reached + levels * target, minlength=2 * levels).view(2, levels)
    below = amounts.cumsum(1)[:, :-1]
    return torch.stack([below, amounts.sum(1, keepdim=True) - below], -1).movedim(0, 1)
