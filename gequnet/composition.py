"""Configurations: composed from conf/ and what was typed, settled into plain values, built into objects, explained."""

from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from gequnet.advice import composition_advice, first_sentence
from gequnet.errors import ConfigError, GequnetError
from gequnet.secrets import refuse_secrets

CONF = Path(__file__).resolve().parents[1] / "conf"

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
        cfg = hydra_compose("config", overrides, return_hydra_config=True)
    return task_config(cfg)


def arms_of(overrides: list[str]) -> dict[str, list[str]]:
    """What an experiment compares: the name of each arm, and what would be typed for it, given these overrides.

    >>> arms_of(["experiment=scale_shift", "data=phantom_tumours2d"])["U-Net + rescale"]
    ['model=unet', 'augment=rescale']
    """
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = hydra_compose("config", overrides, return_hydra_config=True)
    return {str(name): list(typed) for name, typed in (cfg.hydra.sweeper.arms or {}).items()}


def task_config(cfg: DictConfig) -> DictConfig:
    """Our part of a composed configuration; Hydra's own becomes what its interpolations refer to."""
    HydraConfig.instance().set_config(cfg)
    with open_dict(cfg):
        del cfg["hydra"]
    return cfg


def explain(error: Exception, overrides: list[str] | None = None) -> str:
    """One sentence about a mistake in the configuration or the data, with the nearest names where one is unknown."""
    said: BaseException | None = error
    while isinstance(said, OmegaConfBaseException):  # around what a resolver has said
        said = said.__context__
    if isinstance(said, GequnetError):
        return first_sentence(str(said))
    names = [name for name in value_names(overrides or []) if "._" not in name]
    return composition_advice(str(error), choices(), names)


def choices() -> dict[str, list[str]]:
    """For each group of ``conf/`` what can be chosen."""
    found: dict[str, list[str]] = {}
    for path in sorted(CONF.glob("*/*.yaml")):
        found.setdefault(path.parent.name, []).append(path.stem)
    return found


def value_names(overrides: list[str]) -> list[str]:
    """Every value of the configuration, with dots, given those choices among the overrides that exist."""
    known = choices()
    chosen = [text for text in overrides if text.partition("=")[2] in known.get(text.partition("=")[0], ())]
    try:
        cfg = compose(chosen)
    except HydraException:
        cfg = compose([])
    return list(_names(cfg, ""))


def _pick(row: str, table: dict[str, Any]) -> Any:
    if row not in table:
        raise ConfigError(f"{row} is none of {', '.join(table)}: take one of these.")
    return table[row]


def _names(node: Any, prefix: str) -> list[str]:
    if not isinstance(node, DictConfig):
        return [prefix]
    below = [_names(node._get_node(key), f"{prefix}.{key!s}".lstrip(".")) for key in node]
    return [name for names in below for name in names]


def settle(cfg: DictConfig, paths: dict[str, str] | None = None) -> DictConfig:
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


def build(node: DictConfig, **arguments: Any) -> Any:
    """The object that a node of the configuration describes.

    Raises:
        GequnetError: what the constructor itself raised, without Hydra's wrapping.
    """
    try:
        return instantiate(node, **arguments, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, GequnetError):
            raise cause from None
        if isinstance(cause, TypeError) and "unexpected keyword argument" in str(cause):
            raise ConfigError(f"{str(cause).replace('.__init__()', '')}: leave it out of {node._target_}.") from None
        raise
