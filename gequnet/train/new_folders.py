"""Folders that Hydra makes for a run: a command that is refused before it writes anything leaves none behind."""

import logging
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

HYDRA = ".hydra"
"""Folder of Hydra's own files in the folder of a run."""
LOG = "run.log"
"""Log file, in which warnings before the refusal may be."""


class NewFolders(Callback):
    """Note which folders a run makes, before Hydra makes them. In a sweep each job keeps its folder."""

    made: ClassVar[list[Path]] = []
    before: ClassVar[set[Path]] = set()

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Note the run's folder and those around it, the innermost first, as far as they do not exist.

        Of a folder that exists, which is that of a run to continue, note what it holds.
        """
        try:
            folder = _run_folder(config)
        except OmegaConfBaseException:  # Hydra is about to refuse the name, before it makes a folder
            return
        NewFolders.made = [each for each in (folder / HYDRA, folder, *folder.parents) if not each.exists()]
        NewFolders.before = set(folder.glob("*"))


def remove_new_folders() -> None:
    """Remove the noted folders if the run has written nothing into them."""
    folders, NewFolders.made = NewFolders.made, []
    if not folders or folders[0].name != HYDRA:
        return
    log = folders[0].parent / LOG
    if not set(folders[0].parent.glob("*")) - NewFolders.before <= {folders[0], log}:
        return
    shutil.rmtree(folders[0], ignore_errors=True)  # another process may do the same
    if log not in NewFolders.before:
        _stop_logging_into(log)
        log.unlink(missing_ok=True)
    with suppress(OSError):  # of a folder that is not empty, or gone
        for folder in folders[1:]:
            folder.rmdir()


def _stop_logging_into(path: Path) -> None:
    """Close the log file, as its folder is about to go."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, logging.FileHandler)]:
        if Path(handler.baseFilename) == path:
            root.removeHandler(handler)
            handler.close()


def _run_folder(config: DictConfig) -> Path:
    """The folder that Hydra will make; its name is computed from Hydra's own configuration."""
    hydra = HydraConfig.instance()
    before = hydra.cfg
    hydra.set_config(config)
    try:
        return Path(config.hydra.run.dir).absolute()
    finally:
        hydra.cfg = before
