"""Errors that a user can correct, and their messages."""

import sys
from collections.abc import Sequence
from difflib import get_close_matches


class GequnetError(Exception):
    """A mistake that the user can correct; the message has the value, the expected value, and the remedy."""


class ShapeError(GequnetError, ValueError):
    """A tensor of a shape that a network does not take."""


class ConfigError(GequnetError):
    """The configuration names something that does not exist, or contradicts itself."""


class CheckpointError(ConfigError):
    """A checkpoint that is damaged, or not safe to read."""


class PathError(GequnetError):
    """A path cannot be read or written."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path} cannot be used ({reason}): give another path, or change its permissions.")


class SweepError(GequnetError):
    """Some jobs of a sweep failed; the others are finished."""


def unknown_choice(group: str, choice: str, choices: Sequence[str]) -> str:
    """Message for a choice that is not in a group of conf/."""
    nearest = [f"{group}={near}" for near in get_close_matches(choice, choices, cutoff=0.5)]
    hint = f"the nearest {_are(nearest)}, and " if nearest else ""
    return f"There is no {group}={choice}; {hint}all of them are {', '.join(choices)}."


def unknown_name(name: str, names: Sequence[str]) -> str:
    """Message for a name that is no group and no value of the configuration."""
    near = nearest_names(name, names) or nearest_names(name.rpartition(".")[2], names)
    hint = f"the nearest {_are(near)}; " if near else ""
    return f"There is nothing called {name} in this configuration; {hint}{train_command()} --help lists the names."


def unknown_setting(name: str, names: Sequence[str]) -> str:
    """Message for a name that is no setting of finished runs."""
    near = nearest_names(name, names) or nearest_names(name.rpartition(".")[2], names)
    hint = f"the nearest {_are(near)}; " if near else ""
    return f"There is no setting called {name} in these runs; {hint}config.yaml in the folder of a run has them all."


def train_command() -> str:
    """Command of a training, for messages: ``gequnet train`` where that was typed, ``python run.py`` elsewhere."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return "gequnet train" if spec is not None and spec.name.startswith("gequnet.") else "python run.py"


def nearest_names(name: str, names: Sequence[str]) -> list[str]:
    """At most three names that are similar, or have the same last part; the most similar first."""
    same_end = [known for known in names if known.rpartition(".")[2] == name.rpartition(".")[2]]
    return list(dict.fromkeys([*get_close_matches(name, names, cutoff=0.6), *same_end]))[:3]


def first_sentence(text: str) -> str:
    """The message on one line, without the traceback that a worker process of a DataLoader adds."""
    lines = text.strip().splitlines()
    if "Traceback" not in text:
        return " ".join(text.split())
    return lines[-1].partition(": ")[2] or lines[-1]


def _are(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"is {names[0]}"
    return f"are {', '.join(names[:-1])} and {names[-1]}"
