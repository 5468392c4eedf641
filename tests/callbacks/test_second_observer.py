"""Scores of the second observer, compared with values worked out by hand."""

from functools import partial

import pytest
import pytorch_lightning as pl
import torch

from gequnet.callbacks.second_observer import SecondObserver
from gequnet.metrics.segmentation import SegmentationMetrics


def observer(fov: bool) -> SecondObserver:
    metrics = partial(SegmentationMetrics, num_classes=1, head="sigmoid", class_names=["vessel"], fov=fov)
    callback = SecondObserver(metrics)
    callback.on_test_start(pl.Trainer(accelerator="cpu", logger=False), pl.LightningModule())
    return callback


def show(callback: SecondObserver, batch: dict) -> None:
    callback.on_test_batch_end(pl.Trainer(accelerator="cpu", logger=False), pl.LightningModule(), None, batch, 0)


def results(callback: SecondObserver) -> dict:
    callback.on_test_end(pl.Trainer(accelerator="cpu", logger=False), pl.LightningModule())
    return callback.results()


def test_by_hand() -> None:
    truth = torch.tensor([[[1, 1, 0, 0], [0, 0, 0, 0]]])
    second = torch.tensor([[[1, 0, 1, 0], [1, 0, 0, 0]]])
    valid = torch.tensor([[[1, 1, 1, 1], [0, 0, 0, 0]]]).bool()
    callback = observer(fov=True)
    show(callback, {"mask": truth, "second": second, "valid": valid, "id": ["a"]})
    scores = results(callback)["second_observer"]
    # Inside: one found, one missed, one invented. Whole: one more invented.
    assert scores["dice_fov"] == pytest.approx(2 / 4)
    assert scores["dice_whole"] == pytest.approx(2 / 5)
    assert not any("auc" in name for name in scores)


def test_nothing_without_a_second_observer() -> None:
    callback = observer(fov=False)
    mask = torch.zeros(1, 2, 2, dtype=torch.long)
    show(callback, {"mask": mask, "valid": mask == 0, "id": ["a"]})
    assert results(callback) == {}


def test_the_scores_of_all_processes_are_kept_for_the_one_that_reports(caplog: pytest.LogCaptureFixture) -> None:
    mask = torch.tensor([[[1, 0]]])
    batch = {"mask": mask, "second": mask, "valid": mask >= 0, "id": ["a"]}
    callback = observer(fov=False)
    show(callback, batch)
    kept = results(callback)
    callback.metrics.reset()  # asked again, it would have to meet the other processes, which are gone
    assert callback.results() == kept
    trainer = pl.Trainer(accelerator="cpu", logger=False)
    trainer.strategy.reduce = lambda images, reduce_op: 0 * images  # another process had none
    callback.on_test_start(trainer, pl.LightningModule())
    show(callback, batch)
    callback.on_test_end(trainer, pl.LightningModule())
    assert callback.results() == {}
    assert "not scored" in caplog.text
