"""Check that runs are comparable: equal in everything but the network and the compared settings."""

import re
from collections.abc import Sequence
from itertools import accumulate, takewhile
from typing import Any

from gequnet.errors import ConfigError, unknown_setting
from gequnet.report.finished_runs import FOLD, Run, Settings
from gequnet.runs.fingerprint import TABLES

# The network, its width, seed and fold, and settings of where and how results are written, not what is computed. The
# steps of a budget are in trainer.max_steps; devices count in the effective batch.
FREE = (
    *("chosen", "model", "group", "width", "seed", "data.seed", "budget", "tta", "scales", "resume"),
    *(FOLD, *TABLES, "paths", "logger", "data.source.root", "data.source.cache", "data.num_workers"),
    *("trainer.default_root_dir", "trainer.log_every_n_steps", "trainer.enable_model_summary"),
    *("trainer.accelerator", "trainer.strategy", "callbacks.progress", "auto_batch", "largest_batch", "forecast"),
)
PATHS = ("path", "paths", "dirpath", "history")  # of a callback
BATCH = ("data.batch_size", "trainer.devices", "trainer.num_nodes", "trainer.accumulate_grad_batches")
MIXED = ("data", "scoring", "trainer", "callbacks")  # nodes of many independent settings
STEPS = "trainer.max_steps.made"  # inside max_steps, so that comparing budgets frees both
NAMES = {"data.batch_size": f"the effective batch ({' x '.join(BATCH)})", STEPS: "the number of optimizer steps"}
ABSENT = "absent"


def check_equal(runs: Sequence[Run], varied: Sequence[str] = ()) -> None:
    """Refuse runs that differ in a setting that must be equal in a fair comparison.

    These must be equal: data, split, effective batch, optimizer steps, augmentation, loss, optimizer, schedule,
    precision, the rule that selects a checkpoint, and every other value of the resolved configuration. These may
    differ: the network and its width, the seed, the fold (the compared split is that of all folds), the folders, and
    the settings that ``varied`` names.

    Args:
        runs: at least one.
        varied: names of values (``optim.lr``) or of whole nodes (``loss``); the last part of a name is enough.

    Raises:
        ConfigError: a setting differs; the message names it, the runs, and the remedy.
    """
    first = runs[0]
    for run in runs[1:]:
        if first.metrics["data"]["name"] != run.metrics["data"]["name"]:
            raise ConfigError(
                f"data.name is {first.metrics['data']['name']} in {first.folder} and {run.metrics['data']['name']} in "
                f"{run.folder}, and scores on different images cannot be compared: make a report for each dataset."
            )
    wanted = comparable(first, varied)
    for run in runs[1:]:
        other = comparable(run, varied)
        if keys := differing(wanted, other):
            raise ConfigError(_refusal(keys, [wanted, other], [first, run]))


def differing(first: Settings, second: Settings) -> list[str]:
    """Names of the settings that differ; the steps count only if both trainings had a fixed number of them."""
    keys = [key for key in first | second if first.get(key, ABSENT) != second.get(key, ABSENT)]
    return [key for key in keys if key != STEPS or key in first.keys() & second.keys()]


def comparable(run: Run, varied: Sequence[str] = ()) -> Settings:
    """The settings that must be equal in two runs, with the split and the steps that resulted from them."""
    settings = effective(run)
    varied = [*varied, "trainer.max_steps"] if "budget" in varied else varied
    return {key: value for key, value in settings.items() if not (is_free(key) or is_varied(key, varied))}


