"""What is left of a run: ``metrics.json``, ``per_image.csv``, and a table on the screen."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pytorch_lightning as pl
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from gequnet.data.formats.atomic_write import atomic_path
from gequnet.metrics.scores import facts_of_scores
from gequnet.report.score_descriptions import EXTRA_SCORES
from gequnet.runs.layout import write_rows
from gequnet.runs.provenance import versions

Summary = dict[str, Any]


@runtime_checkable
class Measures(Protocol):
    """A callback with results."""

    def results(self) -> dict[str, Any]:
        """What was measured so far: names to plain numbers, or to dicts of them."""
        ...


def report(folder: Path, cfg: DictConfig, data: Any, task: Any, trainer: pl.Trainer, facts: Mapping[str, Any]) -> None:
    """Writes and shows what a test has found, on the first rank; a run's own folder gets its ``card.md``.

    Args:
        folder: that gets ``metrics.json`` and ``per_image.csv``.
        cfg: the settled configuration.
        data: the data module that the network was trained and tested on.
        task: as tested.
        trainer: that has tested.
        facts: what else ``metrics.json`` is to say.
    """
    rows = task.test_metrics.per_image()  # all ranks together
    if trainer.is_global_zero:
        rows = [{"id": row["id"]} | data.source.facts(row["id"]) | row for row in data.in_order(rows)]
        write(folder, summarise(cfg, data, task, trainer) | dict(facts), rows)
        if (folder / "config.yaml").exists():
            from gequnet.report.model_card import write_card  # pandas takes a second

            write_card(folder)


def summarise(cfg: DictConfig, data: Any, task: Any, trainer: pl.Trainer) -> Summary:
    """What the configuration, the data, the network and the test say, in plain dicts, texts and numbers."""
    summary: Summary = {
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
    }
    if extra := getattr(task.test_metrics, "extra_scores", ()):
        summary[EXTRA_SCORES] = facts_of_scores(extra)
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, Measures):
            summary |= callback.results()
    return summary


def write(folder: Path, summary: Summary, per_image: list[dict[str, Any]]) -> None:
    """Writes both files and prints the scores and where everything is."""
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "per_image.csv", per_image)
    # Last, and whole or not at all: a sweep takes a run with this file for finished.
    text = json.dumps(_without_nan(summary), indent=2, ensure_ascii=False)
    with atomic_path(folder / "metrics.json") as part:
        part.write_text(text + "\n", encoding="utf-8")
    show(folder, summary)


def show(folder: Path, summary: Summary) -> None:
    """Prints the test scores as a table, and the paths of table, curves and pictures."""
    console = Console()
    split = summary["data"].get("split", "test")
    count = summary["data"]["images"]["test"]
    console.print(f"{summary['data']['name']}, {count} {'images' if split == 'all' else f'{split} images'}")
    table = score_table(summary["test"])
    console.print(table)
    console.print(f"{summary['parameters']} parameters, {_training(summary)}")
    files = {"table": "metrics.json", "curves": "curves.png", "pictures": "predictions.png"}
    files |= {"contours": "contours.png", "unlabelled": "unlabelled.png"}
    for what, name in files.items():
        if (folder / name).exists():
            console.print(f"{what:<12}{folder / name}", soft_wrap=True, highlight=False)


def _training(summary: Summary) -> str:
    if "trained_on" in summary:  # elsewhere, see gequnet.evaluate
        return f"trained on {summary['trained_on']['name']}"
    best = summary["val_best"]["dice"]
    return f"{summary['steps']} steps in {summary['wall_seconds']:.0f} s, best validation Dice {best:.4f}"


def score_table(test: Mapping[str, float]) -> Table:
    """A line for each score, and a column for each class where there are several."""
    classes = list(dict.fromkeys(name.partition("/")[2] for name in test if "/" in name))
    table = Table()
    table.add_column("score")
    for heading in ("mean", *classes) if classes else ("value",):
        table.add_column(heading, justify="right")
    for score in dict.fromkeys(name.partition("/")[0] for name in test):
        values = [test.get(name) for name in (score, *(f"{score}/{each}" for each in classes))]
        table.add_row(score, *("" if value is None else f"{value:.4f}" for value in values))
    return table


def _without_nan(value: Any) -> Any:
    """JSON has no nan: a score that is not defined is null."""
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
