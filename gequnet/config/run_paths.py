"""Check that a configuration from a file lets callbacks, loggers and trainer write into the run's own folder only."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gequnet.errors import ConfigError

WRITERS = ("callbacks", "logger", "trainer")
"""Nodes of what writes files."""
PATHS = frozenset({"path", "paths", "dirpath", "save_dir", "folder", "dir", "root_dir", "default_root_dir"})
"""Names of arguments that are paths, relative ones included."""


def check_written_paths(cfg: DictConfig, folder: Path, file: Path) -> None:
    """Check every path that something writes to.

    Args:
        cfg: the configuration, with paths where the run is now.
        folder: of the run.
        file: of the configuration, for the message.

    Raises:
        ConfigError: a path lies outside the folder.
    """
    for name in WRITERS:
        for key, value in _texts(OmegaConf.to_container(cfg, resolve=False).get(name), name):  # type: ignore[union-attr]
            if not _is_inside(key.rpartition(".")[2], value, folder.absolute()):
                raise ConfigError(
                    f"{file} has {key}={value}, which is not in {folder}: a run writes into its own folder. Nothing "
                    "was written; correct the file if the run is yours."
                )


def _texts(node: Any, name: str) -> Iterator[tuple[str, str]]:
    """Texts in plain dicts and lists, with their full names; those of a list have the name of the list."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _texts(value, f"{name}.{key}")
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value, name)
    elif isinstance(node, str):
        yield name, node


def _is_inside(argument: str, value: str, folder: Path) -> bool:
    path = Path(value)
    if ".." in path.parts or "://" in value or value.startswith("~"):
        return False
    return path.is_relative_to(folder) if path.is_absolute() or argument in PATHS else True
