"""Confusion matrices, against scikit-learn's."""

import csv
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from sklearn.metrics import confusion_matrix, multilabel_confusion_matrix

from gequnet.callbacks.confusion import Confusion as Callback
from gequnet.metrics.confusion import ConfusionMatrices

SIZE = (2, 5, 7)


def test_of_exclusive_classes() -> None:
    logits, mask, valid = torch.randn(2, 3, 5, 7), torch.randint(0, 3, SIZE), torch.rand(SIZE) > 0.3
    mask[0, 0, 0], valid[0, 0, 0] = 255, True  # a label that is no class
    confusion = ConfusionMatrices(3, "softmax")
    confusion.update(logits, mask, valid, ["a", "b"], 0.5)
    counted = valid & (mask < 3)
    expected = confusion_matrix(mask[counted], logits.argmax(1)[counted], labels=[0, 1, 2])
    assert confusion.compute().tolist() == [expected.tolist()]


@pytest.mark.parametrize("threshold", [0.5, 0.8])
def test_of_overlapping_regions(threshold: float) -> None:
    logits, mask, valid = torch.randn(2, 3, 5, 7), torch.randint(0, 2, (2, 3, 5, 7)), torch.rand(SIZE) > 0.3
    confusion = ConfusionMatrices(3, "sigmoid")
    confusion.update(logits, mask, valid, ["a", "b"], threshold)
    flat = [(each.movedim(1, -1)[valid] > 0).int() for each in (mask, logits.sigmoid() - threshold)]
    assert confusion.compute().tolist() == multilabel_confusion_matrix(*flat).tolist()


def test_of_volumes_in_bfloat16() -> None:
    logits, mask = torch.randn(1, 2, 3, 4, 5, dtype=torch.bfloat16), torch.randint(0, 2, (1, 3, 4, 5))
    confusion = ConfusionMatrices(2, "softmax")
    confusion.update(logits, mask, mask >= 0, ["a"], 0.5)
    assert confusion.compute()[0].tolist() == confusion_matrix(mask.flatten(), logits.argmax(1).flatten()).tolist()


def test_an_image_that_a_sampler_repeats_counts_once() -> None:
    logits, mask = torch.randn(1, 1, 5, 7), torch.randint(0, 2, (1, 5, 7))
    once, twice = ConfusionMatrices(1, "sigmoid"), ConfusionMatrices(1, "sigmoid")
    once.update(logits, mask, mask >= 0, ["a"], 0.5)
    for _ in range(2):
        twice.update(logits, mask, mask >= 0, ["a"], 0.5)
    assert torch.equal(once.compute(), twice.compute())
    once.reset()
    once.update(-logits, mask, mask >= 0, ["a"], 0.5)
    assert not torch.equal(once.compute(), twice.compute())


def written(callback: Callback, logits: torch.Tensor, mask: torch.Tensor) -> list[dict[str, str]]:
    trainer, task = pl.Trainer(accelerator="cpu", logger=False), pl.LightningModule()
    task.test_metrics = SimpleNamespace(threshold=0.5)  # type: ignore[assignment]
    batch = {"mask": mask, "valid": torch.ones(1, 2, 2, dtype=torch.bool), "id": ["a"]}
    callback.on_test_start(trainer, task)
    callback.on_test_batch_end(trainer, task, logits, batch, 0)
    callback.on_test_end(trainer, task)
    with callback.path.open() as file:
        return list(csv.DictReader(file))


def test_a_table_and_a_picture(tmp_path: Path) -> None:
    mask = torch.tensor([[[0, 0], [1, 1]]])
    logits = 4.0 * torch.stack([mask != 1, mask == 1, mask == 2], 1)
    logits[0, :, 0, 0] = torch.tensor([0.0, 4.0, 0.0])
    rows = written(Callback(str(tmp_path / "c.csv"), "softmax", ["sky", "road", "tree"]), logits, mask)
    assert [row["pixels"] for row in rows] == ["1", "1", "0", "0", "2", "0", "0", "0", "0"]
    assert [row["share"] for row in rows] == ["0.5", "0.5", "0.0", "0.0", "1.0", "0.0", "", "", ""]
    assert {row["region"] for row in rows} == {"all"}
    with Image.open(tmp_path / "c.png") as picture:
        assert min(picture.size) > 100


def test_regions_have_a_matrix_each(tmp_path: Path) -> None:
    mask = torch.tensor([[[[0, 0], [1, 1]], [[0, 1], [0, 0]]]])
    rows = written(Callback(str(tmp_path / "c.csv"), "sigmoid", ["a", "b"], "elsewhere"), 4.0 * mask - 2, mask)
    right = {(row["region"], row["truth"]): row["pixels"] for row in rows if row["truth"] == row["predicted"]}
    assert right == {("a", "elsewhere"): "2", ("a", "a"): "2", ("b", "elsewhere"): "3", ("b", "b"): "1"}
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.width > 1.5 * picture.height  # side by side
