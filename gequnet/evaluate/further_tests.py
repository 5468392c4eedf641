"""Callbacks of a run for a further test of its network: on other data, or with test-time augmentation."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig

from gequnet.config.build import build
from gequnet.runs.callback_outputs import Stage, takes_part


def callbacks_for(stage: Stage, cfg: DictConfig, folder: Path) -> list[pl.Callback]:
    """New callbacks of a run for a stage, see ``gequnet.runs.callback_outputs``.

    Args:
        stage: of the further test.
        cfg: the run's configuration. A callback with an argument ``metrics`` gets ``cfg.metrics``.
        folder: for files. A callback with an argument ``path`` writes there, under the same name.
    """
    callbacks = [build(node, **_changes(node, cfg, folder)) for node in cfg.callbacks.values()]
    return [callback for callback in callbacks if takes_part(callback, stage)]


def _changes(node: DictConfig, cfg: DictConfig, folder: Path) -> dict[str, Any]:
    changes: dict[str, Any] = {"path": str(folder / Path(node.path).name)} if "path" in node else {}
    return changes | ({"metrics": cfg.metrics} if "metrics" in node else {})
