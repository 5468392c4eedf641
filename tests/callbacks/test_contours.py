"""Contour figures: the drawn images, the repeated predictions, and images without labels."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from torch import Tensor

import gequnet.figures
from gequnet.callbacks.contours import Contours, rank_images
from gequnet.callbacks.unlabelled_images import UnlabelledImages
from gequnet.data.datamodule import SegmentationDataModule
from gequnet.data.phantoms.phantom_tumours import PhantomTumours
from gequnet.data.phantoms.phantom_vessels import PhantomVessels
from gequnet.data.source import Source
from gequnet.data.transforms.augment import Chain
from gequnet.inference.sliding_window import whole
from gequnet.metrics.segmentation import SegmentationMetrics

# Lightning advises more workers than a test of tiny images needs, and uses a deprecated name.
pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers.*", "ignore:.*LeafSpec.*is deprecated.*")

UNKNOWN = {"unknown-1": (40, 33), "unknown-2": (32, 64), "unknown-3": (32, 32)}


class WithUnknown(PhantomVessels):
    """Data module with vessels, and with unlabelled grey images of several sizes."""

    def unlabelled_images(self) -> Iterator[tuple[str, Tensor]]:
        for name, space in UNKNOWN.items():
            yield name, torch.arange(space[0] * space[1]).view(1, *space).remainder(200).to(torch.uint8)


class Darker(torch.nn.Module):
    """Network with higher probabilities for darker pixels: better on some images than on others."""

    def forward(self, image: Tensor) -> Tensor:
        return -image


class Task(pl.LightningModule):
    """Attributes of a task that the callback uses."""

    def __init__(self, fov: bool = False, threshold: float = 0.5) -> None:
        super().__init__()
        self.net = Darker()
        self.inference = whole
        self.test_metrics = SegmentationMetrics(1, "sigmoid", ["a"], fov=fov, threshold=threshold)

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        self.test_metrics.update(self.net(batch["image"]), batch["mask"], batch["valid"], batch["id"])


def module(source: Source, dims: int = 2) -> SegmentationDataModule:
    return SegmentationDataModule(
        source, source.name, 1, 1, dims, ["thing"], "sigmoid", False, Chain(), seed=0, batch_size=1, patch_size=8,
        patches_per_epoch=4,
    )  # fmt: skip


def vessels(test: int = 5, kind: type[PhantomVessels] = PhantomVessels) -> PhantomVessels:
    return kind(size=48, num_images={"train": 1, "val": 1, "test": test})


def run(callback: pl.Callback, task: Task, **data: Any) -> None:
    settings = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    pl.Trainer(accelerator="cpu", callbacks=[callback], **settings).test(task, verbose=False, **data)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Arguments of the drawing function."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(gequnet.figures, "plot_contours", lambda *arguments: calls.append(arguments))
    return calls


@pytest.mark.parametrize("fov", [False, True])
def test_the_best_the_median_and_the_worst_are_drawn_as_they_were_scored(
    tmp_path: Path, drawn: list[tuple[Any, ...]], fov: bool
) -> None:
    task = Task(fov, threshold=0.6)
    run(Contours(str(tmp_path / "contours.png"), "sigmoid"), task, datamodule=module(vessels()))
    scores = {row["id"]: float(row["dice_fov" if fov else "dice"]) for row in task.test_metrics.per_image()}
    by_score = sorted(scores, key=lambda name: scores[name])
    ((samples, titles, path, head, threshold, names),) = drawn
    assert [sample["id"] for sample in samples] == [by_score[4], by_score[2], by_score[0]]
    assert titles == [
        f"{rank}: {name}\nDice {scores[name]:.3f}"
        for rank, name in zip(("best", "median", "worst"), (by_score[4], by_score[2], by_score[0]), strict=True)
    ]
    assert (path, head, threshold, names) == (tmp_path / "contours.png", "sigmoid", 0.6, ["thing"])
    for sample in samples:
        found, truth = sample["probabilities"][0] > threshold, sample["mask"] == 1
        dice = 2 * (found & truth).sum() / (found.sum() + truth.sum())
        assert float(dice) == pytest.approx(scores[sample["id"]])


def test_of_volumes_a_slice_is_drawn_with_the_score_of_the_whole(tmp_path: Path, drawn: list[tuple[Any, ...]]) -> None:
    source = PhantomTumours(size=16, dims=3, num_images={"train": 1, "val": 1, "test": 2}, radii=(2.0, 4.0))
    task = Task()
    run(Contours(str(tmp_path / "contours.png"), "sigmoid"), task, datamodule=module(source, 3))
    ((samples, titles, *_),) = drawn
    assert [title.partition(":")[0] for title in titles] == ["best", "worst"]
    for sample, title in zip(samples, titles, strict=True):
        assert sample["image"].shape == (1, 16, 16)
        assert f"slice {sample['slice'][0]} of 16" in title
        assert title.endswith(f"{float(sample['dice']):.3f}")


def test_images_of_another_source_are_not_drawn(tmp_path: Path, drawn: list[tuple[Any, ...]]) -> None:
    data = module(vessels(kind=WithUnknown))
    for callback in (
        Contours(str(tmp_path / "a.png"), "sigmoid"),
        UnlabelledImages(str(tmp_path / "a.png"), "sigmoid"),
    ):
        run(callback, Task(), dataloaders=data.test_dataloader())
    assert not drawn


def test_images_without_labels_are_drawn_with_what_is_predicted(tmp_path: Path, drawn: list[tuple[Any, ...]]) -> None:
    data, task = module(vessels(1, WithUnknown)), Task(threshold=0.7)
    run(UnlabelledImages(str(tmp_path / "unlabelled.png"), "sigmoid", images=2), task, datamodule=data)
    ((samples, titles, path, head, threshold, names),) = drawn
    assert titles == ["unknown-1", "unknown-2"]
    assert (path.name, head, threshold, names) == ("unlabelled.png", "sigmoid", 0.7, ["thing"])
    for sample, space in zip(samples, UNKNOWN.values(), strict=False):
        assert "mask" not in sample
        assert sample["valid"].all()
        assert sample["valid"].shape == space
        # normalised as the images that were trained on: each by itself
        assert float(sample["image"].mean()) == pytest.approx(0, abs=1e-5)
        assert float(sample["image"].std(correction=0)) == pytest.approx(1, abs=1e-4)
        torch.testing.assert_close(sample["probabilities"], (-sample["image"]).sigmoid())


@pytest.mark.parametrize("callback", [Contours, UnlabelledImages])
def test_both_are_pictures(tmp_path: Path, callback: type[pl.Callback]) -> None:
    path = tmp_path / "new" / "picture.png"
    run(callback(str(path), "sigmoid"), Task(), datamodule=module(vessels(3, WithUnknown)))  # type: ignore[call-arg]
    with Image.open(path) as picture:
        assert picture.size[0] > 1500


def test_where_all_images_are_labelled_there_is_no_such_picture(tmp_path: Path) -> None:
    run(UnlabelledImages(str(tmp_path / "a.png"), "sigmoid"), Task(), datamodule=module(vessels(1)))
    assert not list(tmp_path.iterdir())


def test_equal_scores_are_in_the_order_of_names_and_what_has_none_is_left_out() -> None:
    assert rank_images({"a": math.nan}) == {}
    assert rank_images({"c": 1.0, "a": 1.0, "b": 1.0, "d": 1.0}) == {"best": "d", "median": "b", "worst": "a"}
