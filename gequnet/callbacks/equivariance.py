"""Equivariance error of the network on test images, reported with the scores."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from gequnet.distributed import all_gather
from gequnet.symmetry.equivariance import equivariance_report


class Equivariance(pl.Callback):
    """Run [`gequnet.symmetry.equivariance.equivariance_report`][] during the test; each number is a mean over images.

    Networks on volumes are not measured, as the report is for 2-D images.

    Args:
        images: number of test images to measure, the first ones; 0 for none.
        max_side: of the measured part of an image, in pixels, as the ten elements cost ten passes.
    """

    when = frozenset({"test"})

    def __init__(self, images: int, max_side: int) -> None:
        self.images = images
        self.max_side = max_side
        self.reports: list[dict[str, Any]] = []

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Delete the results of an earlier test."""
        self.reports = []

    @torch.no_grad()
    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Measure the image if it is one of the first."""
        net = pl_module.get_submodule("net")
        number = batch_idx * trainer.world_size + trainer.global_rank  # the order of `RankSampler`
        if number < self.images and batch["image"].ndim == 4 and "repeated" not in batch:
            self.reports.append(equivariance_report(net, crop_to_max_side(batch["image"], self.max_side)))

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Gather the reports of all ranks."""
        self.reports = [report for part in all_gather(self.reports) for report in part]

    def results(self) -> dict[str, Any]:
        """Numbers for each group element, under ``equivariance``; empty before a test and for volumes."""
        return {"equivariance": mean_report(self.reports)} if self.reports else {}


def crop_to_max_side(image: Tensor, max_side: int) -> Tensor:
    """Central part of an image [B, C, H, W], at most ``max_side`` pixels high and wide."""
    for axis in (-2, -1):
        excess = max(0, image.shape[axis] - max_side)
        image = image.narrow(axis, excess // 2, image.shape[axis] - excess)
    return image


def mean_report(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean of nested dicts with the same keys; values that are not floats are taken from the first one."""
    first = reports[0]
    return {key: _mean([report[key] for report in reports]) for key in first}


def _mean(values: list[Any]) -> Any:
    if isinstance(values[0], Mapping):
        return mean_report(values)
    if isinstance(values[0], float):
        return sum(values) / len(values)
    return values[0]
