"""Results of a run in metrics.json, beyond those in test_run."""

import json
import math
from pathlib import Path

import pytest
from rich.console import Console

from gequnet.errors import ConfigError
from gequnet.report import metrics_json
from gequnet.runs.run_folder import load_run

SUMMARY = {
    "test": {"dice": 0.5, "roc_auc": math.nan},
    "val_best": {"dice": 0.6},
    "data": {"name": "drawn", "images": {"test": 2}},
    "parameters": 10,
    "steps": 3,
    "wall_seconds": 1.0,
}


def test_an_undefined_score_is_null_and_the_rows_keep_all_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics_json.write_results(
        tmp_path, SUMMARY, [{"id": "a", "dice": 0.4}, {"id": "b", "dice": 0.6, "dice/left": 0.1}]
    )
    assert json.loads((tmp_path / "metrics.json").read_text())["test"] == {"dice": 0.5, "roc_auc": None}
    assert (tmp_path / "per_image.csv").read_text().splitlines() == ["id,dice,dice/left", "a,0.4,", "b,0.6,0.1"]
    said = capsys.readouterr().out
    assert "0.5000" in said
    assert str(tmp_path / "metrics.json") in said
    assert "curves" not in said  # as there are none


def test_classes_are_columns(capsys: pytest.CaptureFixture[str]) -> None:
    test = {"dice": 0.5, "dice/left": 0.25, "dice/right": 0.75, "hd95_mm": 3.0, "hd95_mm/left": 2.0}
    Console().print(metrics_json.score_table(test))
    lines = [line.strip("┃│ ").replace("┃", "│").split("│") for line in capsys.readouterr().out.splitlines()]
    cells = [[cell.strip() for cell in line] for line in lines if len(line) > 1]
    assert cells == [
        ["score", "mean", "left", "right"],
        ["dice", "0.5000", "0.2500", "0.7500"],
        ["hd95_mm", "3.0000", "2.0000"],
    ]


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not the folder of a finished run"):
        load_run(tmp_path)
