"""Areas under the ROC and the precision-recall curve."""

import torch
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import BinaryAUROC, BinaryAveragePrecision

from gequnet.errors import ConfigError

AREAS = ("roc_auc", "pr_auc")


def pooled_areas(bins: int | None = None) -> MetricCollection:
    """Two areas that say how well probabilities order the pixels of all images together; both from torchmetrics.

    ``roc_auc`` is the probability that a foreground pixel has a higher value than a background pixel, ties counting
    half. ``pr_auc`` is average precision, ``sum (R_n - R_(n-1)) P_n`` over falling thresholds with precision P and
    recall R, not the trapezoidal area, which is too kind; values that know nothing have the fraction of foreground.

    Neither is defined unless there is foreground and background, but torchmetrics gives a number: do not ask then.

    Args:
        bins: None is exact up to rounding in float32 and keeps 5 bytes for each pixel; both areas of 20 images of
            584 x 565 take about 6 seconds on one CPU core. A number is that of the thresholds between 0 and 1, equally
            far apart, in constant memory; the time of an update grows with it, to about 0.2 seconds an image with 200.

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
    # The last threshold lies above 1: without it, the curve of probabilities that are 1 would not start at (0, 0).
    thresholds = None if bins is None else torch.linspace(0, 1 + 1e-6, bins)
    areas: dict[str, Metric | MetricCollection] = {
        "roc_auc": BinaryAUROC(thresholds=thresholds),
        "pr_auc": BinaryAveragePrecision(thresholds=thresholds),
    }
    # One group: the pixels are kept once for both.
    return MetricCollection(areas, compute_groups=[list(areas)])
