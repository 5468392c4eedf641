"""What is left of a run: ``metrics.json``, ``per_image.csv``, and a table on the screen."""

import csv
import json
import math
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from gequnet.callbacks.results import Measures
from gequnet.task import SegmentationTask

Summary = dict[str, Any]


def report(
    folder: Path, cfg: DictConfig, data: Any, task: SegmentationTask, trainer: pl.Trainer, facts: Mapping[str, Any]
) -> None:
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
            from gequnet.card import write_card  # pandas takes a second

            write_card(folder)


def summarise(cfg: DictConfig, data: Any, task: SegmentationTask, trainer: pl.Trainer) -> Summary:
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
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, Measures):
            summary |= callback.results()
    return summary


def versions() -> dict[str, str | None]:
    """Of what computed the numbers; the commit where the code lies in a git repository."""
    packages = {name: version(name) for name in ("gequnet", "torch", "pytorch-lightning", "numpy")}
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else processor()
    return packages | {"python": platform.python_version(), "device": device, "commit": commit()}


def processor() -> str:
    """What the CPU calls itself, and the number of threads that torch computes with."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text().splitlines() if listing.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = named[0] if named else platform.processor() or platform.machine()
    return f"{name}, {torch.get_num_threads()} threads"


def commit(folder: Path | None = None) -> str | None:
    """The commit of a folder, or of this code, with ``+`` if files have changed since; None outside a repository."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"],
            cwd=folder or Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    return answer.stdout.strip() or None


def write(folder: Path, summary: Summary, per_image: list[dict[str, Any]]) -> None:
    """Writes both files and prints the scores and where everything is."""
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "per_image.csv", per_image)
    # Last, and at once or not at all: a sweep takes a run with this file for finished.
    text = json.dumps(_without_nan(summary), indent=2, ensure_ascii=False)
    unfinished = folder / "metrics.json.part"
    unfinished.write_text(text + "\n", encoding="utf-8")
    unfinished.replace(folder / "metrics.json")
    show(folder, summary)


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Writes a table, with a column for whatever any row has."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)


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
