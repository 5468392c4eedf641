"""CSV tables of a report: one with a row for each run, one with a row for each arm."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from gequnet.report.comparisons import Row
from gequnet.report.costs import COSTS
from gequnet.report.finished_runs import Run
from gequnet.report.score_descriptions import EXTRA_SCORES


def runs_frame(rows: Sequence[Row], out: Path) -> pd.DataFrame:
    """One row for each run and each further evaluation: its arm, its folder, and its ``metrics.json``.

    Args:
        rows: of the comparison.
        out: folder that the paths of the runs are relative to.
    """
    records = [_record(row, run, out) for row in rows for run in row.arm.runs]
    return pd.DataFrame.from_records(records)


def arms_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """One row for each arm: means and standard deviations over seeds, costs, and the comparison."""
    records = []
    for row in rows:
        record: dict[str, Any] = {"arm": row.label, "reference": row.reference, "seeds": len(row.arm.seeds)}
        record |= dict(row.arm.facts)
        for name in row.arm.first.metrics["test"]:
            values = pd.Series(row.arm.values("test", name))
            record |= {f"test.{name}.mean": values.mean(skipna=False), f"test.{name}.std": values.std(skipna=False)}
        record |= {f"cost.{cost.path[-1]}": cost.of(row.arm) for cost in COSTS}
        if row.comparison:
            record |= {f"difference.{name}": value for name, value in vars(row.comparison).items()}
            record["verdict"] = row.comparison.verdict
        records.append(record)
    return pd.DataFrame.from_records(records)


def _record(row: Row, run: Run, out: Path) -> dict[str, Any]:
    folder = Path(os.path.relpath(run.folder.resolve(), out.resolve())).as_posix()
    [flat] = pd.json_normalize([_without_records(run)], sep=".").to_dict("records")
    first = {"label": row.label, "reference": row.reference, "folder": folder, "evaluation": run.evaluation}
    return first | {str(name): value for name, value in flat.items()}


def _without_records(run: Run) -> dict[str, Any]:
    return {name: value for name, value in run.metrics.items() if name != EXTRA_SCORES}
