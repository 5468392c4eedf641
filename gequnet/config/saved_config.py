"""Reading of a configuration that a run has saved, perhaps somebody else's: limited in size, and nothing is called."""

import re
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gequnet.config.migrations import upgraded
from gequnet.config.nodes import texts
from gequnet.errors import ConfigError, first_sentence

LARGEST = 2**20
"""Bytes of a file; a saved configuration has ten thousand."""
MOST_VALUES = 5000
"""Names and values of a file; a saved configuration has a thousand, and OmegaConf takes a millisecond for each."""
DEEPEST = 30
"""Levels of a file; a saved configuration has six."""
RESOLVERS = frozenset({"unless", "count", "classes", "pick"})
"""Resolvers of ours that compute values from values. Others read the environment or evaluate text."""

_INTERPOLATION = re.compile(r"\$\{(?=([^:}]*)(:?))")  # also those within another


def read_saved_config(path: Path) -> dict[str, Any]:
    """The configuration in a file, with today's names, every interpolation replaced by its value.

    Raises:
        ConfigError: it is not a file, too large, damaged, not a configuration, or refers to what it must not.
    """
    try:
        node = OmegaConf.create(_checked_text(path))
        raw = upgraded(OmegaConf.to_container(node, resolve=False))
        _check_interpolations(path, raw, RESOLVERS)
        plain = OmegaConf.to_container(OmegaConf.create(raw), resolve=True)
    except (yaml.YAMLError, OmegaConfBaseException, ValueError, TypeError, AttributeError) as error:
        raise _no_configuration(path, first_sentence(str(error).replace("\n", " "))) from None
    assert isinstance(plain, dict)
    _check_interpolations(path, plain, None)
    missing = [name for name in ("data", "model", "paths") if not isinstance(plain.get(name), dict)]
    if missing:
        raise _no_configuration(path, f"it has no node {missing[0]}")
    return {str(name): value for name, value in plain.items()}


def _checked_text(path: Path) -> str:
    """The text of a regular file, if its YAML is one small and flat dict that repeats nothing by reference."""
    if not path.is_file():  # a pipe would wait for ever
        raise ConfigError(f"{path} is not a file: expected the config.yaml of a run.")
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    if len(content) > LARGEST:
        raise _no_configuration(path, f"it is larger than {LARGEST // 2**20} MiB")
    text = content.decode("utf-8")
    depth = values = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.AliasEvent):
            raise _no_configuration(path, "it repeats a part by reference (*), which can grow without bounds")
        if isinstance(event, yaml.NodeEvent) and not depth and not isinstance(event, yaml.MappingStartEvent):
            raise _no_configuration(path, "it holds no names with values")
        values += isinstance(event, yaml.ScalarEvent)
        if values > MOST_VALUES:
            raise _no_configuration(path, f"it has more than {MOST_VALUES} values")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise _no_configuration(path, f"it has more than {DEEPEST} levels")
    return text


def _check_interpolations(path: Path, node: Any, resolvers: frozenset[str] | None) -> None:
    """Refuse resolvers other than the given ones; with None every interpolation."""
    for _, text in texts(node):
        for name, colon in _INTERPOLATION.findall(text):
            if resolvers is None or "${" in name or (colon and name.strip() not in resolvers):
                raise ConfigError(
                    f"{path} holds {text!r}, which is computed when it is read: only values that a run has saved are "
                    "accepted. Nothing was computed; write the value itself into the file if the run is yours."
                )


def _no_configuration(path: Path, reason: str) -> ConfigError:
    return ConfigError(
        f"{path} is not a configuration that a run has saved ({reason.rstrip('.')}): copy the file from the run again."
    )
