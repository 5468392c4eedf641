"""Trainings on data, or with settings, from which no good network can come."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gequnet import experiment
from gequnet.config.compose import compose
from gequnet.data.splits.folds import folds

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
