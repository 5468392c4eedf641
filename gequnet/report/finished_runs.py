"""Finished runs on disk: search, reading, natural order."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import OmegaConf

from gequnet.errors import ConfigError
from gequnet.figures.samples import unpack_sample
from gequnet.runs.damaged_file import DamagedFileError, reading
from gequnet.runs.layout import RunFolder, SweepFolder, find_results, find_sweep_folders
from gequnet.runs.run_folder import load_config

log = logging.getLogger(__name__)

Settings = dict[str, Any]
FOLD = "data.source.fold"
# Entries that a further evaluation takes from the training's metrics.json, unless it has its own.
OF_THE_TRAINING = ("chosen", "arm", "seed", "parameters", "widths", "steps", "data", "versions", "match", "val_best")

MEASURED = ("equivariance", "match", "scales", "second_observer", "versions", "val_best")
"""Nodes of ``metrics.json`` that not every run has."""


@dataclass(frozen=True)
class Run:
    """One evaluation of one trained network: a folder with a ``metrics.json``.

    Args:
        folder: that holds the scores.
        training: that holds configuration and history; differs from ``folder`` for a further evaluation only.
        metrics: content of ``metrics.json``.
        settings: the resolved configuration, each value by its dotted name.
    """

    folder: Path
    training: Path
    metrics: Mapping[str, Any]
    settings: Settings

    @property
    def evaluation(self) -> str | None:
        """Name of a further evaluation, such as ``tta_d4`` or ``on chase``; None for the test of the training."""
        evaluation: str | None = self.metrics.get("evaluation")
        return evaluation

    @property
    def elsewhere(self) -> bool:
        """True if the test images are not the run's own, see ``gequnet.evaluate``."""
        return (self.evaluation or "").startswith("on ")

    @property
    def as_it_is(self) -> bool:
        """True if the network was tested without test-time augmentation, on any images."""
        return self.evaluation is None or self.elsewhere

    @property
    def training_images(self) -> int | None:
        """Number of training images; None if it is unknown."""
        data = self.metrics["trained_on"] if self.elsewhere else self.metrics["data"]
        count: int | None = (data.get("images") or {}).get("train")
        return count

    @property
    def seed(self) -> int:
        """Seed of weights, patches and augmentation."""
        seed = self.metrics.get("seed")
        return int(seed if isinstance(seed, int) else self.settings["seed"])

    @property
    def fold(self) -> int | None:
        """Test fold of a cross-validation; None for a fixed split."""
        fold: int | None = self.settings.get(FOLD)
        return fold

    @property
    def score(self) -> str:
        """Name of the Dice that selects a checkpoint: inside the field of view if there is one."""
        return "dice_fov" if "dice_fov" in self.metrics["test"] else "dice"

    @cached_property
    def per_image(self) -> pd.DataFrame:
        """Scores and facts of each test image, by its id."""
        path = RunFolder(self.folder).per_image
        with reading(path):
            return _finite(pd.read_csv(path, dtype={"id": str}).set_index("id"))

    @cached_property
    def history(self) -> pd.DataFrame:
        """Scalars of the training by optimizer step; empty if there are none."""
        path = RunFolder(self.training).history
        with reading(path):
            return _finite(pd.read_csv(path).set_index("step")) if path.exists() else pd.DataFrame()

    @cached_property
    def samples(self) -> dict[str, dict[str, Any]]:
        """Test images, or slices of volumes, with their probabilities, for figures; empty if there are none."""
        path = RunFolder(self.folder).samples
        if not path.exists():
            return {}
        samples: dict[str, dict[str, np.ndarray]] = {}
        with reading(path), np.load(path) as arrays:
            for name in arrays.files:
                sample, _, part = name.rpartition("/")
                samples.setdefault(sample, {})[part] = arrays[name]
            return {name: unpack_sample(name, sample) for name, sample in samples.items()}

    def check(self) -> None:
        """Read all files once.

        Raises:
            DamagedFileError: one of them is damaged.
        """
        metrics = RunFolder(self.folder).metrics
        if not isinstance(self.metrics.get("test"), dict):
            raise DamagedFileError(metrics, "it has no scores of a test")
        _ = self.per_image, self.history, self.samples


