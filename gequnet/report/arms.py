"""The arms of a comparison: runs that differ in their seed only, and what they achieve together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from gequnet.report.equal import effective, is_varied
from gequnet.report.runs import Run, Settings

PLAIN = ("unet", "unet3d")
NETWORK = ("model", "group", "width")  # the nodes in which any two arms may differ
LIMITS = ("data.num_images", "data.num_patches")  # of what is trained on; null for none
UNSEEN = ("seed", "data.seed", "tta")  # what may be varied and makes no arm: seeds, and further evaluations of a run


@dataclass(frozen=True)
class Arm:
    """One row of a comparison.

    Args:
        runs: one for each seed.
        facts: what this arm is, by the names of what differs between arms: ``width``, ``num_patches``, ...
    """

    runs: tuple[Run, ...]
    facts: Mapping[str, str]

    @property
    def first(self) -> Run:
        """The run that stands for the arm where one is enough."""
        return self.runs[0]

    @property
    def seeds(self) -> list[int]:
        """In the order of the runs."""
        return [run.seed for run in self.runs]

    @property
    def chosen(self) -> Mapping[str, Any]:
        """What was chosen, by name."""
        chosen: Mapping[str, Any] = self.first.metrics["chosen"]
        return chosen

    @property
    def plain(self) -> bool:
        """Whether this is a network without symmetry, tested as it is."""
        return self.chosen["model"] in PLAIN and self.first.evaluation is None

    @cached_property
    def per_image(self) -> pd.DataFrame:
        """Each score of each test image, averaged over seeds; facts of the image as they are."""
        tables = [run.per_image for run in self.runs]
        numbers = pd.concat([table.select_dtypes("number") for table in tables]).groupby(level="id", sort=False).mean()
        return tables[0].select_dtypes(exclude="number").join(numbers)

    def values(self, *path: str) -> Float[np.ndarray, " seed"]:
        """A number of ``metrics.json`` for each seed, nan where it is not there or not defined.

        Args:
            path: keys, from the outside in: ``"test", "dice"``.
        """
        return np.array([_number(run.metrics, path) for run in self.runs])


def make_arms(runs: Sequence[Run], varied: Sequence[str] = ()) -> list[Arm]:
    """Groups runs by everything but their seeds; of two runs of the same seed the later one counts.

    Args:
        runs: comparable ones, in their order.
        varied: names of what is being compared beside the network.
    """
    groups: dict[tuple[Any, ...], dict[int, Run]] = {}
    for run in runs:
        identity = tuple(sorted((key, str(value)) for key, value in identifying(run, varied).items()))
        groups.setdefault((run.evaluation, run.metrics.get("arm"), *identity), {})[run.seed] = run
    arms = [tuple(by_seed[seed] for seed in sorted(by_seed)) for by_seed in groups.values()]
    return [Arm(arm, facts_of(arm[0], varied)) for arm in arms]


def identifying(run: Run, varied: Sequence[str]) -> Settings:
    """The settings by which arms differ: the network, its width, and what is being compared."""
    names = [name for name in varied if name not in UNSEEN]
    return {
        key: value for key, value in effective(run).items() if key.split(".")[0] in NETWORK or is_varied(key, names)
    }


def facts_of(run: Run, varied: Sequence[str]) -> dict[str, str]:
    """What a run is, for its label: its width rule, and what was chosen of everything that is being compared.

    What its network does not have, as a plain one has no projection, is no fact about it.
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
    # A value, or of a node that nobody named the classes in it: Warp, Flips.
    settings = effective(run)
    if name in settings:
        return "all" if settings[name] is None and name in LIMITS else str(settings[name])
    found = {key: value for key, value in settings.items() if is_varied(key, [name])}
    classes = [str(value).rpartition(".")[2] for key, value in found.items() if key.endswith("_target_")]
    values = [str(value) for value in found.values()]
    return "+".join(classes) if classes else values[0] if len(values) == 1 else f"[{', '.join(values)}]"


def _number(node: Any, path: Sequence[str]) -> float:
    for key in path:
        node = node.get(key) if isinstance(node, Mapping) else None
    return float("nan") if node is None else float(node)
