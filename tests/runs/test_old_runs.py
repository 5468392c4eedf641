"""Runs of version 0.1.0 load, evaluate, resume and count as finished; see tests/fixtures/version_0_1/README.md."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import gequnet
from gequnet.config.compose import compose
from gequnet.evaluate.external_test import evaluate
from gequnet.report.finished_runs import read_run
from gequnet.runs.fingerprint import fingerprint
from helpers.repository import FIXTURES
from helpers.slow import slow_unless

OLD = FIXTURES / "version_0_1"
STOPPED = "phantom_vessels/e2unet_c4/e2unet-c4-2-fixed-2-3-early_stopping-3-0-2-cpu-32-2-8-48-tra-5ac217"
SCALE = "phantom_tumours2d/scale_unet2d_scale3/2026-11-30_19-52-20-162010"
SWEEP = "sweeps/unet-e2unet-c4-2-params-4-6-cpu-32-2-8-48-train-4-val-2-test-d9e85e"
JOBS = [f"{SWEEP}/phantom_vessels_unet-none_params_s0_11ab65", f"{SWEEP}/phantom_vessels_e2unet-c4_params_s0_b475c8"]
FINISHED = [SCALE, *JOBS]

TINY = [
    "model.depth=2", "trainer.accelerator=cpu", "data.patch_size=32", "data.batch_size=2", "data.patches_per_epoch=8",
    "data.source.size=48", "forecast=false",
]  # fmt: skip
STOPPED_WORDS = [
    "resume=auto", "model=e2unet", "group=c4", "model.depth=2", "width=fixed", "width.widths=[2,3]",
    "callbacks=early_stopping", "callbacks.early_stopping.patience=3", "callbacks.early_stopping.min_delta=0.2",
    "trainer.accelerator=cpu", "data.patch_size=32", "data.batch_size=2", "data.patches_per_epoch=8",
    "data.source.size=48", "data.source.num_images={train: 4, val: 2, test: 2}", "trainer.max_steps=32",
    "validations=8", "forecast=false",
]  # fmt: skip
SWEEP_WORDS = [
    "-m", "model=unet,e2unet", "group=c4", "model.depth=2", "width=params", "width.widths=[4,6]",
    "trainer.accelerator=cpu", "data.patch_size=32", "data.batch_size=2", "data.patches_per_epoch=8",
    "data.source.size=48", "data.source.num_images={train: 4, val: 2, test: 3}", "trainer.max_steps=6",
    "validations=2", "forecast=false", "tta=c4", "threshold_by=dice", "callbacks.predictions.images=1",
]  # fmt: skip

# What commit e0dd3e8 reached without having been stopped.
UNINTERRUPTED = {"steps": 16, "val/dice": 0.37938597798347473}


@pytest.fixture
def runs(tmp_path):
    """The folder ``runs`` of version 0.1.0, in the working folder ``tmp_path``."""
    return shutil.copytree(OLD, tmp_path / "runs")


def metrics(folder):
    return json.loads((folder / "metrics.json").read_text())


@pytest.mark.parametrize("name", [STOPPED, *FINISHED])
def test_loads_and_predicts(runs, name):
    mask = gequnet.load(runs / name).predict(np.random.default_rng(0).random((40, 33), dtype=np.float32))
    assert mask.shape == (40, 33)
    assert mask.dtype == np.uint8


@pytest.mark.parametrize("name", [SCALE, JOBS[1]])
def test_evaluates_to_the_scores_of_its_own_test(runs, name):
    before = metrics(runs / name)["test"]
    found = metrics(evaluate(runs / name, out=runs / "again"))["test"]
    assert found == pytest.approx(before, abs=1e-5, nan_ok=True)


@pytest.mark.parametrize("resume", slow_unless(lambda how: how == "folder", ["words", "folder"]))
def test_a_stopped_training_goes_on_to_where_it_would_have_ended(typed, runs, resume):
    folder = runs / STOPPED
    assert typed(*(STOPPED_WORDS if resume == "words" else [f"resume={folder}"])) == 0
    assert metrics(folder)["steps"] == UNINTERRUPTED["steps"]
    last = (folder / "history.csv").read_text().splitlines()
    value = dict(zip(last[0].split(","), last[-1].split(","), strict=True))["val/dice"]
    assert float(value) == pytest.approx(UNINTERRUPTED["val/dice"], abs=1e-6)


def test_a_finished_sweep_is_not_run_again(typed, runs, capsys):
    before = {name: (runs / name / "metrics.json").read_bytes() for name in JOBS}
    assert typed(*SWEEP_WORDS) == 0
    assert {name: (runs / name / "metrics.json").read_bytes() for name in JOBS} == before
    assert sorted(path.name for path in (runs / SWEEP).glob("phantom_vessels*")) == sorted(
        Path(name).name for name in JOBS
    )
    assert "report" in capsys.readouterr().out
    assert (runs / SWEEP / "report.html").exists()


def test_a_run_starts_from_an_old_one(typed, runs):
    words = [
        "model=e2unet",
        "group=c4",
        "width=fixed",
        "width.widths=[2,3]",
        "data.source.num_images={train: 2, val: 1, test: 1}",
    ]
    assert (
        typed(*TINY, *words, "trainer.max_steps=1", "validations=1", f"init_from={runs / STOPPED}", "paths.run=new")
        == 0
    )
    assert metrics(runs.parent / "new")["init_from"]["data"] == "phantom_vessels"


@pytest.mark.parametrize("name", FINISHED)
def test_is_read_for_a_report(runs, name):
    run = read_run(runs / name)
    assert 0 <= run.metrics["test"][run.score] <= 1
    assert len(run.per_image) == 3
    assert run.settings["data.name"] in ("phantom_vessels", "phantom_tumours2d")


KNOWN = json.loads((OLD / "fingerprints.json").read_text())
MARKED = [
    pytest.param(case, id=" ".join(case["words"]) or "default", marks=[] if index % 8 == 0 else pytest.mark.slow)
    for index, case in enumerate(KNOWN)
]


@pytest.mark.parametrize("case", MARKED)
def test_a_recipe_keeps_its_fingerprint(case, monkeypatch):
    """Otherwise a sweep would train finished runs again. Recipes for a fundus have got a surround to train on since."""
    monkeypatch.delenv("GEQUNET_DATA", raising=False)
    cfg = compose(["paths.run=.", "paths.data=data", *case["words"]])
    if cfg.data.fov:
        assert fingerprint(cfg) != case["fingerprint"]
        cfg.data.outside_weight = 0.0
    assert fingerprint(cfg) == case["fingerprint"]
