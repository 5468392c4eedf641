"""Errors that a user can mend, and the sentences in which they are said."""

import sys
from collections.abc import Sequence
from difflib import get_close_matches


class GequnetError(Exception):
    """A mistake that the user can mend: says what came, what was expected, and what to do now."""


class ShapeError(GequnetError, ValueError):
    """A tensor of a shape that a network does not take."""


class ConfigError(GequnetError):
    """The configuration asks for something that does not exist or does not fit together."""


class CheckpointError(ConfigError):
    """A checkpoint that cannot be read, or must not be."""


class SweepError(GequnetError):
    """Some jobs of a sweep failed; the others are finished."""


def unknown_choice(group: str, choice: str, choices: Sequence[str]) -> str:
    """There is no such file in a group of conf/."""
    nearest = [f"{group}={near}" for near in get_close_matches(choice, choices, cutoff=0.5)]
    hint = f"the nearest {_are(nearest)}, and " if nearest else ""
    return f"There is no {group}={choice}; {hint}all of them are {', '.join(choices)}."


def unknown_name(name: str, names: Sequence[str]) -> str:
    """There is no such group or value."""
    near = near_to(name, names) or near_to(name.rpartition(".")[2], names)
    hint = f"the nearest {_are(near)}; " if near else ""
    return f"There is nothing called {name} in this configuration; {hint}{train_command()} --help lists the names."


def train_command() -> str:
    """Command of a training, for messages: ``gequnet train`` where that was typed, ``python run.py`` elsewhere."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return "gequnet train" if spec is not None and spec.name.startswith("gequnet.") else "python run.py"


def near_to(name: str, names: Sequence[str]) -> list[str]:
    """At most three names that look like this one, or whose last part is this one's last part; best first."""
    same_end = [known for known in names if known.rpartition(".")[2] == name.rpartition(".")[2]]
    return list(dict.fromkeys([*get_close_matches(name, names, cutoff=0.6), *same_end]))[:3]


def first_sentence(text: str) -> str:
    """The message without the traceback that a worker process of a DataLoader puts around it."""
    lines = text.strip().splitlines()
    if "Traceback" not in text:
        return " ".join(text.split())
    return lines[-1].partition(": ")[2] or lines[-1]


def _are(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"is {names[0]}"
    return f"are {', '.join(names[:-1])} and {names[-1]}"
