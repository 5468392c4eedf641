"""How equivariant the tested network is, measured on test images and reported with the scores."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from gequnet.distributed import all_gather
from gequnet.symmetry.equivariance import equivariance_report


class Equivariance(pl.Callback):
    """Runs [`gequnet.symmetry.equivariance.equivariance_report`][] after the test; each number is a mean over images.

    Networks on volumes are left out: the report is about the plane.

    Args:
        images: so many of the first test images are measured, by whichever process tests them; 0 for none.
        max_side: of a larger image the middle is taken, in pixels, as ten elements cost ten passes each.
    """

    def __init__(self, images: int, max_side: int) -> None:
        self.images = images
        self.max_side = max_side
        self.reports: list[dict[str, Any]] = []

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forgets an earlier test."""
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
        """Measures on this image, if it is one of the first."""
        net = pl_module.get_submodule("net")
        number = batch_idx * trainer.world_size + trainer.global_rank  # as `RankSampler` deals them
        if number < self.images and batch["image"].ndim == 4 and "repeated" not in batch:
            self.reports.append(equivariance_report(net, middle(batch["image"], self.max_side)))

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Puts together what all processes have measured."""
        self.reports = [report for part in all_gather(self.reports) for report in part]

    def results(self) -> dict[str, Any]:
        """Element of the plane to its numbers; empty before a test and for volumes."""
        return {"equivariance": mean_of(self.reports)} if self.reports else {}


def middle(image: Tensor, side: int) -> Tensor:
    """The central part of an image [B, C, H, W], at most ``side`` pixels high and wide."""
    for axis in (-2, -1):
        excess = max(0, image.shape[axis] - side)
        image = image.narrow(axis, excess // 2, image.shape[axis] - excess)
    return image


def mean_of(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean of dicts of the same keys; what is no number, or a truth value, is that of the first."""
    first = reports[0]
    return {key: _mean([report[key] for report in reports]) for key in first}


def _mean(values: list[Any]) -> Any:
    if isinstance(values[0], Mapping):
        return mean_of(values)
    if isinstance(values[0], float):
        return sum(values) / len(values)
    return values[0]
