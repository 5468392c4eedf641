"""Results of a test: ``metrics.json``, ``per_image.csv``, and a table of scores on the screen."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from gequnet.data.formats.atomic_write import atomic_path
from gequnet.metrics.scores import facts_of_scores
from gequnet.report.score_descriptions import EXTRA_SCORES
from gequnet.runs.callback_outputs import files_of, results_of
from gequnet.runs.layout import RunFolder, write_rows
from gequnet.runs.provenance import versions

Summary = dict[str, Any]


def report_test(
    folder: Path, cfg: DictConfig, data: Any, task: Any, trainer: pl.Trainer, facts: Mapping[str, Any]
) -> None:
    """Write and print the results of a test, on the first rank; a run's own folder also gets its ``card.md``.

    Args:
        folder: for ``metrics.json`` and ``per_image.csv``.
        cfg: the resolved configuration.
        data: the data module of the test.
        task: as tested.
        trainer: that has tested.
        facts: further entries of ``metrics.json``.
    """
    rows = task.test_metrics.per_image()  # of all ranks
    if trainer.is_global_zero:
        rows = [{"id": row["id"]} | data.source.facts(row["id"]) | row for row in data.in_order(rows)]
        files = files_of(trainer.callbacks)  # type: ignore[attr-defined]
        write_results(folder, summarise(cfg, data, task, trainer) | dict(facts), rows, files)
        if RunFolder(folder).is_run:
            from gequnet.report.model_card import write_card  # pandas takes a second

            write_card(folder)


def summarise(cfg: DictConfig, data: Any, task: Any, trainer: pl.Trainer) -> Summary:
    """Facts of configuration, data, network and test as plain dicts, strings and numbers, with all callbacks' results.

    Args:
        cfg: the resolved configuration.
        data: the data module.
        task: as tested.
        trainer: that has tested.
    """
    return {
        "test": {
            name.removeprefix("test/"): float(value)
            for name, value in trainer.callback_metrics.items()
            if name.startswith("test/")
        },
        "chosen": dict(cfg.chosen),
        "arm": cfg.chosen.arm,
        "evaluation": None,
        "parameters": sum(parameter.numel() for parameter in task.net.parameters()),
        "seed": cfg.seed,
        "data": {
            "name": data.name,
            "images": {split: len(ids) for split, ids in data.splits.items()},
            "split_hash": data.split_hash,
        },
        "versions": versions(),
        **_extra_scores(task),
        **results_of(trainer.callbacks),  # type: ignore[attr-defined]
    }


def _extra_scores(task: Any) -> Summary:
    extra = getattr(task.test_metrics, "extra_scores", ())
    return {EXTRA_SCORES: facts_of_scores(extra)} if extra else {}


def write_results(
    folder: Path, summary: Summary, per_image: list[dict[str, Any]], files: Mapping[str, Path] | None = None
) -> None:
    """Write ``per_image.csv`` and ``metrics.json``, and print the scores and the paths of all files.

    Args:
        folder: for both files.
        summary: the content of ``metrics.json``; nan becomes null.
        per_image: a row for each test image.
        files: of the callbacks, by name.
    """
    run = RunFolder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(run.per_image, per_image)
    text = json.dumps(_without_nan(summary), indent=2, ensure_ascii=False)
    with atomic_path(run.metrics) as part:  # last and atomic: with this file a sweep takes the run for finished
        part.write_text(text + "\n", encoding="utf-8")
    print_scores(summary, {"table": run.metrics} | dict(files or {}))


def print_scores(summary: Summary, files: Mapping[str, Path]) -> None:
    """Print the test scores as a table, and a line for each file."""
    console = Console()
    split = summary["data"].get("split", "test")
    count = summary["data"]["images"]["test"]
    console.print(f"{summary['data']['name']}, {count} {'images' if split == 'all' else f'{split} images'}")
    console.print(score_table(summary["test"]))
    console.print(f"{summary['parameters']} parameters, {_training(summary)}")
    width = max(map(len, files)) + 2
    for name, path in files.items():
        console.print(f"{name:<{width}}{path}", soft_wrap=True, highlight=False)


def score_table(test: Mapping[str, float]) -> Table:
    """Table with a row for each score, and a column for each class if there are several."""
    classes = list(dict.fromkeys(name.partition("/")[2] for name in test if "/" in name))
    table = Table()
    table.add_column("score")
    for heading in ("mean", *classes) if classes else ("value",):
        table.add_column(heading, justify="right")
    for score in dict.fromkeys(name.partition("/")[0] for name in test):
        values = [test.get(name) for name in (score, *(f"{score}/{each}" for each in classes))]
        table.add_row(score, *("" if value is None else f"{value:.4f}" for value in values))
    return table


def _training(summary: Summary) -> str:
    if "trained_on" in summary:  # an external test, see gequnet.evaluate
        return f"trained on {summary['trained_on']['name']}"
    return f"{summary['steps']} steps in {summary['wall_seconds']:.0f} s, {_selected(summary)}"


def _selected(summary: Mapping[str, Any]) -> str:
    dice, by = summary["val_best"]["dice"], summary.get("selected_by", "val/dice")
    shown = "not defined" if dice is None or not math.isfinite(dice) else f"{dice:.4f}"
    return f"best validation Dice {shown}" if by == "val/dice" else f"checkpoint selected by {by}, its Dice {shown}"


def _without_nan(value: Any) -> Any:
    """JSON has no nan: an undefined score is null."""
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
