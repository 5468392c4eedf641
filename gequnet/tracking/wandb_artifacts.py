"""What W&B keeps of a run as artifacts, so that its graph says: these images, and these weights, became this network.

Their files lie in the run's folder until they are sent, so an offline run is that folder; only the tables that W&B is
to draw wait among its own files.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gequnet.tracking.run_id import run_id

MODEL = ("checkpoints/best.ckpt", "config.yaml", "scale.json", "card.md")
RESULT = ("metrics.json", "per_image.csv", "confusion.csv", "scales.csv", "history.csv")
CHART = "wandb/confusion_matrix/v1"


def use_split(session: Any, folder: Path, data: Any) -> None:
    """Says which images a run trains, validates and tests on: an input, one and the same for all runs that share it.

    Args:
        session: of W&B.
        folder: of the run.
        data: the data module, set up.
    """
    path = folder / "wandb" / "split.json"
    path.parent.mkdir(exist_ok=True)
    splits = {split: list(ids) for split, ids in data.splits.items()}
    path.write_text(json.dumps({"data": data.name, "hash": data.split_hash, "images": splits}, indent=2) + "\n")
    facts = {"split_hash": data.split_hash} | {split: len(ids) for split, ids in splits.items()}
    _use(session, _artifact(f"{data.name}-split", "dataset", [path], facts))


def use_model(session: Any, folder: Path) -> None:
    """Says that a run has started from the network of the run in ``folder``, if that one is known to W&B."""
    if run_id(folder) is not None:
        _use(session, _model(folder))


def send_model(session: Any, folder: Path) -> None:
    """Sends the best checkpoint with what is needed to build its network, and its card."""
    session.log_artifact(_model(folder), aliases=["best", "latest"])


def send_result(session: Any, folder: Path) -> None:
    """Sends the tables of a run, as files."""
    result = _artifact(f"result-{session.id}", "result", [folder / name for name in RESULT], {})
    session.log_artifact(result)


def send_charts(session: Any, folder: Path) -> None:
    """Sends those tables that are worth looking at as W&B's own tables and charts."""
    import wandb

    charts = {"test/per_image": wandb.Table(*_table(folder / "per_image.csv"))}
    if (folder / "confusion.csv").exists():
        charts |= dict(confusion_charts(folder / "confusion.csv"))
    session.log(charts)


def confusion_charts(path: Path) -> Iterator[tuple[str, Any]]:
    """W&B's own chart of a confusion matrix, from the numbers of pixels of a ``confusion.csv``, one for each region."""
    import wandb

    columns, rows = _table(path)
    region, *names = (columns.index(name) for name in ("region", "truth", "predicted", "pixels"))
    axes = ["Actual", "Predicted", "nPredictions"]
    for each in dict.fromkeys(row[region] for row in rows):
        cells = [[row[name] for name in names] for row in rows if row[region] == each]
        table = wandb.Table(axes, cells)
        yield f"test/confusion/{each}", wandb.plot_table(CHART, table, dict(zip(axes, axes, strict=True)))


def _model(folder: Path) -> Any:
    summary = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    facts = {name: summary.get(name) for name in ("chosen", "seed", "parameters", "val_best", "test", "fingerprint")}
    return _artifact(f"model-{run_id(folder)}", "model", [folder / name for name in MODEL], facts)


def _artifact(name: str, kind: str, paths: Iterable[Path], facts: Mapping[str, Any]) -> Any:
    import wandb

    artifact = wandb.Artifact(name, kind, metadata=dict(facts))
    for path in paths:
        if path.exists():  # as it lies there: neither W&B's staging folder nor its cache gets a copy
            artifact.add_file(str(path.absolute()), name=path.name, policy="immutable", skip_cache=True)
    return artifact


def _use(session: Any, artifact: Any) -> None:
    # What run.use_artifact does with an artifact that is not there yet, but for two things: it refuses to offline, and
    # online it waits for the upload, however long that takes.
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
