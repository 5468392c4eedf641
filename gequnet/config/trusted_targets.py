"""Packages that a configuration may call; otherwise the configuration of a downloaded run could call any code."""

import os
from collections.abc import Iterator
from pathlib import Path

from omegaconf import DictConfig, ListConfig

from gequnet.errors import ConfigError

OURS = ("gequnet.", "torch.nn.", "torch.optim.", "pytorch_lightning.")
VARIABLE = "GEQUNET_TRUST"


def check_targets(node: DictConfig, path: Path) -> None:
    """Check that a configuration from a file only calls gequnet and the libraries that its own configurations use.

    Other packages are allowed by an environment variable: ``GEQUNET_TRUST=mynets,mylosses``.

    Args:
        node: the configuration to build.
        path: path of its file, for the message.

    Raises:
        ConfigError: the configuration would call something else.
    """
    named = [f"{name.strip()}." for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]
    for target in targets(node):
        if not target.startswith((*OURS, *named)):
            package = target.partition(".")[0]
            raise ConfigError(
                f"{path} would call {target}, which is not part of gequnet. Nothing was called. If the run is yours, "
                f"or you trust its author, set the environment variable {VARIABLE}={package}."
            )


def targets(node: object) -> Iterator[str]:
    """All ``_target_`` values of a configuration, at any depth.

    >>> list(targets(DictConfig({"a": {"_target_": "torch.nn.ReLU"}, "b": [{"_target_": "os.system"}]})))
    ['torch.nn.ReLU', 'os.system']
    """
    if isinstance(node, DictConfig):
        if "_target_" in node:
            yield str(node._target_)
        for name in node:
            yield from targets(node[name])
    elif isinstance(node, ListConfig):
        for each in node:
            yield from targets(each)
