"""Configurations: composed from conf/ and what was typed, settled into plain values, built into objects, explained."""

from importlib import resources
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from gequnet.config.migrations import current_words
from gequnet.config.secrets import refuse_secrets
from gequnet.errors import ConfigError, first_sentence

PACKAGE = Path(str(resources.files("gequnet"))).resolve()
CONF = PACKAGE / "conf" if (PACKAGE / "conf").exists() else PACKAGE.parent / "conf"
"""Folder of the configurations: an installed package has its own copy, a checkout has the folder beside it."""

# A value for where nothing else is given: ${unless:${.max_epochs},1000,-1} is 1000 unless max_epochs has a value.
# It may be there already in a process of a parallel sweep, which starts with the state of the first.
OmegaConf.register_new_resolver(
    "unless", lambda given, value, otherwise: value if given is None else otherwise, replace=True
)

# How many there are: num_classes: ${count:${.class_names}}, so that naming them is enough.
OmegaConf.register_new_resolver("count", len, replace=True)

# The classes that a palette names, or one: class_names: ${classes:${.source.palette},foreground}
OmegaConf.register_new_resolver(
    "classes", lambda palette, one: [str(name) for name in palette] if palette else [one], replace=True
)

# A row of a table: head: ${pick:${.source.classes},{foreground:sigmoid,all:softmax}}
OmegaConf.register_new_resolver("pick", lambda row, table: _pick(row, table), replace=True)


def compose(overrides: list[str]) -> DictConfig:
    """The configuration of ``python run.py <overrides>``, for notebooks and tests; say where with ``paths.run=``."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = hydra_compose("config", current_words(overrides), return_hydra_config=True)
    return task_config(cfg)


def arms_of(overrides: list[str]) -> dict[str, list[str]]:
    """What an experiment compares: the name of each arm, and what would be typed for it, given these overrides.

    >>> arms_of(["experiment=scale_shift", "data=phantom_tumours2d"])["U-Net + rescale"]
    ['model=unet', 'augment=rescale']
    """
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = hydra_compose("config", current_words(overrides), return_hydra_config=True)
    return {str(name): list(typed) for name, typed in (cfg.hydra.sweeper.arms or {}).items()}


def task_config(cfg: DictConfig) -> DictConfig:
    """Our part of a composed configuration; Hydra's own becomes what its interpolations refer to."""
    HydraConfig.instance().set_config(cfg)
    with open_dict(cfg):
        del cfg["hydra"]
    return cfg


def _pick(row: str, table: dict[str, Any]) -> Any:
    if row not in table:
        raise ConfigError(f"{row} is none of {', '.join(table)}: take one of these.")
    return table[row]


def resolve(cfg: DictConfig, paths: dict[str, str] | None = None) -> DictConfig:
    """The configuration with every interpolation replaced by its value and paths that hold in any folder.

    Args:
        cfg: as it was composed.
        paths: values for some of ``cfg.paths``.

    Raises:
        ConfigError: a value refers to something that does not exist, or is a secret.
    """
    if paths:
        cfg = cfg.copy()
        cfg.paths.update(paths)
    try:
        plain = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError(first_sentence(str(error))) from None
    assert isinstance(plain, dict)
    refuse_secrets(plain)
    settled = DictConfig(plain)
    for name in ("data", "runs", "run"):
        settled.paths[name] = str(Path(settled.paths[name]).expanduser().absolute())
    if settled.init_from is not None:
        settled.init_from = str(Path(settled.init_from).expanduser().absolute())
    return settled
