"""What makes two runs the same run."""

import hashlib
import json

from omegaconf import DictConfig, OmegaConf

from gequnet.config.build import match_widths
from gequnet.config.compose import resolve
from gequnet.config.migrations import first_form
from gequnet.runs.run_folder import checkpoint_of

TABLES = ("steps", "seeds", "images", "patches", "networks", "dims", "widths", "dropouts", "rates", "pretrained")
"""Tables of an experiment: values by budget, by dimension, by network.

They act only through what refers to them (`trainer.max_steps: ${steps.${budget}}`), so two runs may differ in them and
be the same training: another list of seeds is no other recipe.
"""


def fingerprint(cfg: DictConfig) -> str:
    """SHA-256 of what a run computes: its settled configuration without the names of things and where it writes.

    The plain network counts by its widths, whichever rule has found them.

    Args:
        cfg: as it was composed; once it is settled, the run's own folder is all over it.

    Raises:
        ConfigError: the configuration cannot be settled, or built.
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
