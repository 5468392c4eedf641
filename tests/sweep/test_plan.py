"""Whole sweeps, from the command to the report: small ones, in an empty folder."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from helpers.repository import RUN

NOTEBOOKS = RUN.parent / "notebooks"
TINY = [
    "data=phantom_vessels",
    "data.source.size=40",
    "data.source.num_images={train: 2, val: 1, test: 2}",
    "data.patch_size=24",
    "data.batch_size=2",
    "data.patches_per_epoch=4",
    "trainer=cpu",
    "trainer.max_steps=2",
    "validations=1",
    "callbacks.equivariance.images=0",
]


def typed(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    """Runs ``python run.py …`` in a folder outside the project."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(RUN), *overrides]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=500, check=False
    )


def only_sweep(folder: Path) -> Path:
    (plan,) = folder.glob("runs/sweeps/*/sweep.json")
    return plan.parent


def jobs(sweep: Path) -> list[dict[str, Any]]:
    """Metrics of the finished jobs, in the order in which they ran."""
    files = sorted(sweep.glob("*/metrics.json"), key=lambda path: path.stat().st_mtime)
    return [json.loads(path.read_text()) for path in files]


@pytest.mark.slow
def test_the_plain_network_runs_once_for_each_baseline(tmp_path: Path) -> None:
    axes = ["model=unet,e2unet", "group=c4,d4", "width=params,channels", "seed=0"]
    done = typed(tmp_path, "-m", *axes, *TINY)
    assert done.returncode == 0, done.stderr
    assert "8 combinations are 6 jobs" in done.stdout
    found = jobs(only_sweep(tmp_path))
    plain = [job for job in found if job["chosen"]["model"] == "unet"]
    assert [(job["chosen"]["group"], job["widths"]) for job in plain] == [
        ("none", [12, 24, 45]),
        ("none", [32, 64, 96]),
    ]
    assert {(job["chosen"]["group"], job["chosen"]["width"]) for job in found if job not in plain} == {
        (group, width) for group in ("c4", "d4") for width in ("params", "channels")
    }
    for job in found:
        assert set(job["match"]["ratios"]) == {"parameters", "channels", "flops", "activations"}
    assert all(value == 1 for job in plain for value in job["match"]["ratios"].values())
    html = (only_sweep(tmp_path) / "report.html").read_text()
    assert "D4" in html
    with (only_sweep(tmp_path) / "report.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 6


@pytest.mark.slow
def test_a_failed_job_leaves_the_others_and_what_is_finished_is_not_run_again(tmp_path: Path) -> None:
    words = ["-m", "optim.lr=0.01,-1,0.02", "model=unet", *TINY]
    first = typed(tmp_path, *words)
    assert first.returncode == 2
    assert "1 of 3 jobs failed" in first.stderr
    assert "2 of 3 jobs done, 1 failed" in first.stdout
    sweep = only_sweep(tmp_path)
    (error,) = sweep.glob("*/error.txt")
    assert "optim.lr=-1 must be at least 0" in error.read_text()
    assert (sweep / "report.html").exists()
    times = {path: path.stat().st_mtime_ns for path in sweep.glob("*/metrics.json")}
    second = typed(tmp_path, *words)
    assert second.returncode == 2
    assert "2 of 3 jobs are finished and are not run again" in second.stdout
    assert only_sweep(tmp_path) == sweep
    assert {path: path.stat().st_mtime_ns for path in sweep.glob("*/metrics.json")} == times


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished ``experiment=drive_groups``, two jobs at a time; without -m, as its file defines a sweep."""
    folder = tmp_path_factory.mktemp("groups")
    words = ["experiment=drive_groups", "budget=smoke", "width=params", "hydra/launcher=parallel"]
    done = typed(folder, *words, 'hydra.sweeper.only=[U-Net,"U-Net + rotation",C8,D4]', *TINY)
    assert done.returncode == 0, done.stderr
    assert "4 of 4 jobs done" in done.stdout
    return only_sweep(folder)


@pytest.mark.slow
def test_an_experiment_with_arms_runs_side_by_side_to_its_report(groups: Path) -> None:
    found = {job["arm"]: job for job in jobs(groups)}
    assert set(found) == {"U-Net", "U-Net + rotation", "C8", "D4"}
    assert found["U-Net + rotation"]["chosen"]["augment"] == "rotation"
    assert len({job["steps"] for job in found.values()}) == 1
    (averaged,) = groups.glob("*/tta_d4/metrics.json")
    assert json.loads(averaged.read_text())["evaluation"] == "tta_d4"
    for name in ("report.md", "report.csv", "report.html", "pareto.png", "curves.png", "panel.png"):
        assert (groups / name).exists(), name
    assert (groups / "report.md").read_text().startswith("# drive_groups, phantom_vessels")


def printed_by(name: str, folder: Path) -> list[str]:
    """Printed output of the cells of a notebook, executed in a folder."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit notebooks without outputs"
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute()
    return [output["text"] for cell in notebook.cells for output in cell.get("outputs", []) if "text" in output]


@pytest.mark.slow
def test_a_notebook_reads_the_comparison(groups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEQUNET_SWEEP", str(groups))
    printed = printed_by("01_fair_comparison", groups)
    assert any("No difference between C8" in text or "C8 is better" in text or "C8 loses" in text for text in printed)
    assert any("so the comparison would not be fair" in text for text in printed)


@pytest.mark.slow
def test_a_notebook_reads_tests_at_other_scales(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tiny trainings of ``experiment=scale_shift``; the notebook asserts the equivariance of the maps."""
    words = ["experiment=scale_shift", "budget=smoke", "width=params", 'hydra.sweeper.only=[U-Net,"Scale U-Net"]']
    images = ["data=phantom_tumours2d", "data.source.size=64", "scales=[0.7,1,1.5]"]
    done = typed(tmp_path, *words, *TINY, *images)
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("GEQUNET_SCALES", str(only_sweep(tmp_path)))
    printed = printed_by("02_scale_equivariance", tmp_path)
    assert "2 runs, 2 test images, 3 scales\n" in printed


@pytest.mark.slow
def test_what_an_experiment_compares_cannot_be_typed_beside_it(tmp_path: Path) -> None:
    done = typed(tmp_path, "experiment=drive_groups", "group=c4", *TINY)
    assert done.returncode == 2
    assert "group is what the arms of this experiment compare" in done.stderr
    assert done.stderr.count("\n") == 1
