"""Fingerprint of a run: a hash of everything that decides its result."""

import hashlib
import json

from omegaconf import DictConfig, OmegaConf

from gequnet.config.build import match_widths
from gequnet.config.compose import resolve
from gequnet.config.migrations import first_form
from gequnet.runs.run_folder import checkpoint_of

TABLES = ("steps", "seeds", "images", "patches", "networks", "dims", "widths", "dropouts", "rates", "pretrained")
"""Tables of an experiment: values by budget, by dimension, by network.

They act only through the values that refer to them (`trainer.max_steps: ${steps.${budget}}`). Two runs that differ in
nothing else, such as another list of seeds, are the same training.
"""


def fingerprint(cfg: DictConfig) -> str:
    """SHA-256 of the resolved configuration, without names and output paths.

    A network without a group enters with its widths, whichever width rule has found them.

    Args:
        cfg: as composed; a resolved one contains paths of the run's folder.

    Raises:
        ConfigError: the configuration cannot be resolved, or built.
    """
    plain = resolve(cfg, {"runs": "", "run": "", "cache": ""})
    if plain.init_from is not None:
        plain.init_from = hashlib.sha256(checkpoint_of(plain.init_from).read_bytes()).hexdigest()
    for names in ("chosen", "paths", "budget", "resume", "forecast", *TABLES):
        plain.pop(names, None)
    plain.callbacks.pop("progress", None)
    if "group" not in plain.model:
        plain.width = match_widths(plain).widths
    text = json.dumps(first_form(OmegaConf.to_container(plain)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
