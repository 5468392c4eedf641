"""Trainings on data, or with settings, from which no good network can come."""

import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gequnet import experiment
from gequnet.config.command_line import exit_code
from gequnet.config.compose import compose
from gequnet.data.splits.folds import folds
from gequnet.runs.checkpoint import read_checkpoint
from gequnet.train.finite_loss import DivergedError
from gequnet.train.task import SegmentationTask
from helpers.ranks import ended, started
from helpers.repository import RUN

NAMES = [f"p{number}" for number in range(6)]
TINY = [
    "data=folder", "data.source.folds=3", "data.patch_size=24", "data.batch_size=2", "data.patches_per_epoch=4",
    "trainer=cpu", "trainer.max_steps=4", "validations=4", "model=unet", "model.depth=2", "width=fixed",
    "width.widths=[3,4]", "forecast=false", "~callbacks.predictions", "~callbacks.contours",
    "callbacks.equivariance.images=0",
]  # fmt: skip

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning"),
]


def pictures(folder: Path, empty: list[str]) -> Path:
    """Pictures with a bright and a dark square, labels 1 and 2; those of the names in ``empty`` have none."""
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for name in NAMES:
        image = rng.integers(90, 120, (32, 40, 3)).astype(np.uint8)
        mask = np.zeros((32, 40), np.uint8)
        if name not in empty:
            mask[4:16, 4:16], mask[12:28, 20:36] = 1, 2
            image[mask == 1], image[mask == 2] = 220, 10
        Image.fromarray(image).save(folder / "images" / f"{name}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{name}.png")
    return folder


def test_validation_images_without_foreground(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The first of the checkpoints was kept."""
    validating = folds([[name] for name in NAMES], 3)[1]
    data = pictures(tmp_path / "data", validating)
    words = [*TINY, f"paths.data={data}", "data.source.palette={ground:0,light:1,dark:2}", "optim.lr=0.01"]
    with caplog.at_level(logging.WARNING, "gequnet"):
        experiment.run(compose([*words, f"paths.run={tmp_path / 'run'}"]))
    assert "No validation image of folder has foreground (light, dark)" in caplog.text
    assert "val/dice could not choose the best checkpoint" in caplog.text
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["selected_by"] == "val/loss"
    assert "selected by val/loss" in (tmp_path / "run" / "card.md").read_text()


VESSELS = ["data=phantom_vessels", "data.source.size=40", "data.source.num_images={train: 2, val: 1, test: 1}"]
SENTENCE = (
    r"^The loss is (nan|inf) at step (\d+), with a batch of the images (train-00\d(, )?)+: try a smaller optim.lr .*"
)


def vessels(folder: Path, *words: str) -> list[str]:
    tiny = [word for word in TINY if not word.startswith("data=") and "folds" not in word]
    return [*tiny, *VESSELS, "callbacks.last.every_minutes=0", f"paths.run={folder}", *words]


def finite(checkpoint: Path) -> bool:
    weights = read_checkpoint(checkpoint)["state_dict"].values()
    return all(bool(torch.isfinite(weight.float()).all()) for weight in weights)


def poisoned(monkeypatch: pytest.MonkeyPatch, step: int, rank: int = 0, value: float = float("nan")) -> None:
    """The loss of one process is not finite from a step on."""
    loss = SegmentationTask._loss

    def bad(task: SegmentationTask, logits: Any, batch: Any) -> Any:
        hit = task.training and task.trainer.global_step + 1 >= step and task.trainer.global_rank == rank
        return loss(task, logits, batch) * (value if hit else 1)

    monkeypatch.setattr(SegmentationTask, "_loss", bad)


def test_a_loss_that_is_not_finite_ends_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned(monkeypatch, 3)
    with pytest.raises(DivergedError, match=SENTENCE) as caught:
        experiment.run(compose(vessels(tmp_path)))
    assert " at step 3, " in str(caught.value)
    assert "precision" not in str(caught.value)
    for name in ("best.ckpt", "last.ckpt"):
        assert read_checkpoint(tmp_path / "checkpoints" / name)["global_step"] == 2
        assert finite(tmp_path / "checkpoints" / name)
    assert not (tmp_path / "metrics.json").exists()


def test_weights_that_are_not_finite_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finite loss may have gradients that are not."""
    step = SegmentationTask.optimizer_step

    def bad(task: SegmentationTask, *arguments: Any, **more: Any) -> None:
        step(task, *arguments, **more)
        if task.trainer.global_step == 2:
            torch.nn.init.constant_(next(task.net.parameters()), float("inf"))

    monkeypatch.setattr(SegmentationTask, "optimizer_step", bad)
    with pytest.raises(DivergedError, match="^The weights are not finite at step 3, .*optim.lr"):
        experiment.run(compose(vessels(tmp_path)))
    assert finite(tmp_path / "checkpoints" / "best.ckpt")
    assert finite(tmp_path / "checkpoints" / "last.ckpt")


def test_half_precision_is_named() -> None:
    error = DivergedError("The loss is inf", 4, [f"i{number}" for number in range(10)], 0.1, "16-mixed")
    images = "i0, i1, i2, i3, i4, i5, i6, i7 and 2 more"
    assert str(error) == (
        f"The loss is inf at step 4, with a batch of the images {images}: try a smaller optim.lr (its schedule is at "
        "0.1), trainer.precision=32-true or bf16-mixed, or check these images and their masks."
    )


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_all_processes_end(
    rank: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The loss of one process of two is nan; the other one waits for it, and is told."""
    poisoned(monkeypatch, 3, rank)
    words = vessels(tmp_path, "trainer.strategy=ddp", "trainer.devices=2", "data.patches_per_epoch=8")

    def child(own: int) -> None:
        sys.exit(exit_code(lambda: int(experiment.run(compose(words)))))

    assert ended(started(child), 60) == [2, 0]
    sentences = [line for line in capfd.readouterr().err.splitlines() if re.match(SENTENCE, line)]
    assert len(sentences) == 1
    assert " at step 3, " in sentences[0]
    assert finite(tmp_path / "checkpoints" / "last.ckpt")


@pytest.mark.slow
def test_what_a_user_types(tmp_path: Path) -> None:
    command = [sys.executable, str(RUN), *vessels(tmp_path / "run", "optim.lr=1e30", "trainer.max_steps=20")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 2
    assert re.match(SENTENCE, done.stderr.splitlines()[-1])
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_other_jobs_of_a_sweep_go_on(tmp_path: Path) -> None:
    words = [word for word in vessels(tmp_path) if not word.startswith("paths.run=")]
    command = [sys.executable, str(RUN), "-m", *words, "optim.lr=1e30,1e-3", "trainer.max_steps=20"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    assert "1 of 2 jobs failed" in done.stderr
    (error,) = tmp_path.glob("runs/sweeps/*/*/error.txt")
    assert re.match(SENTENCE, error.read_text())
    assert error.read_text().count("\n") == 1
    assert len(list(tmp_path.glob("runs/sweeps/*/*/metrics.json"))) == 1
