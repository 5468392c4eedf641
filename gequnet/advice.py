"""What went wrong on the command line, said in one sentence that ends with what to type instead."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches


def composition_advice(message: str, choices: Mapping[str, Sequence[str]], keys: Sequence[str]) -> str:
    """One sentence for the message of a configuration that did not compose.

    Args:
        message: what Hydra says, on several lines.
        choices: for each group of conf/ its files.
        keys: every value of the configuration, with dots.

    Example:
        >>> composition_advice("In 'config': Could not find 'group/c9'", {"group": ["c4", "c8"]}, [])
        'There is no group=c9; the nearest are group=c8 and group=c4, and all of them are c4, c8.'
    """
    if found := re.search(r"Could not find '([\w/.-]+)/([^'/]+)'", message):
        return unknown_choice(found[1], found[2], choices.get(found[1], ()))
    if found := re.search(r"Could not (?:override|delete)[^']*'([^'=]+)", message):
        return unknown_name(found[1], keys if "." in found[1] else [*choices, *keys])
    if found := re.search(r"Ambiguous value for argument '([^']*)'", message):
        return f"{found[1]} names several values: sweep over them with -m (python run.py -m {found[1]} ...)."
    if found := re.search(r"Error parsing override '([^']*)'", message):
        return f"{found[1]!r} cannot be read: write name=value, and quote what holds spaces or commas."
    return " ".join(message.split())


def unknown_choice(group: str, choice: str, choices: Sequence[str]) -> str:
    """There is no such file in a group of conf/."""
    nearest = [f"{group}={near}" for near in get_close_matches(choice, choices, cutoff=0.5)]
    hint = f"the nearest {_are(nearest)}, and " if nearest else ""
    return f"There is no {group}={choice}; {hint}all of them are {', '.join(choices)}."


def unknown_name(name: str, names: Sequence[str]) -> str:
    """There is no such group or value."""
    near = near_to(name, names) or near_to(name.rpartition(".")[2], names)
    hint = f"the nearest {_are(near)}; " if near else ""
    return f"There is nothing called {name} in this configuration; {hint}python run.py --help lists the names."


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
