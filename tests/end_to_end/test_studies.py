"""Commands of the studies of membranes, roofs and cats, on made files in the layout of the real ones."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.membrane_makers import make_isbi2012
from helpers.picture_makers import make_cats, make_folder
from helpers.repository import RUN
from helpers.scene_makers import make_voc2012

SMOKE = ["budget=smoke", "trainer=cpu", "validations=1", "paths.data=files", "callbacks.equivariance.images=0"]

pytestmark = pytest.mark.slow  # each is several trainings


def typed(folder: Path, *overrides: str) -> None:
    """Runs ``python run.py …`` in a folder outside the project."""
    command, environment = [sys.executable, str(RUN), *overrides, *SMOKE], os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def jobs(folder: Path) -> dict[str, dict[str, Any]]:
    """Metrics of each run of a sweep, by arm and fold."""
    found = [json.loads(path.read_text()) for path in folder.glob("runs/sweeps/*/*/metrics.json")]
    return {job["arm"]: job for job in found}


def rows(folder: Path) -> list[dict[str, str]]:
    (table,) = folder.glob("runs/sweeps/*/report.csv")
    with table.open() as file:
        return list(csv.DictReader(file))


def test_membranes_are_cross_validated(tmp_path: Path) -> None:
    make_isbi2012(tmp_path / "files")
    axes = 'hydra.sweeper.params={seed:"0",data.source.fold:"0,1",width:params}'
    typed(tmp_path, "experiment=isbi_unet2015", axes, "data.patch_size=32", "threshold_by=iou")
    found = jobs(tmp_path)
    assert set(found) == {"U-Net", "D4", "U-Net 2015", "U-Net, not weighted"}
    for job in found.values():
        assert job["steps"] == 20
        assert {"v_rand", "v_info", "pixel_error", "iou/membrane", "iou/cell"} <= set(job["test"])
        assert job["threshold"] in [round(0.05 * step, 2) for step in range(1, 20)]
    arms = rows(tmp_path)
    assert len(arms) == 8  # four arms, two folds
    (page,) = tmp_path.glob("runs/sweeps/*/report.md")
    assert "4 arms, 8 tests" in page.read_text()
    assert "of 12 images" in page.read_text()  # two folds of six slices


def test_losses_are_compared_on_folders(tmp_path: Path) -> None:
    make_folder(tmp_path / "files")
    axes = 'hydra.sweeper.params={seed:"0",data.source.fold:"1",width:params}'
    typed(tmp_path, "experiment=roofs_losses", axes, "data.patch_size=16", "data.patches_per_epoch=16")
    found = jobs(tmp_path)
    assert set(found) == {"Dice", "pixelwise softmax", "cross-entropy", "cross-entropy, balanced"}
    assert {job["parameters"] for job in found.values()} == {found["Dice"]["parameters"]}
    assert {row["reference"] for row in rows(tmp_path)} == {"Dice"}


def test_cats_learn_from_scratch(tmp_path: Path) -> None:
    make_cats(tmp_path / "files")
    typed(tmp_path, "experiment=cats", "data.source.side=16", "data.patch_size=16")
    found = jobs(tmp_path)
    assert set(found) == {"MSE", "Dice", "Dice + augmentation", "MSE + augmentation"}
    assert {job["data"]["images"]["test"] for job in found.values()} == {24}
    (contours,) = tmp_path.glob("runs/sweeps/*/contours.png")
    assert contours.stat().st_size > 1000


def test_cats_are_cross_validated(tmp_path: Path) -> None:
    make_cats(tmp_path / "files")
    axes = 'hydra.sweeper.params={seed:"0",data.source.fold:"0,4",width:params}'
    typed(tmp_path, "experiment=cats_groups", axes, "data.source.side=16", "data.patch_size=16")
    assert set(jobs(tmp_path)) == {"U-Net", "D4"}
    (page,) = tmp_path.glob("runs/sweeps/*/report.md")
    assert "of 33 images" in page.read_text()  # 81 photographs: a fold of 17 and one of 16


def test_cats_learn_from_what_was_learned(tmp_path: Path) -> None:
    make_voc2012(tmp_path / "files")
    make_cats(tmp_path / "files")
    side = ["data.source.side=16", "data.patch_size=16"]
    typed(tmp_path, "experiment=cats_pretrain", "data=voc2012", "paths.run=first", "data.patches_per_epoch=16", *side)
    typed(tmp_path, "experiment=cats_transfer", "pretrained=first", *side)
    found = jobs(tmp_path)
    assert found["from scratch"]["init_from"] is None
    assert found["new head"]["init_from"]["left"] == {"head": "a new head"}
    for arm in ("fine-tuned", "encoder frozen", "rates by part"):
        assert found[arm]["init_from"]["left"] == {}
        assert found[arm]["init_from"]["data"] == "voc2012"
