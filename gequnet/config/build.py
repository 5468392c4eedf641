"""Objects built from the nodes of a configuration."""

import os
from copy import deepcopy
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from gequnet.errors import ConfigError, GequnetError, first_sentence

DEBUG = "GEQUNET_DEBUG"
"""Environment variable that shows the traceback of an error in a constructor."""

_matches: dict[tuple[str, str], Any] = {}


def build(node: DictConfig, **arguments: Any) -> Any:
    """Build the object of a configuration node from its ``_target_``.

    Raises:
        GequnetError: the error of the constructor, without the exception that Hydra wraps around it.
    """
    try:
        return instantiate(node, **arguments, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, GequnetError):
            raise cause from None
        if isinstance(cause, TypeError) and "unexpected keyword argument" in str(cause):
            raise ConfigError(f"{str(cause).replace('.__init__()', '')}: leave it out of {node._target_}.") from None
        if cause is None or os.environ.get(DEBUG):
            raise
        reason = f"{type(cause).__name__}: {first_sentence(str(cause))}"
        raise ConfigError(
            f"{node._target_} cannot be built from these values ({reason}): correct them; {DEBUG}=1 in the environment "
            "shows where it fails."
        ) from None


def match_widths(cfg: DictConfig) -> Any:
    """Result of the width rule for the model: its widths, and each budget relative to the baseline.

    A process measures the networks once for each configuration of model and width.
    """
    key = OmegaConf.to_yaml(cfg.model, resolve=True), OmegaConf.to_yaml(cfg.width, resolve=True)
    if key not in _matches:

        def at_widths(widths: list[int]) -> nn.Module:
            net: nn.Module = build(cfg.model, widths=widths)
            return net

        _matches[key] = build(cfg.width).match(at_widths)
    return deepcopy(_matches[key])


def build_net(cfg: DictConfig) -> nn.Module:
    """Build the network with the widths that the width rule finds."""
    net: nn.Module = build(cfg.model, widths=match_widths(cfg).widths)
    return net
