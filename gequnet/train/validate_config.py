"""Validation of a configuration before a run: values are in range, and the parts fit together."""

import os
from typing import Any, get_args, get_type_hints

from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

from gequnet.config.build import build
from gequnet.config.check_values import check_values
from gequnet.config.compose import CONF
from gequnet.distributed import launched_world_size
from gequnet.errors import ConfigError, unknown_choice
from gequnet.heads import HEADS
from gequnet.metrics.scores import threshold_scores


def validate_config(cfg: DictConfig) -> None:
    """Refuse a configuration that composes but cannot work.

    Raises:
        ConfigError: a value is out of range, or two parts do not fit; the message gives the remedy.
    """
    _check_budget(cfg)
    _check_group(cfg)
    check_values(cfg)
    _check_end(cfg)
    _check_dimension(cfg)
    _check_head(cfg)
    _check_loss(cfg)
    _check_threshold(cfg)
    _check_auto_batch(cfg)
    _check_nodes(cfg)


def _check_end(cfg: DictConfig) -> None:
    if cfg.trainer.max_epochs is None and cfg.trainer.max_steps < 1:
        raise ConfigError(
            f"trainer.max_steps={cfg.trainer.max_steps} sets no end of the training: give trainer.max_steps or "
            "trainer.max_epochs a number above 0."
        )


def _check_budget(cfg: DictConfig) -> None:
    if cfg.budget not in cfg.steps:
        raise ConfigError(unknown_choice("budget", str(cfg.budget), [str(name) for name in cfg.steps]))


def _check_group(cfg: DictConfig) -> None:
    reads_group = "group" in cfg.model
    has_group = bool(cfg.get("group"))
    if has_group and not reads_group:
        raise ConfigError(
            f"model={cfg.chosen.model} has no group and cannot use group={cfg.chosen.group}: leave group= out for the "
            "plain network, or take model=e2unet for one that is equivariant under a group."
        )
    if reads_group and not has_group:
        raise ConfigError(
            f"model={cfg.chosen.model} needs a group: take for example group=c8. group=c1 is the trivial group, and "
            "model=unet is the network without a group."
        )
    if reads_group:
        _check_kind_of_group(cfg)


def _check_kind_of_group(cfg: DictConfig) -> None:
    """Compare the kind of group with the type hint in the constructor of the network."""
    constructor = vars(get_class(cfg.model._target_))["__init__"]
    hint = get_type_hints(constructor)["group"]
    kinds = get_args(hint) or (hint,)
    if not issubclass(get_class(cfg.group._target_), kinds):
        names = " or ".join(kind.__name__ for kind in kinds if kind is not str)
        raise ConfigError(
            f"model={cfg.chosen.model} works with a {names}, and group={cfg.chosen.group} is a "
            f"{get_class(cfg.group._target_).__name__}: leave group= out for the default of the model, or take another."
        )


def _check_dimension(cfg: DictConfig) -> None:
    dims = cfg.model.get("spatial_dims", 2)
    if dims != cfg.data.spatial_dims:
        raise ConfigError(
            f"model={cfg.chosen.model} is a {dims}-D network and data={cfg.chosen.data} is {cfg.data.spatial_dims}-D: "
            f"choose a {cfg.data.spatial_dims}-D model, or {dims}-D data."
        )
    if cfg.get("tta") and dims != 2:
        raise ConfigError(
            f"tta={cfg.chosen.tta} rotates 2-D images and data={cfg.chosen.data} is {dims}-D: leave tta= out."
        )


def _check_head(cfg: DictConfig) -> None:
    if cfg.data.head == "softmax" and cfg.data.num_classes < 2:
        raise ConfigError(
            f"data={cfg.chosen.data} has num_classes={cfg.data.num_classes} and head=softmax, which needs two "
            "classes or more (a softmax over one class is always 1): set data.head=sigmoid."
        )


def _check_loss(cfg: DictConfig) -> None:
    loss, head = get_class(cfg.loss._target_), cfg.data.head
    if head not in getattr(loss, "heads", HEADS):
        fitting = [name for name, each in _losses().items() if head in each.heads]
        raise ConfigError(
            f"loss={cfg.chosen.loss} does not fit head={head} of data={cfg.chosen.data}: choose "
            f"loss={', '.join(fitting)}."
        )
    if cfg.data.get("weights") and not getattr(loss, "weighted", False):
        fitting = [name for name, each in _losses().items() if each.weighted and head in each.heads]
        raise ConfigError(
            f"data.weights are weights of single pixels, and loss={cfg.chosen.loss} is not a mean over pixels: choose "
            f"loss={', '.join(fitting)}, or set data.weights=null."
        )


def _losses() -> dict[str, Any]:
    """Classes of ``conf/loss/``, by the names of their files."""
    return {path.stem: get_class(OmegaConf.load(path)._target_) for path in sorted((CONF / "loss").glob("*.yaml"))}


def _check_nodes(cfg: DictConfig) -> None:
    nodes = cfg.trainer.get("num_nodes", 1)
    if nodes > 1 and launched_world_size(os.environ) is None:
        raise ConfigError(
            f"trainer.num_nodes={nodes} needs a launcher that starts the processes on every node: put torchrun or srun "
            "in front of the command, see docs/scale_out.md."
        )


def _check_threshold(cfg: DictConfig) -> None:
    score = cfg.threshold_by
    if score is None:
        return
    scores = threshold_scores(_extra_scores(cfg))
    if score not in scores:
        raise ConfigError(unknown_choice("threshold_by", str(score), list(scores)))
    if cfg.data.head != "sigmoid":
        raise ConfigError(
            f"threshold_by={score} chooses the threshold of sigmoids, and data={cfg.chosen.data} has "
            f"head={cfg.data.head}, which takes the likeliest class: leave threshold_by= out."
        )
    record = scores[score]
    if record.of_masks and record.only_with and not cfg.scoring.get(record.only_with, True):
        raise ConfigError(
            f"threshold_by={score} is only for data with scoring.{record.only_with}=true, which "
            f"data={cfg.chosen.data} does not have: choose another score, for example dice, or set "
            f"scoring.{record.only_with}=true."
        )


def _extra_scores(cfg: DictConfig) -> list[Any]:
    """The scores from outside the package that the configuration names."""
    nodes = (cfg.get("metrics") or {}).get("extra_scores") or {}
    return [build(node) for node in nodes.values()]


def _check_auto_batch(cfg: DictConfig) -> None:
    one_device = cfg.trainer.devices in (1, "1") and cfg.trainer.get("num_nodes", 1) == 1
    if cfg.auto_batch and not one_device:
        raise ConfigError(
            f"auto_batch=true searches the largest batch for one device, and trainer.devices={cfg.trainer.devices} may "
            "be several: run it once with trainer.devices=1, then give its result as data.batch_size."
        )
