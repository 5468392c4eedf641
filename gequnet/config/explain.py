"""Mistakes in a configuration, explained in one sentence with the nearest names."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from gequnet.config.compose import CONF, compose
from gequnet.errors import GequnetError, first_sentence, train_command, unknown_choice, unknown_name


def explain(error: Exception, overrides: list[str] | None = None) -> str:
    """One sentence about a mistake in the configuration or the data, with the nearest names where one is unknown."""
    cause: BaseException | None = error
    while isinstance(cause, OmegaConfBaseException):  # around the error of a resolver
        cause = cause.__context__
    if isinstance(cause, GequnetError):
        return first_sentence(str(cause))
    names = [name for name in value_names(overrides or []) if "._" not in name]
    return composition_advice(str(error), choices(), names)


def composition_advice(message: str, choices: Mapping[str, Sequence[str]], keys: Sequence[str]) -> str:
    """One sentence for the message of a configuration that did not compose.

    Args:
        message: Hydra's message, of several lines.
        choices: the files of each group of ``conf/``.
        keys: the name of every value of the configuration, with dots.

    Example:
        >>> composition_advice("In 'config': Could not find 'group/c9'", {"group": ["c4", "c8"]}, [])
        'There is no group=c9; the nearest are group=c8 and group=c4, and all of them are c4, c8.'
    """
    if found := re.search(r"Could not find '([\w/.-]+)/([^'/]+)'", message):
        return unknown_choice(found[1], found[2], choices.get(found[1], ()))
    if found := re.search(r"Could not (?:override|delete)[^']*'([^'=]+)", message):
        return unknown_name(found[1], keys if "." in found[1] else [*choices, *keys])
    if found := re.search(r"Ambiguous value for argument '([^']*)'", message):
        return f"{found[1]} names several values: sweep over them with -m ({train_command()} -m {found[1]} ...)."
    if found := re.search(r"Error parsing override '([^']*)'", message):
        return f"{found[1]!r} cannot be read: write name=value, and quote what holds spaces or commas."
    return " ".join(message.split())


def choices() -> dict[str, list[str]]:
    """Choices of each group of ``conf/``."""
    found: dict[str, list[str]] = {}
    for path in sorted(CONF.glob("*/*.yaml")):
        found.setdefault(path.parent.name, []).append(path.stem)
    return found


def value_names(overrides: list[str]) -> list[str]:
    """The name of every value of the configuration, with dots, under those overrides that are choices of a group."""
    known = choices()
    chosen = [text for text in overrides if text.partition("=")[2] in known.get(text.partition("=")[0], ())]
    try:
        cfg = compose(chosen)
    except HydraException:
        cfg = compose([])
    return list(_names(cfg, ""))


def _names(node: Any, prefix: str) -> list[str]:
    if not isinstance(node, DictConfig):
        return [prefix]
    below = [_names(node._get_node(key), f"{prefix}.{key!s}".lstrip(".")) for key in node]
    return [name for names in below for name in names]
