"""Finished runs as they lie on disk: found, read, and put in an order that people expect."""

import json
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
from gequnet.runs.run_folder import load_config

Settings = dict[str, Any]
FOLD = "data.source.fold"
# What another evaluation of the same checkpoint takes over from the training, where it does not say it itself.
OF_THE_TRAINING = ("chosen", "arm", "seed", "parameters", "widths", "steps", "data", "versions", "match", "val_best")


@dataclass(frozen=True)
class Run:
    """One evaluation of one trained network: a folder with a ``metrics.json``.

    Args:
        folder: that holds the scores.
        training: that holds configuration and history; another folder only for a further evaluation, which lies in it
            or says where it is.
        metrics: what ``metrics.json`` says.
        settings: the settled configuration, each value by its name with dots.
    """

    folder: Path
    training: Path
    metrics: Mapping[str, Any]
    settings: Settings

    @property
    def evaluation(self) -> str | None:
        """None for the test of the network as it is; ``tta_d4`` or ``on chase``, say, for another."""
        evaluation: str | None = self.metrics.get("evaluation")
        return evaluation

    @property
    def elsewhere(self) -> bool:
        """Whether other images were tested than the run's own test images, see ``gequnet.evaluate``."""
        return (self.evaluation or "").startswith("on ")

    @property
    def as_it_is(self) -> bool:
        """Whether the network was tested without anything around it, wherever."""
        return self.evaluation is None or self.elsewhere

    @property
    def training_images(self) -> int | None:
        """How many there were to train on; None if nobody knows."""
        data = self.metrics["trained_on"] if self.elsewhere else self.metrics["data"]
        count: int | None = data.get("images", {}).get("train")
        return count

    @property
    def seed(self) -> int:
        """Of weights, patches and augmentation."""
        return int(self.metrics["seed"])

    @property
    def fold(self) -> int | None:
        """Which part of a cross-validation was tested; None where the split is fixed."""
        fold: int | None = self.settings.get(FOLD)
        return fold

    @property
    def score(self) -> str:
        """The name of the Dice that selects a checkpoint: inside the field of view where there is one."""
        return "dice_fov" if "dice_fov" in self.metrics["test"] else "dice"

    @cached_property
    def per_image(self) -> pd.DataFrame:
        """Scores and facts of each test image, by its id."""
        return pd.read_csv(self.folder / "per_image.csv", dtype={"id": str}).set_index("id")

    @cached_property
    def history(self) -> pd.DataFrame:
        """The scalars of the training by optimizer step; empty where none were kept."""
        path = self.training / "history.csv"
        return pd.read_csv(path).set_index("step") if path.exists() else pd.DataFrame()

    @cached_property
    def samples(self) -> dict[str, dict[str, Any]]:
        """Test images, or slices of volumes, with their probabilities, as a picture takes them; empty without any."""
        path = self.folder / "samples.npz"
        if not path.exists():
            return {}
        found: dict[str, dict[str, np.ndarray]] = {}
        with np.load(path) as arrays:
            for name in arrays.files:
                sample, _, part = name.rpartition("/")
                found.setdefault(sample, {})[part] = arrays[name]
        return {name: unpack_sample(name, sample) for name, sample in found.items()}


def find_runs(folders: Sequence[Path]) -> list[Run]:
    """Every evaluation in these folders and below them, each once, in the order of their numbers.

    Raises:
        ConfigError: a folder does not exist, holds no finished run, or a run lacks its configuration.
    """
    found: dict[Path, Run] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(f"{folder} is no folder: give those of finished runs, or one that contains them.")
        paths = sorted(folder.rglob("metrics.json"), key=_numbers)
        if not paths:
            raise ConfigError(
                f"There is no finished run in {folder}: a run that has ended has a metrics.json; wait for it, or give "
                "another folder."
            )
        for path in paths:
            found.setdefault(path.resolve(), read_run(path.parent))
    return list(found.values())


def apart(runs: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    """The tests to be compared, and those left out: tests on other images, unless there are none but such."""
    at_home = [run for run in runs if not run.elsewhere]
    return (at_home, [run for run in runs if run.elsewhere]) if at_home else (list(runs), [])


def unfolded(folder: Path) -> list[Path]:
    """The finished jobs of a sweep, in its order; any other folder as it is."""
    if not (folder / "sweep.json").exists():
        return [folder]
    jobs = [folder / job["folder"] for job in _json(folder / "sweep.json").get("jobs", [])]
    return [job for job in jobs if (job / "metrics.json").exists()] or [folder]


def read_run(folder: Path) -> Run:
    """The run in a folder, or the evaluation of the run whose folder this one is in, or of the one that it names.

    Raises:
        ConfigError: there is no ``config.yaml`` in either.
    """
    metrics = _json(folder / "metrics.json")
    places = (folder, folder.parent, *([folder / metrics["run"]] if metrics.get("run") else []))
    training = next((each for each in places if (each / "config.yaml").exists()), None)
    if training is None:
        raise ConfigError(f"{folder} has a metrics.json but no config.yaml that says what it was: leave it out.")
    if training != folder:
        trained = _json(training / "metrics.json") if (training / "metrics.json").exists() else {}
        metrics = {key: trained[key] for key in OF_THE_TRAINING if key in trained} | metrics
    config = OmegaConf.to_container(load_config(training), resolve=False)
    return Run(folder, training, metrics, flattened(config))


def flattened(node: Any, prefix: str = "") -> Settings:
    """Each value of nested dicts and lists by its name with dots.

    >>> flattened({"optim": {"lr": 0.1, "betas": [0.9, 0.99]}, "group": {}})
    {'optim.lr': 0.1, 'optim.betas.0': 0.9, 'optim.betas.1': 0.99, 'group': {}}
    """
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    below = [flattened(value, f"{prefix}.{name}".lstrip(".")) for name, value in pairs]
    return {name: value for each in below for name, value in each.items()} if below else {prefix: node}


def find_sweeps(folders: Sequence[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The plans of the sweeps that these folders are, contain, or are jobs of."""
    paths = [path for folder in folders for path in (*folder.rglob("sweep.json"), folder.parent / "sweep.json")]
    for path in dict.fromkeys(path.resolve() for path in paths if path.exists()):
        yield path.parent, _json(path)


def _json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _numbers(path: Path) -> list[tuple[int, str]]:
    # Job 10 comes after job 9; a run before the further evaluations in its folder.
    words = re.split(r"(\d+)", f"{path.parent}/")
    return [(int(word), "") if word.isdigit() else (-1, word) for word in words]
