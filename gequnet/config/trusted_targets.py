"""Whose code a configuration may call: that of a run from elsewhere could otherwise call anything."""

import os
from collections.abc import Iterator
from pathlib import Path

from omegaconf import DictConfig, ListConfig

from gequnet.errors import ConfigError

OURS = ("gequnet.", "torch.nn.", "torch.optim.", "pytorch_lightning.")
VARIABLE = "GEQUNET_TRUST"


def check_targets(node: DictConfig, path: Path) -> None:
    """Sees that a configuration from a file builds nothing but what gequnet's own do.

    Packages of one's own are named in the environment: ``GEQUNET_TRUST=mynets,mylosses``.

    Args:
        node: what is about to be built.
        path: of the file, for the message.

    Raises:
        ConfigError: it would call something else.
    """
    named = [f"{name.strip()}." for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]
    for target in targets(node):
        if not target.startswith((*OURS, *named)):
            package = target.partition(".")[0]
            raise ConfigError(
                f"{path} would call {target}, which is not part of gequnet. Nothing was called. If the run is yours, "
                f"or you trust whom it came from, say so with {VARIABLE}={package} in the environment."
            )


def targets(node: object) -> Iterator[str]:
    """What a configuration calls, at any depth.

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
