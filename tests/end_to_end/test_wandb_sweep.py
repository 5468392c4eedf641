"""Sweeps of W&B with its own commands, against a stand-in for its server."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gequnet.config.compose import compose
from gequnet.train.validate_config import validate_config
from helpers.repository import ROOT
from helpers.wandb_server import ENTITY, Server, serving
from helpers.wandb_sweep_server import SWEEP, SweepServer

FILE = ROOT / "docs" / "wandb" / "sweep_groups.yaml"
ARGUMENTS = "${args_no_hyphens}"
TINY = [
    "data.source.size=40", "data.source.num_images={train: 2, val: 1, test: 1}", "data.patch_size=24",
    "data.batch_size=2", "data.patches_per_epoch=4", "trainer=cpu", "trainer.max_steps=2", "validations=2",
    "callbacks.equivariance.images=0", "model.depth=2",
]  # fmt: skip


@pytest.fixture
def server() -> Iterator[SweepServer]:
    with serving(SweepServer()) as server:
        yield server


def wandb(server: Server, folder: Path, *words: str) -> str:
    """Output of ``wandb …``, run in a folder with a login."""
    own = {"WANDB_BASE_URL": server.address, "WANDB_API_KEY": "a" * 40, "HOME": str(folder), "OMP_NUM_THREADS": "1"}
    path = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "wandb", *words]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | own | path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_every_run_of_the_sweep_fits_together() -> None:
    sweep = yaml.safe_load(FILE.read_text())
    words = [word for word in sweep["command"] if "${" not in word]
    for name, values in ((name, each["values"]) for name, each in sweep["parameters"].items()):
        for value in values:
            validate_config(compose([*words, f"{name}={value}", "paths.run=here"]))


@pytest.mark.slow
def test_an_agent_runs_what_the_sweep_deals_out(server: SweepServer, tmp_path: Path) -> None:
    sweep = yaml.safe_load(FILE.read_text())
    at = sweep["command"].index(ARGUMENTS)
    sweep["command"][at:at] = TINY
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sweep | {"program": str(ROOT / "run.py")}))
    said = wandb(server, tmp_path, "sweep", "sweep.yaml")
    assert f"wandb agent {ENTITY}/gequnet/{SWEEP}" in said
    wandb(server, tmp_path, "agent", f"{ENTITY}/gequnet/{SWEEP}", "--count", "2")
    assert server.dealt == [{"group": "c4", "seed": 0, "width": width} for width in ("params", "channels")]
    found = {
        json.loads(path.read_text())["chosen"]["width"]: path.parent
        for path in tmp_path.glob(f"runs/{SWEEP}/*/*/*/metrics.json")
    }
    for run, point in zip(("run1", "run2"), server.dealt, strict=True):
        assert server.runs[run]["sweep"] == SWEEP
        folder = found[point["width"]]
        assert json.loads((folder / "metrics.json").read_text())["chosen"]["group"] == "c4"
        with (folder / "history.csv").open() as file:
            scores = [float(row["val/dice"]) for row in csv.DictReader(file) if row["val/dice"]]
        score, rows = sweep["metric"]["name"], [row for _, row in sorted(server.history[run].items())]
        sent = [row[score] for row in rows if score in row]
        assert len(sent) == 2
        assert sent == pytest.approx(scores, abs=1e-6)
