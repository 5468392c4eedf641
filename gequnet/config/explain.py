"""Mistakes in a configuration, explained in one sentence with the nearest names."""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.errors import HydraException, OverrideParseException
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
    if isinstance(error, OverrideParseException):
        return unreadable_word(error.override)
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
        return (
            f"{found[1]} names several values: sweep over them with -m ({train_command()} -m {found[1]} ...), or, if "
            f"it is one value, quote it: {quoted_word(found[1])}."
        )
    if found := re.search(r"Error parsing override '([^']*)'", message):
        return unreadable_word(found[1])
    return " ".join(message.split())


def unreadable_word(word: str) -> str:
    """One sentence for a word of the command line that Hydra does not take, with the word to type instead.

    >>> unreadable_word("lr")
    "'lr' cannot be read: write name=value."
    """
    name, equals, _ = word.partition("=")
    if not (equals and re.fullmatch(r"[~+]*[\w./@:$-]+", name)):
        return f"{word!r} cannot be read: write name=value."
    return f"The value of {name} cannot be read, as it has characters that must be quoted: type {quoted_word(word)}."


def quoted_word(word: str) -> str:
    r"""A word whose value is quoted for Hydra, and the whole for the shell.

    >>> quoted_word("paths.data=/scans/a=b")
    '\'paths.data="/scans/a=b"\''
    """
    name, _, value = word.partition("=")
    if value[:1] in ("'", '"'):  # a quote without its partner
        value = value.strip(value[0])
    return shlex.quote(name + '="' + value.replace('"', '\\"') + '"')


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
