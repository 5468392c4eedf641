"""A run's folder as the start of something else: what is written so that it can be read, and read it."""

import json
import logging
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf, open_dict
from pytorch_lightning.utilities import rank_zero_only
from torch import nn

from gequnet.config.build import build
from gequnet.config.migrations import upgraded
from gequnet.config.trusted_targets import check_targets
from gequnet.data.transforms.normalise import Scale
from gequnet.errors import ConfigError
from gequnet.runs.checkpoint import restore

log = logging.getLogger("gequnet")


@rank_zero_only
def save_config(cfg: DictConfig, net: Any) -> None:
    """Writes the settled configuration, the network's widths with it, so that the run can be rebuilt from it alone."""
    saved = cfg.copy()
    with open_dict(saved):
        saved.model.widths = list(net.widths)
    folder = Path(cfg.paths.run)
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(saved, folder / "config.yaml")


@rank_zero_only
def save_scale(cfg: DictConfig, scale: Scale | None) -> None:
    """Writes the scale of intensities that all images share, where there is one: it is in no configuration."""
    if scale is not None:
        numbers = {"mean": scale.shift.tolist(), "std": scale.unit.tolist()}
        (Path(cfg.paths.run) / "scale.json").write_text(json.dumps(numbers, indent=2) + "\n")


def load_scale(folder: str | Path) -> Scale | None:
    """The scale that ``save_scale`` has written, if there is one."""
    path = Path(folder) / "scale.json"
    if not path.exists():
        return None
    numbers = json.loads(path.read_text())
    return Scale(torch.tensor(numbers["mean"]), torch.tensor(numbers["std"]))


def load_config(folder: str | Path) -> DictConfig:
    """The configuration that a run's folder holds, with the names of today.

    Args:
        folder: of the run; holds ``config.yaml``.
    """
    cfg = upgraded(OmegaConf.to_container(OmegaConf.load(Path(folder) / "config.yaml"), resolve=False))
    return DictConfig(cfg)


def load_run(folder: str | Path) -> tuple[DictConfig, nn.Module]:
    """A finished run's configuration and its network with the weights of the best checkpoint, in eval mode.

    Both come from the run's own folder: today's defaults play no part.

    Args:
        folder: of the run; holds ``config.yaml`` and ``checkpoints/best.ckpt``.

    Raises:
        ConfigError: the folder is not that of a finished run, or its checkpoint cannot be read, or must not be, or its
            configuration calls for code that is not ours.
    """
    checkpoint = checkpoint_of(folder)
    cfg = load_config(folder)
    check_targets(OmegaConf.masked_copy(cfg, ["model", "inference"]), Path(folder) / "config.yaml")
    net: nn.Module = build(cfg.model)
    restore(net, checkpoint)
    return cfg, net.eval()


def checkpoint_of(folder: str | Path) -> Path:
    """The best checkpoint of a finished run.

    Raises:
        ConfigError: the folder is not that of a finished run.
    """
    recipe, checkpoint = Path(folder) / "config.yaml", Path(folder) / "checkpoints" / "best.ckpt"
    if not (recipe.exists() and checkpoint.exists()):
        raise ConfigError(
            f"{folder} is not the folder of a finished run: expected config.yaml and checkpoints/best.ckpt in it."
        )
    return checkpoint
