"""Files in the folder of a run and in the folder of a sweep. No other module spells their names.

The tables and pictures of a callback are named in its yaml, ``conf/callbacks/``.
"""

import csv
import json
import math
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from gequnet.runs.damaged_file import DamagedFileError, reading

STOPPED = 128 + signal.SIGTERM
"""Exit code of a run that was stopped by a signal and can be resumed."""
AUTO = "auto"
"""Value of ``resume`` that continues the run of the same command in the same folder."""


class File:
    """A file of a folder as an attribute: ``folder.metrics`` is its path, ``RunFolder.metrics.name`` its name.

    Args:
        name: relative to the folder.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, folder: None, owner: type) -> "File": ...
    @overload
    def __get__(self, folder: "RunFolder | SweepFolder", owner: type) -> Path: ...
    def __get__(self, folder: "RunFolder | SweepFolder | None", owner: type) -> "File | Path":
        return self if folder is None else folder.path / self.name


class RunFolder:
    """Folder of a run, of a job of a sweep, or of a further evaluation of a run (which has the metrics only).

    Args:
        path: of the folder, which need not exist.

    >>> RunFolder("runs/drive").best_checkpoint.as_posix()
    'runs/drive/checkpoints/best.ckpt'
    """

    config = File("config.yaml")
    """The resolved configuration, with the widths of the network."""
    fingerprint = File("fingerprint")
    """Hash of the recipe, see ``gequnet.runs.fingerprint``."""
    scale = File("scale.json")
    """Intensity scale that all images share; not in every run."""
    summary = File("summary.txt")
    """Layers and costs of the network."""
    history = File("history.csv")
    """Scalars of the training by step."""
    best_checkpoint = File("checkpoints/best.ckpt")
    last_checkpoint = File("checkpoints/last.ckpt")
    metrics = File("metrics.json")
    """Scores and facts of the test; written last, so a run with this file is finished."""
    per_image = File("per_image.csv")
    """Scores of each test image."""
    scales = File("scales.csv")
    """Scores of each test image at each magnification of ``cfg.scales``."""
    samples = File("samples.npz")
    """Some test images with their probabilities, for figures."""
    card = File("card.md")
    """Model card."""
    error = File("error.txt")
    """Reason why a job of a sweep failed."""
    wandb_id = File("wandb_id")
    """Id of the run at Weights & Biases."""
    wandb_split = File("wandb/split.json")
    """Ids of the images of each split, as an artifact of Weights & Biases."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def is_run(self) -> bool:
        """True for the folder of a training, finished or not; False for a further evaluation."""
        return self.config.exists()

    @property
    def is_finished(self) -> bool:
        """True after the test."""
        return self.metrics.exists()

    @property
    def has_failed(self) -> bool:
        """True for a job of a sweep that ended with an error."""
        return self.error.exists()

    @property
    def sweep(self) -> "SweepFolder":
        """The folder around this one, which is that of a sweep if the run is a job."""
        return SweepFolder(self.path.parent)

    def evaluation(self, name: str) -> "RunFolder":
        """Default folder of an evaluation on other data."""
        return RunFolder(self.path / "evaluations" / name)

    def augmented(self, name: str) -> "RunFolder":
        """Folder of the test with test-time augmentation."""
        return RunFolder(self.path / f"tta_{name}")

    def read_metrics(self) -> dict[str, Any]:
        """Content of ``metrics.json``."""
        return read_json(self.metrics)

    def read_best_dice(self) -> float:
        """The validation Dice of the best checkpoint, from ``metrics.json``; nan where it is undefined or absent."""
        dice = (self.read_metrics().get("val_best") or {}).get("dice")
        return math.nan if dice is None else float(dice)

    def read_fingerprint(self) -> str | None:
        """The fingerprint; None where there is none."""
        with reading(self.fingerprint):
            return self.fingerprint.read_text(errors="replace").strip() if self.fingerprint.exists() else None


class SweepFolder:
    """Folder of a sweep: its plan, and a folder for each job.

    Args:
        path: of the folder, which need not exist.
    """

    plan = File("sweep.json")
    """The jobs; written before the first one starts."""
    journal = File("trials.journal")
    """State of a hyperparameter search, as Optuna stores it."""
    trials = File("trials.csv")
    """Finished trials of a search: values and scores."""
    best = File("best.txt")
    """Overrides of the best trial."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def is_sweep(self) -> bool:
        """True if the folder has the plan of a sweep."""
        return self.plan.exists()

    def read_plan(self) -> dict[str, Any]:
        """Content of ``sweep.json``."""
        return read_json(self.plan)

    def job(self, name: str) -> RunFolder:
        """Folder of a job."""
        return RunFolder(self.path / name)

    def finished_jobs(self) -> list[RunFolder]:
        """Folders of the jobs that are finished, by name."""
        return [RunFolder(path.parent) for path in sorted(self.path.glob(f"*/{RunFolder.metrics.name}"))]


def find_results(folder: Path) -> Iterator[RunFolder]:
    """Every finished run and every further evaluation in a folder and below it."""
    return (RunFolder(path.parent) for path in folder.rglob(RunFolder.metrics.name))


def find_sweep_folders(folder: Path) -> Iterator[SweepFolder]:
    """Every sweep in a folder and below it."""
    return (SweepFolder(path.parent) for path in folder.rglob(SweepFolder.plan.name))


def read_json(path: Path) -> dict[str, Any]:
    """Content of a JSON file that holds an object.

    Raises:
        DamagedFileError: it cannot be read, or holds something else.
    """
    with reading(path):
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise DamagedFileError(path, "it holds no names with values")
        return content


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a CSV with a column for each key of any row."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)
