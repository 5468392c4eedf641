"""Trainings that are killed and resumed end with the same bits as without interruption."""

import errno
import logging
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gequnet import experiment
from gequnet.callbacks.last_checkpoint import LastCheckpoint
from gequnet.config.compose import compose
from gequnet.errors import ConfigError
from gequnet.runs.checkpoint import read_checkpoint
from helpers.tiny_runs import LAST, TINY, assert_same, trained

SLOW = pytest.mark.slow


def words(folder: Path, *overrides: str) -> list[str]:
    return [*TINY, f"paths.run={folder}", *overrides]


def start(folder: Path, *overrides: str, before: Callable[[], Any] = lambda: None) -> multiprocessing.Process:
    """Start a run in a process of its own, forked after the slow imports."""

    def child() -> None:
        logging.basicConfig(stream=sys.stderr, force=True)
        before()
        experiment.run(compose(words(folder, *overrides)))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    return process  # type: ignore[return-value]


def at_call(name: str, number: int, event: Callable[[], Any]) -> None:
    """Run an action at the n-th call of a function of ``os``."""
    calls, original = 0, getattr(os, name)

    def counted(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            event()
        original(*arguments)

    setattr(os, name, counted)


def to_its_end(folder: Path, *overrides: str) -> float:
    began = time.monotonic()
    process = start(folder, *overrides)
    process.join(100)
    assert process.exitcode == 0
    return time.monotonic() - began


def wait_for(path: Path, process: multiprocessing.Process) -> None:
    while not path.exists():
        assert process.is_alive()
        time.sleep(0.01)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The uninterrupted run, and its time in seconds."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, to_its_end(folder)


@SLOW
@pytest.mark.parametrize("more", [[], ["data.patches_per_epoch=12"], ["trainer.accumulate_grad_batches=3"]])
def test_killed_at_ten_random_moments(more: list[str], tmp_path: Path) -> None:
    """Killed within epochs, at their ends, and while gradients are accumulated."""
    seconds = to_its_end(tmp_path / "whole", *more)
    lot = random.Random(0)
    for _ in range(10):
        process = start(tmp_path / "killed", *more)
        process.join(lot.uniform(0.1, 0.6) * seconds)
        process.kill()
        process.join()
    to_its_end(tmp_path / "killed", *more)
    assert_same(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.parametrize("steps", [pytest.param(2, marks=SLOW), 6, pytest.param(10, marks=SLOW)])
def test_killed_after_a_checkpoint(steps: int, whole: tuple[Path, float], tmp_path: Path) -> None:
    """Stopped within an epoch, after a validation, and at the end of an epoch."""

    def lethal() -> None:
        write = LastCheckpoint._write

        def once(callback: LastCheckpoint, trainer: Any) -> None:
            write(callback, trainer)
            if trainer.global_step == steps:
                os.kill(os.getpid(), signal.SIGKILL)

        LastCheckpoint._write = once  # type: ignore[method-assign]

    process = start(tmp_path, before=lethal)
    process.join(100)
    assert process.exitcode == -signal.SIGKILL
    to_its_end(tmp_path)
    assert_same(whole[0], tmp_path)


@pytest.mark.parametrize("call", [pytest.param("fsync", marks=SLOW), "replace"])
def test_killed_while_a_checkpoint_is_written(call: str, whole: tuple[Path, float], tmp_path: Path) -> None:
    process = start(tmp_path, before=lambda: at_call(call, 4, lambda: os.kill(os.getpid(), signal.SIGKILL)))
    process.join(100)
    assert process.exitcode == -signal.SIGKILL
    assert not (tmp_path / "metrics.json").exists()
    to_its_end(tmp_path)
    assert_same(whole[0], tmp_path)


@pytest.mark.slow
def test_a_damaged_checkpoint_is_reported_and_the_one_before_it_taken(
    whole: tuple[Path, float], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    process = start(tmp_path)
    wait_for(tmp_path / (LAST + ".before"), process)
    process.kill()
    process.join()
    last = tmp_path / LAST
    damaged = last.exists()
    if damaged:  # it may have been killed just between the two renamings
        last.write_bytes(last.read_bytes()[:-100])
    to_its_end(tmp_path)
    assert not damaged or "damaged" in capfd.readouterr().err
    assert_same(whole[0], tmp_path)


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    process = start(tmp_path, before=lambda: at_call("fsync", 4, full))
    process.join(100)
    assert process.exitcode == 1
    said = capfd.readouterr().err
    assert "could not be written" in said
    assert "No space left on device" in said
    assert read_checkpoint(tmp_path / LAST)["global_step"] >= 1
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=SLOW)])
@pytest.mark.slow
def test_told_to_stop_it_writes_where_it_is(number: signal.Signals, whole: tuple[Path, float], tmp_path: Path) -> None:
    process = start(tmp_path, "callbacks.last.every_minutes=1000")
    wait_for(tmp_path / LAST, process)
    os.kill(process.pid, number)  # type: ignore[arg-type]
    process.join(60)
    assert process.exitcode == 128 + signal.SIGTERM
    assert not (tmp_path / "metrics.json").exists()
    to_its_end(tmp_path, "callbacks.last.every_minutes=1000")
    weights, said, rows = trained(tmp_path)
    assert all(torch.equal(value, trained(whole[0])[0][name]) for name, value in weights.items())
    assert said["test"] == trained(whole[0])[1]["test"]
    assert rows == trained(whole[0])[2]


def test_what_is_finished_is_not_done_again(whole: tuple[Path, float]) -> None:
    folder, _ = whole
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.ckpt")}
    best = experiment.run(compose(words(folder)))
    assert best == trained(folder)[1]["val_best"]["dice"]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.ckpt")} == times


def test_a_folder_of_something_else_is_refused(whole: tuple[Path, float]) -> None:
    with pytest.raises(ConfigError, match="describes another run now"):
        experiment.run(compose(words(whole[0], "optim.lr=0.1")))
    with pytest.raises(ConfigError, match="no folder of a run"):
        experiment.run(compose([*TINY, "resume=/nowhere", "paths.run=/nowhere"]))
