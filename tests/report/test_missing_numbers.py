"""Cards, reports and figures of runs in which numbers are missing, null, nan or infinite."""

import copy
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

from gequnet.figures import plot_curves
from gequnet.report.comparability import check_equal
from gequnet.report.comparison_page import page_values, write_report
from gequnet.report.comparisons import make_rows
from gequnet.report.csv_tables import arms_frame, runs_frame
from gequnet.report.findings import caveats
from gequnet.report.finished_runs import read_run
from gequnet.report.metrics_json import print_scores
from gequnet.report.model_card import write_card
from gequnet.report.scalars import scalars
from gequnet.runs.layout import RunFolder
from gequnet.runs.resume import find_previous
from helpers.made_runs import made_run
from helpers.slow import slow_unless

MORE = {
    "scales": {"0.5": {"dice": 0.7, "agreement": 0.9, "agreement_floor": 0.95}, "1": {"dice": 0.8}},
    "second_observer": {"dice": 0.7},
    "selected_by": "val/dice",
    "threshold": 0.5,
    "wall_seconds": 5.0,
}
FAULTS = {"missing": None, "null": None, "nan": float("nan"), "infinite": float("inf")}
TEXTS = ("evaluation", "arm", "chosen", "init_from")  # which may be null
NODES = ("equivariance", "match", "scales", "second_observer", "versions", "val_best")


def places(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of all numbers, and of the nodes that hold measurements."""
    for name, value in node.items():
        here = (*path, name)
        if isinstance(value, dict):
            yield from places(value, here)
        number = isinstance(value, int | float | None) and not isinstance(value, bool)
        if here[0] in NODES or (number and here[0] not in TEXTS):
            yield here


def spoiled(metrics: dict[str, Any], path: tuple[str, ...], fault: str) -> dict[str, Any]:
    spoilt = copy.deepcopy(metrics)
    node = spoilt
    for name in path[:-1]:
        node = node[name]
    if fault == "missing":
        del node[path[-1]]
    else:
        node[path[-1]] = FAULTS[fault]
    return spoilt


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    plain = made_run(folder / "plain", "model=unet", dice=0.8, metrics=MORE)
    return [plain, made_run(folder / "c4", "model=e2unet", "group=c4", dice=0.82, metrics=MORE)]


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_no_single_number_is_needed(fault: str, runs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gequnet.report.statistics.RESAMPLES", 9)
    path = RunFolder(runs[1]).metrics
    good = json.loads(path.read_text())
    try:
        for place in places(good):
            if isinstance(at(good, place), dict) and fault in ("nan", "infinite"):
                continue
            path.write_text(json.dumps(spoiled(good, place, fault)))
            try:
                push(runs)
            except Exception as error:
                pytest.fail(f"{'.'.join(place)} {fault}: {error!r}")
    finally:
        path.write_text(json.dumps(good))


def push(folders: list[Path]) -> None:
    assert "| checkpoint |" in write_card(folders[1]).read_text()
    runs = [read_run(folder) for folder in folders]
    check_equal(runs)
    rows = make_rows(runs)
    runs_frame(rows, folders[0])
    arms_frame(rows)
    page_values(rows, runs, [])
    list(caveats(rows, runs))
    scalars(json.loads(RunFolder(folders[1]).metrics.read_text()))


def rewrite(path: Path, keep: str, value: str) -> None:
    """Put a text into all cells of a table but those of a column, and but one row if it is ``some``."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for number, row in enumerate(rows):
            bad = {name: value.removeprefix("some ") for name in row if name not in (keep, "epoch")}
            writer.writerow(row if value.startswith("some ") and number == 3 else row | bad)


@pytest.mark.parametrize(
    "value", slow_unless(lambda value: value == "some nan", ["nan", "", "inf", "some nan", "some ", "some inf"])
)
def test_tables_without_numbers(value: str, tmp_path: Path, runs: list[Path]) -> None:
    """Both arms have the same images; of one of them the numbers are gone."""
    plain = made_run(tmp_path / "runs" / "plain", "model=unet", dice=0.8, metrics=MORE)
    run = made_run(tmp_path / "runs" / "c4", "model=e2unet", "group=c4", dice=0.82, metrics=MORE)
    rewrite(run / "per_image.csv", "id", value)
    rewrite(run / "history.csv", "step", value)
    plot_curves(run / "history.csv", run / "curves.png")
    push([plain, run])
    assert write_report([tmp_path / "runs"], tmp_path / "report").exists()


def test_nothing_was_measured_at_all(tmp_path: Path) -> None:
    """The scores of a network whose predictions are nan: every number is null."""
    for name, words in {"plain": ["model=unet"], "c4": ["model=e2unet", "group=c4"]}.items():
        run = made_run(tmp_path / "runs" / name, *words, dice=0.8, metrics=MORE, samples=False)
        metrics = json.loads((run / "metrics.json").read_text())
        numbers = [path for path in places(metrics) if path[0] not in ("steps", "seed", "parameters", "data")]
        for path in numbers:
            if not isinstance(at(metrics, path), dict):
                metrics = spoiled(metrics, path, "null")
        (run / "metrics.json").write_text(json.dumps(metrics))
        rewrite(run / "per_image.csv", "id", "")
        (run / "history.csv").unlink()
        write_card(run)
    assert "not defined" in (tmp_path / "runs" / "c4" / "card.md").read_text()
    assert write_report([tmp_path / "runs"], tmp_path / "report").exists()


def at(node: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        node = node[name]
    return node


def test_an_undefined_score_is_printed_and_counts_as_finished(tmp_path: Path, capsys: Any) -> None:
    run = made_run(tmp_path / "run", "model=unet", metrics=MORE | {"val_best": {"dice": None}})
    summary = json.loads((run / "metrics.json").read_text())
    print_scores(summary, {"table": run})
    assert "best validation Dice not defined" in capsys.readouterr().out
    print_scores(summary | {"selected_by": "val/loss"}, {"table": run})
    assert "checkpoint selected by val/loss" in capsys.readouterr().out
    cfg = DictConfig({"resume": str(run), "paths": {"run": str(run)}})
    score = find_previous(cfg, "").score
    assert score is not None
    assert score != score
