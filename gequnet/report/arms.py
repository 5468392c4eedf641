"""Arms of a comparison: runs that differ only in seed and fold, and their scores together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from gequnet.report.comparability import effective, is_varied
from gequnet.report.finished_runs import FOLD, Run, Settings

PLAIN = ("unet", "unet3d")
NETWORK = ("model", "group", "width")  # the nodes in which any two arms may differ
LIMITS = ("data.num_images", "data.num_patches")  # of the training data; null for none
# Settings that vary within an arm: seeds, the folds of a cross-validation, further evaluations of a run.
UNSEEN = ("seed", "data.seed", FOLD, "source.fold", "fold", "tta")


@dataclass(frozen=True)
class Arm:
    """One row of a comparison.

    Args:
        runs: one for each seed and fold, in this order.
        facts: values of the settings that differ between arms, by name: ``width``, ``num_patches``, ...
    """

    runs: tuple[Run, ...]
    facts: Mapping[str, str]

    @property
    def first(self) -> Run:
        """The first run, for facts that all runs of the arm share."""
        return self.runs[0]

    @property
    def seeds(self) -> list[int]:
        """The seeds, each once, in the order of the runs."""
        return list(dict.fromkeys(run.seed for run in self.runs))

    @property
    def folds(self) -> list[int]:
        """The tested folds of a cross-validation; empty where the split is fixed."""
        return sorted({run.fold for run in self.runs if run.fold is not None})

    @property
    def incomplete(self) -> bool:
        """True if a seed lacks a fold that another seed has."""
        return bool(self.folds) and len(self.runs) < len(self.seeds) * len(self.folds)

    @property
    def chosen(self) -> Mapping[str, Any]:
        """The node ``chosen`` of the configuration: names of model, group, loss and so on."""
        chosen: Mapping[str, Any] = self.first.metrics["chosen"]
        return chosen

    @property
    def plain(self) -> bool:
        """True for a network without symmetry that is tested without test-time augmentation."""
        return self.chosen["model"] in PLAIN and self.first.as_it_is

    @cached_property
    def per_image(self) -> pd.DataFrame:
        """Each score of each test image, averaged over seeds; facts of an image are taken from the first run."""
        table = pd.concat([run.per_image for run in self.runs])
        rules = {column: "mean" if pd.api.types.is_numeric_dtype(table[column]) else "first" for column in table}
        return table.groupby(level="id", sort=False).agg(rules)

    def values(self, *path: str) -> Float[np.ndarray, " seed"]:
        """A number of ``metrics.json`` for each seed; nan where it is absent or undefined.

        For several folds it is the mean weighted by their numbers of test images, so the mean over all images.

        Args:
            path: keys, from the outside in: ``"test", "dice"``.
        """
        return np.array([self._over_folds([run for run in self.runs if run.seed == seed], path) for seed in self.seeds])

    @staticmethod
    def _over_folds(runs: Sequence[Run], path: Sequence[str]) -> float:
        counts = [_number(run.metrics, ("data", "images", "test")) for run in runs]
        images = [1.0 if math.isnan(count) else count for count in counts]
        return float(np.average([_number(run.metrics, path) for run in runs], weights=images))


def make_arms(runs: Sequence[Run], varied: Sequence[str] = ()) -> list[Arm]:
    """Group runs by everything but seed and fold; of two runs with the same seed and fold the later one counts.

    Args:
        runs: comparable ones, in their order.
        varied: names of the settings that are compared beside the network.
    """
    groups: dict[tuple[Any, ...], dict[tuple[int, int], Run]] = {}
    for run in runs:
        identity = tuple(sorted((key, str(value)) for key, value in identifying(run, varied).items()))
        place = run.seed, -1 if run.fold is None else run.fold
        groups.setdefault((run.evaluation, run.metrics.get("arm"), *identity), {})[place] = run
    arms = [tuple(members[place] for place in sorted(members)) for members in groups.values()]
    return [Arm(arm, facts_of_arm(arm[0], varied)) for arm in arms]


def identifying(run: Run, varied: Sequence[str]) -> Settings:
    """The settings by which arms differ: the network, its width, and the compared settings."""
    names = [name for name in varied if name not in UNSEEN]
    return {
        key: value for key, value in effective(run).items() if key.split(".")[0] in NETWORK or is_varied(key, names)
    }


def facts_of_arm(run: Run, varied: Sequence[str]) -> dict[str, str]:
    """Facts of a run for its label: its width rule, and its values of the compared settings.

    A setting that its network does not have, such as the projection of a plain network, is left out.
    """
    names = [name for name in varied if name not in (*NETWORK, *UNSEEN)]
    facts = {name.rpartition(".")[2]: _value(run, name) for name in names if not _lacks(run, name)}
    return {"width": str(run.metrics["chosen"]["width"])} | facts


def _lacks(run: Run, name: str) -> bool:
    return name.startswith("model.") and not any(is_varied(key, [name]) for key in run.settings)


def _value(run: Run, name: str) -> str:
    chosen = run.metrics["chosen"].get(name)
    if chosen is not None:
        return str(chosen)
    # A value, or for a node without a name the classes in it: Warp, Flips.
    settings = effective(run)
    parts = {key: value for key, value in settings.items() if is_varied(key, [name])}
    parts = {name: settings[name]} if name in settings else parts  # not the values that result from it
    classes = [str(value).rpartition(".")[2] for key, value in parts.items() if key.endswith("_target_")]
    values = ["all" if value is None and key in LIMITS else str(value) for key, value in parts.items()]
    return "+".join(classes) if classes else values[0] if len(values) == 1 else f"[{', '.join(values)}]"


def _number(node: Any, path: Sequence[str]) -> float:
    for key in path:
        node = node.get(key) if isinstance(node, Mapping) else None
    number = math.nan if node is None else float(node)
    return number if math.isfinite(number) else math.nan