def find_runs(folders: Sequence[Path]) -> list[Run]:
    """Every test in these folders and below them, each once, in natural order: job 10 after job 9.

    A damaged one is named in a warning and left out.

    Raises:
        ConfigError: a folder does not exist or holds no finished run, or all of them are damaged.
    """
    found: dict[Path, Run] = {}
    damage: list[ConfigError] = []
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(f"{folder} is no folder: give those of finished runs, or one that contains them.")
        tests = sorted(find_results(folder), key=_natural_order)
        if not tests:
            raise ConfigError(
                f"There is no finished run in {folder}: a finished run has a metrics.json. Wait for it, or give "
                "another folder."
            )
        for test in tests:
            try:
                run = read_run(test.path)
                run.check()
                found.setdefault(test.path.resolve(), run)
            except ConfigError as error:
                damage.append(error)
    if not found:
        raise damage[0]
    for each in damage:
        log.warning("left out: %s", each)
    return list(found.values())


def split_external(runs: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    """Tests to compare, and external tests, which are left out unless all tests are external."""
    own = [run for run in runs if not run.elsewhere]
    return (own, [run for run in runs if run.elsewhere]) if own else (list(runs), [])


def job_folders(folder: Path) -> list[Path]:
    """Folders of the finished jobs of a sweep, in the order of its plan; for any other folder the folder itself."""
    sweep = SweepFolder(folder)
    jobs = sweep.read_plan().get("jobs", []) if sweep.is_sweep else []
    runs = [sweep.job(job["folder"]) for job in jobs]
    return [run.path for run in runs if run.is_finished] or [folder]


def read_run(folder: Path) -> Run:
    """The run in a folder; or the evaluation in it, of the run in the folder above or of the run that it names.

    Raises:
        ConfigError: there is no ``config.yaml`` in either.
    """
    metrics = RunFolder(folder).read_metrics()
    places = (folder, folder.parent, *([folder / metrics["run"]] if metrics.get("run") else []))
    training = next((each for each in places if RunFolder(each).is_run), None)
    if training is None:
        raise ConfigError(f"{folder} has a metrics.json but no config.yaml of its run: leave it out.")
    if training != folder:
        trained = RunFolder(training).read_metrics() if RunFolder(training).is_finished else {}
        metrics = {key: trained[key] for key in OF_THE_TRAINING if key in trained} | metrics
    config = OmegaConf.to_container(load_config(training), resolve=False)
    return Run(folder, training, without_empty_nodes(metrics), flattened(config))


def without_empty_nodes(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The content of ``metrics.json`` without measurements that are null: they were not made.

    >>> without_empty_nodes({"match": None, "scales": {"1": None, "2": {"dice": None}}, "arm": None})
    {'scales': {'2': {'dice': None}}, 'arm': None}
    """
    kept = {name: value for name, value in metrics.items() if name not in MEASURED or value is not None}
    for name in kept.keys() & set(MEASURED):
        rows = kept[name].items()
        kept[name] = {key: value for key, value in rows if value is not None or name in ("val_best", "second_observer")}
    return kept


def flattened(node: Any, prefix: str = "") -> Settings:
    """Each value of nested dicts and lists by its dotted name.

    >>> flattened({"optim": {"lr": 0.1, "betas": [0.9, 0.99]}, "group": {}})
    {'optim.lr': 0.1, 'optim.betas.0': 0.9, 'optim.betas.1': 0.99, 'group': {}}
    """
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    below = [flattened(value, f"{prefix}.{name}".lstrip(".")) for name, value in pairs]
    return {name: value for each in below for name, value in each.items()} if below else {prefix: node}


def find_sweeps(folders: Sequence[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Folder and plan of each sweep that one of these folders is, contains, or is a job of."""
    sweeps = [sweep for folder in folders for sweep in (*find_sweep_folders(folder), RunFolder(folder).sweep)]
    for path in dict.fromkeys(sweep.path.resolve() for sweep in sweeps if sweep.is_sweep):
        yield path, SweepFolder(path).read_plan()


def _finite(table: pd.DataFrame) -> pd.DataFrame:
    """A table with nan in place of infinite numbers, which have no mean and no place in a figure."""
    return table.replace([np.inf, -np.inf], np.nan)


def _natural_order(run: RunFolder) -> list[tuple[int, str]]:
    # Job 10 comes after job 9, and a run before the further evaluations in its folder.
    words = re.split(r"(\d+)", f"{run.path}/")
    return [(int(word), "") if word.isdigit() else (-1, word) for word in words]
