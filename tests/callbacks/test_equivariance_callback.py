"""Equivariance callback: the images, the part of them, and the mean in the results."""

from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from gequnet.callbacks.equivariance import Equivariance, crop_to_max_side, mean_report
from gequnet.symmetry.equivariance import equivariance_report


class Shift(nn.Module):
    """Network that shifts by one pixel to the right: its error under rotations depends on the image alone."""

    def forward(self, image: Tensor) -> Tensor:
        return image.roll(1, -1)


class Task(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = Shift()


def images(*sides: tuple[int, int]) -> list[dict[str, Any]]:
    draw = torch.Generator().manual_seed(0)
    return [{"image": torch.randn(1, 1, *side, generator=draw)} for side in sides]


def test_mean_over_the_first_images() -> None:
    callback = Equivariance(images=2, max_side=64)
    batches = images((33, 40), (20, 20), (48, 48))
    for index, batch in enumerate(batches):
        callback.on_test_batch_end(pl.Trainer(accelerator="cpu", logger=False), Task(), None, batch, index)
    single = [equivariance_report(Shift(), batch["image"]) for batch in batches[:2]]
    found = callback.results()["equivariance"]
    assert set(found) == set(single[0])
    mean = (single[0]["90°"]["error"] + single[1]["90°"]["error"]) / 2
    assert found["90°"]["error"] == pytest.approx(mean)
    assert found["90°"]["in_group"] is False


def test_volumes_and_nothing_give_nothing() -> None:
    callback = Equivariance(images=1, max_side=64)
    volume = {"image": torch.zeros(1, 1, 4, 4, 4)}
    callback.on_test_batch_end(pl.Trainer(accelerator="cpu", logger=False), Task(), None, volume, 0)
    assert callback.results() == {}


@pytest.mark.parametrize(("side", "expected"), [((9, 4), (6, 4)), ((6, 6), (6, 6)), ((7, 11), (6, 6))])
def test_the_center_crop(side: tuple[int, int], expected: tuple[int, int]) -> None:
    image = torch.arange(side[0] * side[1]).view(1, 1, *side).float()
    part = crop_to_max_side(image, 6)
    assert part.shape[2:] == expected
    assert part[0, 0, 0, 0] == image[0, 0, (side[0] - expected[0]) // 2, (side[1] - expected[1]) // 2]


def test_truth_values_are_not_averaged() -> None:
    assert mean_report([{"a": True, "b": {"c": 1.0}}, {"a": True, "b": {"c": 2.0}}]) == {"a": True, "b": {"c": 1.5}}
