"""A training that was interrupted, taken up again in its own folder."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities import rank_zero_only

from gequnet.errors import ConfigError
from gequnet.runs.atomic_checkpoint_io import newest_readable
from gequnet.runs.fingerprint import fingerprint
from gequnet.runs.layout import AUTO, FINISHED
from gequnet.runs.run_folder import load_config

log = logging.getLogger("gequnet")

FINGERPRINT = "fingerprint"
LAST = "checkpoints/last.ckpt"


@dataclass(frozen=True)
class PreviousRun:
    """What an earlier start of a run has left in its folder.

    Args:
        checkpoint: from which the training goes on; None where it starts from the beginning.
        score: the best validation Dice, if the run is finished.
    """

    checkpoint: Path | None = None
    score: float | None = None


def requested_config(cfg: DictConfig) -> DictConfig:
    """The configuration to go by: what was typed, or with ``resume=FOLDER`` what the run there was started with.

    Raises:
        ConfigError: there is no run in that folder.
    """
    if cfg.resume in (None, AUTO):
        return cfg
    saved = Path(cfg.resume) / "config.yaml"
    if not saved.exists():
        raise ConfigError(
            f"resume={cfg.resume} is no folder of a run: expected config.yaml in it. Give such a folder, or "
            "resume=auto and the words with which the run was started."
        )
    recipe = load_config(cfg.resume)
    folder = str(Path(cfg.resume).absolute())
    moved = moved_to(OmegaConf.to_container(recipe, resolve=False), str(recipe.paths.run), folder)
    return DictConfig(moved | {"resume": folder})


def moved_to(node: Any, before: str, folder: str) -> Any:
    """A configuration whose files lie in another folder than they did: what a run writes goes where the run is now.

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
    """What there is in the run's folder to go on from; nothing, unless ``resume`` asks for it.

    Args:
        cfg: settled.
        digest: the fingerprint of what is to be computed.

    Raises:
        ConfigError: what is there computes something else.
    """
    if cfg.resume is None:
        return PreviousRun()
    folder = Path(cfg.paths.run)
    mark = folder / FINGERPRINT
    if mark.exists() and cfg.resume == AUTO and mark.read_text().strip() != digest:
        raise ConfigError(
            f"{folder} was started by the same words, but they mean something else now: a file of conf/, or the run "
            "that init_from names, has changed. Delete the folder to start again, or leave resume=auto out."
        )
    if (folder / FINISHED).exists():
        score = json.loads((folder / FINISHED).read_text())["val_best"]["dice"]
        log.info("%s is finished: nothing to do. Delete it to start again.", folder)
        return PreviousRun(score=score)
    checkpoint, complaints = newest_readable(folder / LAST)
    for complaint in complaints:
        log.warning("%s", complaint)
    log.info("goes on from %s" if checkpoint else "nothing to go on from in %s: starts", checkpoint or folder)
    return PreviousRun(checkpoint)


def run_fingerprint(cfg: DictConfig) -> str:
    """The fingerprint of what is to be computed; of the run that ``resume=FOLDER`` names, that of what was asked for.

    There the configuration has what was found since, widths and a batch, say.
    """
    written = Path(cfg.resume or "") / FINGERPRINT
    return written.read_text().strip() if cfg.resume not in (None, AUTO) and written.exists() else fingerprint(cfg)


@rank_zero_only
def write_fingerprint(cfg: DictConfig, digest: str) -> None:
    """Writes down what the run computes, for whoever takes it up again."""
    path = Path(cfg.paths.run) / FINGERPRINT
    if not path.exists() or path.read_text().strip() != digest:  # another process may be reading it
        path.write_text(digest + "\n")