def effective(run: Run) -> Settings:
    """The settings as they act: the batch of all devices, the augmentation of the data, split and steps.

    An empty node counts as absent, so that a new node of the configuration does not set old runs apart.
    """
    settings = {key: value for key, value in run.settings.items() if key not in BATCH and value not in ({}, [])}
    if settings.get("threshold_by"):  # then the threshold is a result
        settings.pop("metrics.threshold", None)
    if any(key.startswith("data.augment.") for key in settings):
        settings = {key: value for key, value in settings.items() if not key.startswith("augment.")}
        settings = {re.sub(r"^data\.augment\.", "augment.", key): value for key, value in settings.items()}
    settings["data.batch_size"] = effective_batch(run.settings)
    settings["data.split_hash"] = run.metrics["data"].get("split_hash")
    if run.elsewhere:  # then the hash above is that of the tested split
        settings["data.trained_split_hash"] = run.metrics["trained_on"].get("split_hash")
        settings["data.split"] = run.metrics["data"]["split"]
    if not any("EarlyStopping" in str(value) for value in settings.values()):  # then the steps are a result
        made = run.metrics.get("steps")
        settings |= {STEPS: made} if isinstance(made, int) else {}
    return settings


def effective_batch(settings: Settings) -> int | str:
    """Number of patches in one optimizer step; a text if the number of devices is left to the machine.

    >>> effective_batch({"data.batch_size": 4, "trainer.devices": 2, "trainer.accumulate_grad_batches": 3})
    24
    """
    counts = [settings.get(key, 1) for key in BATCH]
    if f"{BATCH[1]}.0" in settings:  # devices by their numbers
        counts[1] = sum(key.startswith(f"{BATCH[1]}.") for key in settings)
    if all(isinstance(count, int) and count > 0 for count in counts):
        return int(counts[0] * counts[1] * counts[2] * counts[3])
    return " x ".join(str(count) for count in counts)


def is_free(key: str) -> bool:
    """True if a setting may differ between any two runs."""
    path_of_callback = key.startswith("callbacks.") and any(part in PATHS for part in key.split(".")[2:])
    return path_of_callback or any(_within(key, name) for name in FREE) or key.startswith("trainer.devices")


def is_varied(key: str, varied: Sequence[str]) -> bool:
    """True if a setting is one of the compared ones, or inside one of them.

    >>> is_varied("loss.smooth", ["loss"]), is_varied("data.num_patches", ["num_patches"]), is_varied("loss", ["iou"])
    (True, True, False)
    """
    return any(f".{name}." in f".{key}." for name in varied)


def check_names(runs: Sequence[Run], names: Sequence[str]) -> None:
    """Refuse names to compare that no run has as a value or a node.

    Args:
        runs: at least one.
        names: as typed; the last part of a name is enough.

    Raises:
        ConfigError: a name is unknown; the message has the nearest ones.
    """
    keys = list(dict.fromkeys(key for run in runs for key in (*run.settings, *effective(run))))
    for name in names:
        if not any(is_varied(key, [name]) for key in keys):
            nodes = {node for key in keys for node in accumulate(key.split("."), lambda start, part: f"{start}.{part}")}
            raise ConfigError(unknown_setting(name, sorted(nodes)))


def _within(key: str, name: str) -> bool:
    return key == name or key.startswith(f"{name}.")


def _refusal(keys: Sequence[str], settings: Sequence[Settings], runs: Sequence[Run]) -> str:
    first, *others = sorted(keys, key=lambda key: key == STEPS)  # the steps are a consequence: named last
    node = _node(first, keys)
    others = [key for key in others if not _within(key, node)]
    more = f" ({', '.join(others[:3])}{', …' if len(others) > 3 else ''} differ as well)" if others else ""
    values = [_shortened(each.get(first, ABSENT)) for each in settings]
    return (
        f"{NAMES.get(first, first)} is {values[0]} in {runs[0].folder} and {values[1]} in {runs[1].folder}{more}, so "
        f"the comparison would not be fair: leave one of them out or, to compare this setting, add --vary {node}."
    )


def _node(key: str, keys: Sequence[str]) -> str:
    # The node of this difference and related ones: augment, not augment.steps.0._target_; but never all of data.
    size = 2 if key.split(".")[0] in MIXED else 1
    related = [each.split(".") for each in keys if each.split(".")[:size] == key.split(".")[:size]]
    common = takewhile(lambda parts: len(set(parts)) == 1, zip(*related, strict=False))
    return ".".join(parts[0] for parts in common).removesuffix(".made")


def _shortened(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
