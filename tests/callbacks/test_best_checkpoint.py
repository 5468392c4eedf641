"""The best checkpoint: by the score, where that cannot tell by the loss, and at last the later one."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from gequnet.callbacks import BestCheckpoint
from helpers.scripted import NAN, trained

SETTINGS: dict[str, Any] = {
    "filename": "best", "monitor": "val/dice", "mode": "max", "auto_insert_metric_name": False,
    "enable_version_counter": False, "save_on_train_epoch_end": False,
}  # fmt: skip

CASES = {
    "the best score": ([(0.2, 1.0), (0.9, 3.0), (0.5, 2.0)], 2, "val/dice"),
    "tied: the lowest loss": ([(0.5, 3.0), (0.5, 1.0), (0.5, 2.0)], 2, "val/loss"),
    "undefined: the lowest loss": ([(NAN, 3.0), (NAN, 1.0), (NAN, 2.0)], 2, "val/loss"),
    "all tied: the last": ([(0.5, 1.0), (0.5, 1.0), (0.5, 1.0)], 3, "last"),
    "nothing defined: the last": ([(NAN, NAN), (NAN, float("inf")), (NAN, NAN)], 3, "last"),
    "an undefined score loses": ([(0.1, 3.0), (NAN, 1.0), (NAN, 2.0)], 1, "val/dice"),
    "a defined score wins": ([(NAN, 1.0), (0.1, 2.0), (NAN, 1.0)], 2, "val/dice"),
    "two of three tied": ([(0.5, 3.0), (0.7, 2.0), (0.7, 2.0)], 3, "last"),
    "a tie overtaken": ([(0.5, 3.0), (0.5, 2.0), (0.7, 4.0)], 3, "val/dice"),
    "a tie in all, then a worse loss": ([(0.5, 1.0), (0.5, 1.0), (0.5, 2.0)], 2, "last"),
    "a loss that is not finite": ([(NAN, float("inf")), (NAN, 2.0), (NAN, NAN)], 2, "val/loss"),
}


def weight(folder: Path) -> float:
    return float(torch.load(folder / "best.ckpt", weights_only=True)["state_dict"]["steps"])


@pytest.mark.parametrize(("scores", "step", "by"), CASES.values(), ids=CASES.keys())
def test_it_keeps(scores: list[tuple[float, float]], step: int, by: str, tmp_path: Path) -> None:
    best = BestCheckpoint(dirpath=tmp_path, **SETTINGS)
    trained([best], scores)
    assert (weight(tmp_path), best.selected_by) == (step, by)
    assert best.best["val/loss"] == pytest.approx(scores[step - 1][1], nan_ok=True)
    assert [path.name for path in tmp_path.iterdir()] == ["best.ckpt"]


@pytest.mark.parametrize(("scores", "step", "by"), CASES.values(), ids=CASES.keys())
def test_a_resumed_training_decides_equally(
    scores: list[tuple[float, float]], step: int, by: str, tmp_path: Path
) -> None:
    last = ModelCheckpoint(tmp_path / "last", "last", save_on_train_epoch_end=False, enable_version_counter=False)
    for until in (1, 2):
        trained([BestCheckpoint(dirpath=tmp_path, **SETTINGS), last], scores, until, _newest(tmp_path))
    best = BestCheckpoint(dirpath=tmp_path, **SETTINGS)
    trained([best], scores, None, _newest(tmp_path))
    assert (weight(tmp_path), best.selected_by) == (step, by)


def _newest(folder: Path) -> Path | None:
    path = folder / "last" / "last.ckpt"
    return path if path.exists() else None


def test_a_score_to_be_minimised_and_the_loss_itself(tmp_path: Path) -> None:
    scores = [(0.3, 3.0), (0.2, 4.0), (0.2, 3.5), (0.4, 1.0)]
    lowest = BestCheckpoint(dirpath=tmp_path / "score", **SETTINGS | {"mode": "min"})
    loss = BestCheckpoint(dirpath=tmp_path / "loss", **SETTINGS | {"mode": "min", "monitor": "val/loss"})
    trained([lowest, loss], scores)
    assert (weight(tmp_path / "score"), lowest.selected_by) == (3, "val/loss")
    assert (weight(tmp_path / "loss"), loss.selected_by) == (4, "val/loss")
    assert loss.best["val/dice"] == pytest.approx(0.4)  # which metrics.json calls the validation Dice


def test_a_class_in_no_validation_image_has_no_say(tmp_path: Path) -> None:
    """Its score is 1 without and 0 with a single wrong pixel: the first, bad network would be kept."""
    scores = [(1.0, 3.0), (0.0, 1.0), (1.0, 2.0)]
    best = BestCheckpoint(dirpath=tmp_path, **SETTINGS)
    trained([best], scores, absent=["it"])
    assert (weight(tmp_path), best.selected_by) == (2, "val/loss")


def test_the_state_of_lightnings_callback_is_read(tmp_path: Path) -> None:
    scores = [(0.7, 3.0), (0.9, 1.0), (0.8, 1.0)]
    last = ModelCheckpoint(tmp_path / "last", "last", save_on_train_epoch_end=False, enable_version_counter=False)
    trained([ModelCheckpoint(dirpath=tmp_path, **SETTINGS), last], scores, 2)
    best = BestCheckpoint(dirpath=tmp_path, **SETTINGS)
    trained([best], scores, None, _newest(tmp_path))
    assert (weight(tmp_path), best.selected_by) == (2, "val/dice")


def test_more_than_one_checkpoint_is_lightnings_business(tmp_path: Path) -> None:
    best = BestCheckpoint(dirpath=tmp_path, **SETTINGS | {"filename": "{step}", "save_top_k": 2})
    trained([best], [(0.2, 1.0), (0.9, 3.0), (0.5, 2.0)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2.ckpt", "3.ckpt"]
