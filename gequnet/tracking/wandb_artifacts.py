"""Artifacts of a run at Weights & Biases: split and first weights as inputs, network and tables as outputs.

Their files stay in the run's folder until they are sent, so an offline run needs that folder. Only tables that W&B
draws as charts are kept among its own files.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gequnet.runs.layout import RunFolder
from gequnet.tracking.run_id import run_id

CHART = "wandb/confusion_matrix/v1"


def use_split(session: Any, folder: Path, data: Any) -> None:
    """Declare the data split as an input of the run; runs with the same split share the artifact.

    Args:
        session: the W&B run.
        folder: of the run.
        data: the data module, set up.
    """
    path = RunFolder(folder).wandb_split
    path.parent.mkdir(exist_ok=True)
    splits = {split: list(ids) for split, ids in data.splits.items()}
    path.write_text(json.dumps({"data": data.name, "hash": data.split_hash, "images": splits}, indent=2) + "\n")
    facts = {"split_hash": data.split_hash} | {split: len(ids) for split, ids in splits.items()}
    _use(session, _artifact(f"{data.name}-split", "dataset", [path], facts))


def use_model(session: Any, folder: Path) -> None:
    """Declare the network of the run in ``folder`` as an input, if that run has an id at W&B."""
    if run_id(folder) is not None:
        _use(session, _model(folder))


def send_model(session: Any, folder: Path) -> None:
    """Send the best checkpoint with configuration, intensity scale and model card."""
    session.log_artifact(_model(folder), aliases=["best", "latest"])


def send_result(session: Any, folder: Path, tables: Mapping[str, Path]) -> None:
    """Send the metrics of a run, and its tables as files.

    Args:
        session: the W&B run.
        folder: of the run.
        tables: that callbacks have written, by name.
    """
    run = RunFolder(folder)
    paths = [run.metrics, run.per_image, run.scales, *tables.values()]
    result = _artifact(f"result-{session.id}", "result", paths, {})
    session.log_artifact(result)


def send_charts(session: Any, folder: Path, tables: Mapping[str, Path]) -> None:
    """Send the scores of each image as a table of W&B, and confusion matrices as charts.

    Args:
        session: the W&B run.
        folder: of the run.
        tables: that callbacks have written, by name.
    """
    import wandb

    charts = {"test/per_image": wandb.Table(*_table(RunFolder(folder).per_image))}
    if "confusion" in tables:
        charts |= dict(confusion_charts(tables["confusion"]))
    session.log(charts)


def confusion_charts(path: Path) -> Iterator[tuple[str, Any]]:
    """Charts of W&B for the confusion matrices in a ``confusion.csv``, one for each region."""
    import wandb

    columns, rows = _table(path)
    region, *names = (columns.index(name) for name in ("region", "truth", "predicted", "pixels"))
    axes = ["Actual", "Predicted", "nPredictions"]
    for each in dict.fromkeys(row[region] for row in rows):
        cells = [[row[name] for name in names] for row in rows if row[region] == each]
        table = wandb.Table(axes, cells)
        yield f"test/confusion/{each}", wandb.plot_table(CHART, table, dict(zip(axes, axes, strict=True)))


def _model(folder: Path) -> Any:
    run = RunFolder(folder)
    summary = run.read_metrics()
    facts = {name: summary.get(name) for name in ("chosen", "seed", "parameters", "val_best", "test", "fingerprint")}
    paths = [run.best_checkpoint, run.config, run.scale, run.card]
    return _artifact(f"model-{run_id(folder)}", "model", paths, facts)


def _artifact(name: str, kind: str, paths: Iterable[Path], facts: Mapping[str, Any]) -> Any:
    import wandb

    artifact = wandb.Artifact(name, kind, metadata=dict(facts))
    for path in paths:
        if path.exists():  # the file itself: without copies in W&B's staging folder and cache
            artifact.add_file(str(path.absolute()), name=path.name, policy="immutable", skip_cache=True)
    return artifact


def _use(session: Any, artifact: Any) -> None:
    # As run.use_artifact does with a new artifact, which is impossible offline, and online waits for the upload.
    session._log_artifact(artifact, is_user_created=True, use_after_commit=True)


def _table(path: Path) -> tuple[list[str], list[list[Any]]]:
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    return rows[0], [[_value(text) for text in row] for row in rows[1:]]


def _value(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text or None
