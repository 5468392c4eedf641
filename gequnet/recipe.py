"""Whether the parts of a recipe fit together, found out before anything is computed."""

from typing import Any

from omegaconf import DictConfig

from gequnet.advice import unknown_choice
from gequnet.errors import ConfigError


def check(cfg: DictConfig) -> None:
    """Refuses a configuration that composes but makes no sense.

    Raises:
        ConfigError: says what does not fit and what to type instead.
    """
    _check_budget(cfg)
    _check_group(cfg)
    _check_dimension(cfg)
    _check_head(cfg)


def _check_budget(cfg: DictConfig) -> None:
    if cfg.budget not in cfg.steps:
        raise ConfigError(unknown_choice("budget", cfg.budget, [str(name) for name in cfg.steps]))


def _check_group(cfg: DictConfig) -> None:
    reads_group = "group" in cfg.model
    has_group = bool(cfg.get("group"))
    if has_group and not reads_group:
        raise ConfigError(
            f"{_net(cfg)} has no group and cannot use {_group(cfg)}: leave group= out for the plain network, or "
            "take model=e2unet for one that is equivariant under a group."
        )
    if reads_group and not has_group:
        raise ConfigError(
            f"{_net(cfg)} needs a group: take group=c8, say; group=c1 is the trivial group, and model=unet the "
            "network without one."
        )


def _check_dimension(cfg: DictConfig) -> None:
    dims = cfg.model.get("spatial_dims", 2)
    if dims != cfg.data.spatial_dims:
        raise ConfigError(
            f"{_net(cfg)} is a {dims}-D network and data={cfg.data.name} is {cfg.data.spatial_dims}-D: choose a "
            f"{cfg.data.spatial_dims}-D model, or {dims}-D data."
        )


def _check_head(cfg: DictConfig) -> None:
    if cfg.data.head == "softmax" and cfg.data.num_classes < 2:
        raise ConfigError(
            f"data={cfg.data.name} has num_classes={cfg.data.num_classes} and head=softmax, which needs two classes or "
            "more (a softmax over one is 1 for ever): set data.head=sigmoid."
        )


def _net(cfg: DictConfig) -> str:
    return f"The network {str(cfg.model._target_).rpartition('.')[2]}"


def _group(cfg: DictConfig) -> str:
    group: Any = cfg.group
    return f"group={group.get('name', group)}" if isinstance(group, DictConfig) else f"group={group}"
