"""History table of a training, also of an interrupted one."""

import copy
import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytorch_lightning as pl
import torch

from gequnet.callbacks.history import History


def trainer_at(step: int, every: int = 2, **scalars: float) -> Any:
    metrics = {name.replace("_", "/"): torch.tensor(value) for name, value in scalars.items()}
    return Mock(
        spec=pl.Trainer, global_step=step, current_epoch=0, log_every_n_steps=every, callback_metrics=metrics,
        state=SimpleNamespace(fn="fit"), sanity_checking=False, is_global_zero=True,
    )  # fmt: skip


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def train(history: History, first: int, last: int) -> None:
    task = pl.LightningModule()
    for step in range(first, last + 1):
        history.on_train_batch_end(trainer_at(step, train_loss=1 / step))
        if step % 4 == 0:
            history.on_validation_end(trainer_at(step, train_loss=9.0, val_dice=step / 100), task)


def test_rows_at_the_logging_interval_and_scores_beside_them(tmp_path: Path) -> None:
    history = History(str(tmp_path / "history.csv"))
    train(history, 1, 6)
    history.on_fit_end(trainer_at(6), pl.LightningModule())
    table = rows(tmp_path / "history.csv")
    assert [row["step"] for row in table] == ["1", "2", "4", "6"]
    assert [row["train/loss"] for row in table] == ["1.0", "0.5", "0.25", str(float(torch.tensor(1 / 6)))]
    assert [row["val/dice"] for row in table] == ["", "", str(float(torch.tensor(0.04))), ""]


def test_a_resumed_training_continues_the_table(tmp_path: Path) -> None:
    path = str(tmp_path / "history.csv")
    interrupted, resumed = History(path), History(path)
    train(interrupted, 1, 4)
    resumed.load_state_dict(copy.deepcopy(interrupted.state_dict()))
    train(interrupted, 5, 8)  # and is killed: what came after the checkpoint of step 4 is done again
    train(resumed, 5, 8)
    assert [row["step"] for row in rows(tmp_path / "history.csv")] == ["1", "2", "4", "6", "8"]
    assert rows(tmp_path / "history.csv")[2]["val/dice"] == str(float(torch.tensor(0.04)))


def test_a_new_training_in_an_old_folder_starts_anew(tmp_path: Path) -> None:
    path = str(tmp_path / "history.csv")
    train(History(path), 1, 8)
    train(History(path), 1, 4)
    assert [row["step"] for row in rows(tmp_path / "history.csv")] == ["1", "2", "4"]
