"""Check that a configuration from a file lets callbacks, loggers and trainer write into the run's own folder only."""

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from gequnet.config.nodes import texts
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
        for key, value in texts(OmegaConf.to_container(cfg, resolve=False).get(name), name):  # type: ignore[union-attr]
            if not _is_inside(key.rpartition(".")[2], value, folder.absolute()):
                raise ConfigError(
                    f"{file} has {key}={value}, which is not in {folder}: a run writes into its own folder. Nothing "
                    "was written; correct the file if the run is yours."
                )


def _is_inside(argument: str, value: str, folder: Path) -> bool:
    path = Path(value)
    if ".." in path.parts or "://" in value or value.startswith("~"):
        return False
    return path.is_relative_to(folder) if path.is_absolute() or argument in PATHS else True
