"""Median times of a network that sleeps for a known time."""

import time
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from gequnet.callbacks.timing import Timing
from gequnet.runs.callback_outputs import HasResults


class Sleepy(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        time.sleep(0.02)
        return image


class Task(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = Sleepy()


def at(step: int) -> Any:
    return Mock(spec=pl.Trainer, fit_loop=SimpleNamespace(total_batch_idx=step))


def test_medians() -> None:
    timing, task = Timing(), Task()
    assert isinstance(timing, HasResults)
    for step in (0, 1, 2, 20):
        timing.on_train_batch_start(at(step))
        time.sleep(0.2 if step == 0 else 0.02)  # the first one is slow: a median does not mind
        timing.on_train_batch_end(at(step))
    timing.on_test_start(at(0), task)
    timing.on_test_batch_start(at(0))
    logits = task.net(torch.zeros(1, 1))
    timing.on_test_batch_end(at(0), task, logits)
    task.net(torch.zeros(1, 1))  # another callback, measuring something else
    timing.on_test_epoch_end(at(0), task)
    task.net(torch.zeros(1, 1))  # after the test nobody listens
    results = timing.results()
    assert results["seconds_per_training_step"] == pytest.approx(0.02, abs=0.015)
    assert results["seconds_per_test_image"] == pytest.approx(0.02, abs=0.015)
    assert len(timing.test) == 1


def test_all_windows_of_an_image_count() -> None:
    timing, task = Timing(), Task()
    timing.on_test_start(at(0), task)
    timing.on_test_batch_start(at(0))
    for _ in range(4):
        logits = task.net(torch.zeros(1, 1))
    timing.on_test_batch_end(at(0), task, logits)
    timing.on_test_epoch_end(at(0), task)
    assert timing.results()["seconds_per_test_image"] == pytest.approx(0.08, abs=0.04)


def test_later_steps_are_timed_now_and_then() -> None:
    timing = Timing()
    for step in range(40):
        timing.on_train_batch_start(at(step))
        timing.on_train_batch_end(at(step))
    assert len(timing.training) == 10 + 3
