"""Continuation of an interrupted training in its own folder."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities import rank_zero_only

from gequnet.config.run_paths import check_written_paths
from gequnet.config.trusted_targets import check_targets
from gequnet.errors import ConfigError
from gequnet.runs.atomic_checkpoint_io import newest_readable
from gequnet.runs.fingerprint import fingerprint
from gequnet.runs.ignored_words import refuse_ignored
from gequnet.runs.layout import AUTO, RunFolder
from gequnet.runs.run_folder import load_config

log = logging.getLogger("gequnet")


@dataclass(frozen=True)
class PreviousRun:
    """Result of an earlier start of a run in the same folder.

    Args:
        checkpoint: from which the training continues; None if it starts from the beginning.
        score: the best validation Dice, if the run is finished; nan if it is undefined.
    """

    checkpoint: Path | None = None
    score: float | None = None


def requested_config(cfg: DictConfig) -> DictConfig:
    """The configuration of the command line, or with ``resume=FOLDER`` the one that the run in the folder has saved.

    Raises:
        ConfigError: there is no run in that folder, or further words say something else than the folder.
    """
    if cfg.resume in (None, AUTO):
        return cfg
    if not RunFolder(cfg.resume).is_run:
        raise ConfigError(
            f"resume={cfg.resume} is no folder of a run: expected config.yaml in it. Give such a folder, or "
            "resume=auto with the command that started the run."
        )
    recipe = load_config(cfg.resume)
    refuse_ignored(cfg, recipe)
    moved = safe_config(cfg.resume, recipe)
    moved.resume = moved.paths.run
    return moved


def safe_config(folder: str | Path, recipe: DictConfig) -> DictConfig:
    """The configuration that a run in this folder has saved, checked to be safe, with paths where the folder is now.

    Args:
        folder: of the run.
        recipe: the configuration as saved.

    Raises:
        ConfigError: it would call what is not on the list, or write outside the folder.
    """
    here = Path(folder).absolute()
    moved = DictConfig(moved_to(OmegaConf.to_container(recipe), str(recipe.paths.run), str(here)))
    file = RunFolder(folder).config
    check_targets(moved, file)
    check_written_paths(moved, here, file)
    return moved


def moved_to(node: Any, before: str, folder: str) -> Any:
    """A configuration with every path inside the folder ``before`` moved to ``folder``.

    >>> moved_to({"path": "/old/run/history.csv", "data": "/old/data", "images": [4]}, "/old/run", "/new")
    {'path': '/new/history.csv', 'data': '/old/data', 'images': [4]}
    """
    if isinstance(node, dict):
        return {name: moved_to(value, before, folder) for name, value in node.items()}
    if isinstance(node, list):
        return [moved_to(value, before, folder) for value in node]
    inside = isinstance(node, str) and (node == before or node.startswith(f"{before}/"))
    return folder + node[len(before) :] if inside else node


def find_previous(cfg: DictConfig, digest: str) -> PreviousRun:
    """Checkpoint or score of an earlier start in the run's folder; nothing without ``resume``.

    Args:
        cfg: resolved.
        digest: fingerprint of the requested run.

    Raises:
        ConfigError: the folder holds a run with another fingerprint.
    """
    if cfg.resume is None:
        return PreviousRun()
    folder = RunFolder(cfg.paths.run)
    if cfg.resume == AUTO and folder.read_fingerprint() not in (None, digest):
        raise ConfigError(
            f"{folder.path} was started by the same command, which describes another run now: a file of conf/, or the "
            "run that init_from names, has changed. Delete the folder to start again, or leave resume=auto out."
        )
    if folder.is_finished:
        log.info("%s is finished: nothing to do. Delete it to start again.", folder.path)
        return PreviousRun(score=folder.read_best_dice())
    checkpoint, problems = newest_readable(folder.last_checkpoint)
    for problem in problems:
        log.warning("%s", problem)
    log.info("resumes from %s" if checkpoint else "no checkpoint in %s: starts anew", checkpoint or folder.path)
    return PreviousRun(checkpoint)


def run_fingerprint(cfg: DictConfig) -> str:
    """Fingerprint of the requested run; with ``resume=FOLDER`` the one that the folder holds.

    The saved configuration also has values that were found later, such as widths and batch size, so its own
    fingerprint would be another one.
    """
    saved = None if cfg.resume in (None, AUTO) else RunFolder(cfg.resume).read_fingerprint()
    return fingerprint(cfg) if saved is None else saved


@rank_zero_only
def write_fingerprint(cfg: DictConfig, digest: str) -> None:
    """Write the fingerprint into the run's folder, unless it is there: another process may be reading it."""
    folder = RunFolder(cfg.paths.run)
    if folder.read_fingerprint() != digest:
        folder.fingerprint.write_text(digest + "\n")
