"""From probabilities to the points of their ROC and precision-recall curves, and the areas of pooled pixels."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class OperatingPoints(NamedTuple):
    """Numbers of true and false positives at falling thresholds, from none to all pixels."""

    true_positive: Int[Tensor, " t"]
    false_positive: Int[Tensor, " t"]


def points_of_pixels(preds: Float[Tensor, " n"], target: Bool[Tensor, " n"]) -> OperatingPoints:
    """The points at every value that a probability has: the curve is exact."""
    values, order = preds.sort(descending=True)
    return _points_of_sorted(values, target[order])


def histogram(preds: Float[Tensor, " n"], target: Bool[Tensor, " n"], bins: int) -> Int[Tensor, "bins 2"]:
    """Numbers of background and foreground pixels in equal intervals of probability."""
    interval = (preds * bins).long().clamp(0, bins - 1)
    return torch.bincount(2 * interval + target, minlength=2 * bins).view(bins, 2)


def points_of_histogram(counts: Int[Tensor, "bins 2"]) -> OperatingPoints:
    """The points at multiples of ``1 / bins``: exact for probabilities that are rounded down to those."""
    background, foreground = counts.flip(0).cumsum(0).unbind(1)
    return OperatingPoints(_from_zero(foreground), _from_zero(background))


def _points_of_sorted(values: Float[Tensor, " n"], target: Bool[Tensor, " n"]) -> OperatingPoints:
    # Pixels of equal value pass a threshold together: only the last of them is a point.
    last = torch.ones_like(target)
    last[:-1] = values[1:] != values[:-1]
    foreground = target.cumsum(0)[last]
    positives = torch.arange(1, len(values) + 1, device=values.device)[last]
    return OperatingPoints(_from_zero(foreground), _from_zero(positives - foreground))


def _from_zero(counts: Int[Tensor, " t"]) -> Int[Tensor, " t_and_1"]:
    return torch.cat([counts.new_zeros(1), counts])


class PooledCurves(Metric):
    """Gathers pixels of many images and gives the points of their curves.

    Args:
        regions: the number of regions in which pixels are gathered, such as inside the field of view and all.
        classes: the number of classes, each against the rest.
        bins: None is exact and keeps every pixel: ``5 classes + regions`` bytes for each; a number keeps histograms
            of so many intervals of probability instead.
    """

    is_differentiable = False
    full_state_update = False

    preds: list[Tensor]
    target: list[Tensor]
    inside: list[Tensor]
    histograms: Tensor

    def __init__(self, regions: int, classes: int, bins: int | None = None) -> None:
        super().__init__()
        self.regions = regions
        self.classes = classes
        self.bins = bins
        if bins is not None:
            empty = torch.zeros(regions, classes, bins, 2, dtype=torch.long)
            self.add_state("histograms", default=empty, dist_reduce_fx="sum")
            return
        for state in ("preds", "target", "inside"):
            self.add_state(state, default=[], dist_reduce_fx="cat")

    def update(
        self,
        preds: Float[Tensor, "c *space"],
        target: Bool[Tensor, "c *space"],
        regions: Bool[Tensor, "r *space"],
    ) -> None:
        """Adds the pixels of one image.

        Args:
            preds: probabilities.
            target: true foreground.
            regions: which pixels belong to each region.
        """
        if self.bins is not None:
            self.histograms += torch.stack(
                [
                    torch.stack([histogram(p[r], t[r], self.bins) for p, t in zip(preds, target, strict=True)])
                    for r in regions
                ]
            )
            return
        anywhere = regions.any(0)
        self.preds.append(preds[:, anywhere].T)
        self.target.append(target[:, anywhere].T)
        self.inside.append(regions[:, anywhere].T)

    def compute(self) -> list[list[OperatingPoints]]:
        """The points, by region and class, of all pixels since the last reset."""
        if self.bins is not None:
            return [[points_of_histogram(counts) for counts in region] for region in self.histograms]
        preds, target, inside = (dim_zero_cat(state) for state in (self.preds, self.target, self.inside))
        by_class = [self._points(preds[:, c], target[:, c], inside) for c in range(self.classes)]
        return [list(region) for region in zip(*by_class, strict=True)]

    @staticmethod
    def _points(
        preds: Float[Tensor, " n"], target: Bool[Tensor, " n"], inside: Bool[Tensor, "n r"]
    ) -> list[OperatingPoints]:
        # Sorting is what takes the time: once for all regions.
        values, order = preds.sort(descending=True)
        target, inside = target[order], inside[order]
        return [_points_of_sorted(values[region], target[region]) for region in inside.T]
