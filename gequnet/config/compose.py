"""Configurations: composed from ``conf/`` and overrides, and resolved into plain values."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException

from gequnet.config.migrations import current_words
from gequnet.config.secrets import refuse_secrets
from gequnet.errors import ConfigError, first_sentence, train_command

PACKAGE = Path(str(resources.files("gequnet"))).resolve()
CONF = PACKAGE / "conf" if (PACKAGE / "conf").exists() else PACKAGE.parent / "conf"
"""Folder of the configurations: an installed package has its own copy, a checkout has the folder beside it."""

# A default: ${unless:${.max_epochs},1000,-1} is 1000 unless max_epochs has a value, and then -1.
# `replace`: a process of a parallel sweep starts with the resolvers of the first.
OmegaConf.register_new_resolver(
    "unless", lambda given, value, otherwise: value if given is None else otherwise, replace=True
)

# The command of a training, for the help.
OmegaConf.register_new_resolver("train_command", train_command, replace=True)

# The length of a list: num_classes: ${count:${.class_names}}, so that the names are enough.
OmegaConf.register_new_resolver("count", len, replace=True)

# The classes of a palette, or one class without it: class_names: ${classes:${.source.palette},foreground}
OmegaConf.register_new_resolver("classes", lambda palette, one: _class_names(palette, one), replace=True)

# An entry of a table: head: ${pick:${.source.classes},{foreground:sigmoid,all:softmax}}
OmegaConf.register_new_resolver("pick", lambda row, table: _pick(row, table), replace=True)


def compose(overrides: list[str]) -> DictConfig:
    """The configuration of ``python run.py <overrides>``, for notebooks and tests; ``paths.run=`` gives its folder."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = hydra_compose("config", current_words(overrides), return_hydra_config=True)
    return task_config(cfg)


def arms_of(overrides: list[str]) -> dict[str, list[str]]:
    """Arms of an experiment: the overrides of each by its name, given further overrides.

    >>> arms_of(["experiment=scale_shift", "data=phantom_tumours2d"])["U-Net + rescale"]
    ['model=unet', 'augment=rescale']
    """
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = hydra_compose("config", current_words(overrides), return_hydra_config=True)
    return {str(name): list(typed) for name, typed in (cfg.hydra.sweeper.arms or {}).items()}


def task_config(cfg: DictConfig) -> DictConfig:
    """A composed configuration without Hydra's node, to which its interpolations still refer."""
    HydraConfig.instance().set_config(cfg)
    with open_dict(cfg):
        del cfg["hydra"]
    return cfg


def _class_names(palette: Any, one: str) -> list[str]:
    """Names of a palette; the one class without it, or in place of what is no palette and is refused later."""
    return [str(name) for name in palette] if palette and isinstance(palette, Mapping) else [one]


def _pick(row: str, table: dict[str, Any]) -> Any:
    if row not in table:
        raise ConfigError(f"{row} is none of {', '.join(table)}: take one of these.")
    return table[row]


def resolve(cfg: DictConfig, paths: dict[str, str] | None = None) -> DictConfig:
    """The configuration with every interpolation replaced by its value, and with absolute paths.

    Args:
        cfg: the composed configuration.
        paths: values for some of ``cfg.paths``.

    Raises:
        ConfigError: a value refers to something that does not exist, or is a secret.
    """
    if paths:
        cfg = cfg.copy()
        cfg.paths.update(paths)
    try:
        plain = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except InterpolationKeyError as error:
        raise ConfigError(
            f"{error.full_key} refers to a value that does not exist ({first_sentence(str(error.msg))}): correct its "
            "name, or rename the folder if ${ is part of a path."
        ) from None
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
