"""Check of the classes and functions that a configuration from a file would call, and of their arguments."""

import inspect
import os
import re
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gequnet.config.nodes import OF_HYDRA, built_nodes
from gequnet.config.reviewed_targets import ROOTS, conf_targets, identity, reviewed
from gequnet.errors import ConfigError

VARIABLE = "GEQUNET_TRUST"

_NAME = re.compile(r"([A-Za-z]\w*\.)+[A-Za-z]\w*", re.ASCII)


def check_targets(node: DictConfig, path: Path) -> None:
    """Check that a configuration calls nothing but the reviewed list, with arguments that exist.

    Other classes are allowed by their full names in an environment variable: ``GEQUNET_TRUST=nets.Net,losses.Loss``.

    Args:
        node: the configuration to build, without interpolations.
        path: path of its file, for the message.

    Raises:
        ConfigError: the configuration would call something else.
    """
    trusted = {name.strip() for name in os.environ.get(VARIABLE, "").split(",")} - {""}
    found = [each for _, each in built_nodes(OmegaConf.to_container(node, resolve=False))]
    unknown = [name for each in found if (name := str(each["_target_"])) not in trusted and _reviewed(name) is None]
    if unknown:
        names = ",".join(dict.fromkeys(unknown))
        raise ConfigError(
            f"{path} would call {unknown[0]}, which is not on gequnet's list. Nothing was called. If the run is yours, "
            f"or you trust its author, set the environment variable {VARIABLE}={names}."
        )
    for each in found:
        if str(each["_target_"]) not in trusted:
            _check_arguments(each, path)


def _reviewed(name: str) -> Any:
    """The class or function of this name, if it is on the list; no other module is imported or looked into."""
    module, _, attribute = name.rpartition(".")
    root = name.partition(".")[0]
    if root not in ROOTS or not _NAME.fullmatch(name):
        return None
    allowed = reviewed(root)
    if name in conf_targets() or module in {each.rpartition(".")[0] for each in conf_targets()}:
        home = import_module(module)
    else:
        home = sys.modules.get(module)  # type: ignore[assignment]
    found = getattr(home, attribute, None)
    known = callable(found) and hasattr(found, "__qualname__") and allowed.get(identity(found)) is found
    return found if known and home.__name__ == module else None


def _check_arguments(node: Mapping[str, Any], path: Path) -> None:
    """Check that the arguments have names, and that the class or function has arguments of these names."""
    target = str(node["_target_"])
    parameters = inspect.signature(_reviewed(target)).parameters
    free = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values())
    for name in node:
        if name == "_args_" or (name not in OF_HYDRA and name not in parameters and not free):
            raise ConfigError(f"{path} gives {target} an argument {name}, which it does not have. Nothing was called.")
