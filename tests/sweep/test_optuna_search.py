"""Search for good values with Optuna: trials, records, and the same result after an interruption."""

import csv
import json
import math
import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import CategoricalDistribution
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial

from gequnet.config.compose import compose
from gequnet.config.explain import choices
from gequnet.errors import ConfigError, SweepError
from gequnet.runs.layout import SweepFolder
from gequnet.sweep.optuna_search import Search, distribution

WORDS = ["data=drive", "optim.lr=tag(log,interval(1e-4,1e-1))", "model.depth=range(2,5)"]
TINY = [
    "data=phantom_vessels", "data.source.size=40", "data.source.num_images={train: 2, val: 1, test: 1}",
    "data.patch_size=24", "data.batch_size=2", "data.patches_per_epoch=4", "trainer=cpu", "trainer.max_steps=2",
    "validations=1", "callbacks.equivariance.images=0", "model=unet", "width=fixed", "width.widths=[2,3]",
    "model.depth=2", "~callbacks.predictions", "~callbacks.contours", "~callbacks.curves", "~callbacks.pictures",
    "~callbacks.unlabelled",
]  # fmt: skip

Typed = Callable[..., int]


def search_in(folder: Path, words: list[str] = WORDS) -> Search:
    return Search(folder, OverridesParser.create().parse_overrides(words), TPESampler, seed=0)


def ended(folder: Path, trial: FrozenTrial, dice: float | None) -> Path:
    """The folder of a run with this validation Dice, or of one that failed."""
    place = folder / f"{trial.number:03}_run"
    place.mkdir()
    if dice is not None:
        (place / "metrics.json").write_text(json.dumps({"val_best": {"dice": dice}}))
    return place


def score(trial: FrozenTrial) -> float:
    """The optimum is in the middle of a logarithmic scale, with the largest depth."""
    return trial.params["model.depth"] / 4 - abs(math.log10(trial.params["optim.lr"]) + 2.5)


def rows(folder: Path) -> list[dict[str, str]]:
    with SweepFolder(folder).trials.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("value", "low", "high", "step", "log"),
    [
        ("interval(1,8)", 1.0, 8.0, None, False),
        ("tag(log,interval(1e-3,1))", 1e-3, 1.0, None, True),
        ("tag(log,int(interval(1,8)))", 1, 8, 1, True),
        ("range(1,8,2)", 1, 7, 2, False),
        ("range(0.25,1,0.25)", 0.25, 0.75, 0.25, False),
    ],
)
def test_what_is_typed_is_what_is_drawn_from(
    value: str, low: float, high: float, step: float | None, log: bool
) -> None:
    drawn = distribution(OverridesParser.create().parse_override(f"x={value}"))
    found = (drawn.low, drawn.high, drawn.step, drawn.log)  # type: ignore[attr-defined]
    assert found == (low, high, step, log)
    assert type(drawn.low) is type(low)  # type: ignore[attr-defined]


def test_a_choice_is_of_what_is_typed() -> None:
    for value in ("choice([4,6],c4,0.1)", "[4,6],c4,0.1"):
        drawn = distribution(OverridesParser.create().parse_override(f"x={value}"))
        assert drawn == CategoricalDistribution(["[4,6]", "c4", "0.1"])


def test_a_search_that_was_interrupted_tries_what_it_would_have_tried(tmp_path: Path) -> None:
    """Killed repeatedly during a trial; the unfinished trial is the one that runs again."""
    for name, kills in (("whole", False), ("killed", True)):
        folder = tmp_path / name
        folder.mkdir()
        search = search_in(folder)
        while trials := search.next(14, 1):
            (trial,) = trials
            if kills:
                search = search_in(folder)
                assert [each.number for each in search.next(14, 1)] == [trial.number]
            search.tell(trial, ended(folder, trial, score(trial)))
    whole, killed = rows(tmp_path / "whole"), rows(tmp_path / "killed")
    assert len(whole) == 14
    assert whole == killed
    # beyond those that are drawn by lot it has learned: they are the better ones
    dice = [float(row["val/dice"]) for row in whole]
    assert sum(dice[10:]) / 4 > sum(dice[:10]) / 10


def test_what_failed_is_noted_and_the_best_of_the_others_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search = search_in(tmp_path)
    for trial, dice in zip(search.next(3, None), (0.5, None, math.nan), strict=True):
        search.tell(trial, ended(tmp_path, trial, dice))
    assert search.next(3, None) == []
    assert [(row["trial"], row["state"], row["folder"]) for row in rows(tmp_path)] == [
        ("0", "finished", "000_run"), ("1", "failed", "001_run"), ("2", "failed", "002_run"),
    ]  # fmt: skip
    search.finish()
    words = shlex.split(SweepFolder(tmp_path).best.read_text())
    assert words == ["data=drive", *(f"{name}={rows(tmp_path)[0][name]}" for name in ("optim.lr", "model.depth"))]
    assert "val/dice 0.5000, trial 0, in 000_run" in capsys.readouterr().out


def test_what_cannot_be_searched_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to search for"):
        search_in(tmp_path, ["data=drive"])
    search = search_in(tmp_path)
    (trial,) = search.next(1, 1)
    search.tell(trial, ended(tmp_path, trial, None))
    with pytest.raises(SweepError, match="All 1 trials failed"):
        search.finish()
    with pytest.raises(ConfigError, match="has trials of the same command over other values"):
        search_in(tmp_path, ["data=drive", "optim.lr=interval(0,1)"])


@pytest.mark.parametrize("name", [name for name in choices()["sweep"] if name.startswith("optuna")])
def test_the_best_words_are_those_of_a_run(name: str) -> None:
    """The override ``sweep=`` does not change the run itself."""
    assert compose([f"sweep={name}", "optim.lr=0.1", "paths.run=x"]) == compose(["optim.lr=0.1", "paths.run=x"])


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.slow
def test_from_what_is_typed_to_the_best_words(typed: Typed, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Four trials, some of which fail; then one more by the same command, added to the existing ones."""
    words = ["sweep=optuna_lr", "optim.lr=choice(0.01,0.02,-1)", "optim.weight_decay=0"]
    assert typed("-m", *words, "hydra.sweeper.n_trials=4", *TINY) == 0
    (folder,) = (path.parent for path in tmp_path.glob("runs/sweeps/*/sweep.json"))
    first = rows(folder)
    assert len(first) == 4
    assert {row["state"] for row in first} == {"finished", "failed"}
    for row in first:
        assert (row["state"] == "failed") == (row["optim.lr"] == "-1")
        if row["state"] == "failed":
            assert "optim.lr=-1 must be at least 0" in (folder / row["folder"] / "error.txt").read_text()
    times = {path: path.stat().st_mtime_ns for path in folder.glob("*/metrics.json")}
    assert typed("-m", *words, "hydra.sweeper.n_trials=5", "hydra.sweeper.max_batch_size=2", *TINY) == 0
    assert rows(folder)[:4] == first
    assert len(rows(folder)) == 5
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*/metrics.json")}.items() >= times.items()
    best = max((row for row in rows(folder) if row["state"] == "finished"), key=lambda row: float(row["val/dice"]))
    assert f"optim.lr={best['optim.lr']}" in shlex.split(SweepFolder(folder).best.read_text())
    assert "of 5 jobs done" in capfd.readouterr().out


def test_a_search_compares_no_arms(typed: Typed, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert typed("-m", "sweep=optuna_lr", "experiment=drive_groups", *TINY) == 2
    assert "A search seeks values for one network" in capfd.readouterr().err
    assert not os.listdir(tmp_path)
