"""Prediction figures: the drawn test images, and the saved arrays."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from PIL import Image

from gequnet.callbacks.predictions import Predictions
from gequnet.figures.samples import classes_of, dice_of
from gequnet.metrics.segmentation import SegmentationMetrics
from gequnet.report.finished_runs import Run

SIDE = 12


def volume(size: int) -> dict[str, Any]:
    """A batch of one volume with a true block of ``size`` voxels, in two overlapping regions."""
    block = torch.zeros(SIDE**3, dtype=torch.long)
    block[:size] = 1
    mask = block.view(1, 1, SIDE, SIDE, SIDE).transpose(2, 4).repeat(1, 2, 1, 1, 1)
    image = torch.randn(1, 4, SIDE, SIDE, SIDE, generator=torch.Generator().manual_seed(size))
    return {"image": image, "mask": mask, "valid": torch.ones(1, SIDE, SIDE, SIDE).bool(), "id": [f"volume-{size}"]}


class Task(pl.LightningModule):
    """Task with the threshold of its test."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.test_metrics = SegmentationMetrics(2, "sigmoid", ["a", "b"], fov=False, threshold=threshold)


def show(callback: Predictions, batches: list[dict[str, Any]], quality: float = 3.0, threshold: float = 0.5) -> None:
    trainer, task = pl.Trainer(accelerator="cpu", logger=False), Task(threshold)
    callback.on_test_start(trainer, task)
    for index, batch in enumerate(batches):
        mask = batch["mask"] if batch["mask"].ndim == batch["image"].ndim else batch["mask"].unsqueeze(1)
        callback.on_test_batch_end(trainer, task, quality * (2.0 * mask - 1), batch, index)
    callback.on_test_end(trainer, task)


def kept(path: Path) -> dict[str, dict[str, Any]]:
    return Run(path.parent, path.parent, {}, {}).samples


@pytest.mark.parametrize("quality", [3.0, -3.0])
def test_of_volumes_small_middling_and_large_ones_are_drawn_whatever_was_predicted(
    tmp_path: Path, quality: float
) -> None:
    sizes = [300, 50, 700, 20, 110, 90, 60, 500, 30, 80, 1]
    callback = Predictions(str(tmp_path / "predictions.png"), "sigmoid", images=4)
    show(callback, [volume(size) for size in sizes], quality)
    samples = kept(callback.path)
    # of eleven in order of size the second, the sixth and the tenth
    assert list(samples) == ["volume-20", "volume-80", "volume-500"]
    for sample in samples.values():
        assert sample["image"].shape == (4, SIDE, SIDE)
        assert sample["mask"].shape == sample["probabilities"].shape == (2, SIDE, SIDE)
        assert float(sample["dice"]) == (1 if quality > 0 else 0)
    with Image.open(callback.path) as picture:
        assert picture.size[0] > 2000


def test_what_is_kept_is_judged_at_the_threshold_of_the_test(tmp_path: Path) -> None:
    callback = Predictions(str(tmp_path / "predictions.png"), "sigmoid", images=4)
    flat = volume(40)
    flat = {part: values[..., 0] if part != "id" else values for part, values in flat.items()}
    for batch in (volume(300), flat):
        for threshold, expected in ((0.5, 1.0), (0.98, 0.0)):  # what is foreground has a probability of .95
            show(callback, [batch], threshold=threshold)
            (sample,) = kept(callback.path).values()
            assert dice_of(sample) == expected
            truth, found = classes_of(sample)
            assert torch.equal(truth, found) == bool(expected)


def test_two_volumes_are_drawn_once_each_and_of_an_earlier_test_nothing(tmp_path: Path) -> None:
    callback = Predictions(str(tmp_path / "predictions.png"), "sigmoid", images=4)
    show(callback, [volume(10)])
    show(callback, [volume(30), volume(20), volume(30)])
    assert list(kept(callback.path)) == ["volume-20", "volume-30"]


def test_slices_of_a_large_volume_are_a_small_file(tmp_path: Path) -> None:
    callback = Predictions(str(tmp_path / "predictions.png"), "sigmoid", images=4)
    show(callback, [volume(size) for size in (10, 20, 30)])
    of_all_voxels = 3 * (4 + 2 + 2 + 1) * SIDE**3
    assert (tmp_path / "samples.npz").stat().st_size < of_all_voxels / 2


def test_of_images_the_first_are_drawn(tmp_path: Path) -> None:
    callback = Predictions(str(tmp_path / "predictions.png"), "sigmoid", images=2)
    flat = [{**volume(size), "image": volume(size)["image"][..., 0]} for size in (5, 90, 40)]
    flat = [case | {"mask": case["mask"][..., 0], "valid": case["valid"][..., 0]} for case in flat]
    show(callback, flat)
    assert list(kept(callback.path)) == ["volume-5", "volume-90"]


@pytest.mark.parametrize("space", [(SIDE, SIDE), (SIDE, SIDE, SIDE)])
def test_no_images_no_files(tmp_path: Path, space: tuple[int, ...]) -> None:
    callback = Predictions(str(tmp_path / "predictions.png"), "sigmoid", images=0)
    valid = torch.ones(1, *space).bool()
    show(callback, [{"image": torch.rand(1, 1, *space), "mask": valid.long(), "valid": valid, "id": ["a"]}])
    assert not list(tmp_path.iterdir())
