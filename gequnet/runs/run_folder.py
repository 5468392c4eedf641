"""Configuration, intensity scale and network of a run, saved in its folder and loaded from it."""

import json
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf, open_dict
from pytorch_lightning.utilities import rank_zero_only
from torch import nn

from gequnet.config.build import build
from gequnet.config.saved_config import read_saved_config
from gequnet.config.trusted_targets import check_targets
from gequnet.data.transforms.normalise import Scale
from gequnet.errors import ConfigError
from gequnet.runs.checkpoint import restore
from gequnet.runs.damaged_file import DamagedFileError, reading
from gequnet.runs.layout import RunFolder, read_json


@rank_zero_only
def save_config(cfg: DictConfig, net: Any) -> None:
    """Write the resolved configuration with the network's widths, from which alone the run can be rebuilt."""
    saved = cfg.copy()
    with open_dict(saved):
        saved.model.widths = list(net.widths)
    folder = RunFolder(cfg.paths.run)
    folder.path.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(saved, folder.config)


@rank_zero_only
def save_scale(cfg: DictConfig, scale: Scale | None) -> None:
    """Write the intensity scale that all images share, if there is one; no configuration contains it."""
    if scale is not None:
        numbers = {"mean": scale.shift.tolist(), "std": scale.unit.tolist()}
        RunFolder(cfg.paths.run).scale.write_text(json.dumps(numbers, indent=2) + "\n")


def load_scale(folder: str | Path) -> Scale | None:
    """The scale that ``save_scale`` has written, if there is one."""
    path = RunFolder(folder).scale
    if not path.exists():
        return None
    numbers = read_json(path)
    with reading(path):
        shift, unit = (torch.tensor(numbers[name], dtype=torch.float32) for name in ("mean", "std"))
    if not (shift.ndim == 1 and shift.shape == unit.shape and shift.isfinite().all() and unit.isfinite().all()):
        raise DamagedFileError(path, "mean and std are not finite numbers, one for each channel")
    return Scale(shift, unit)


def load_config(folder: str | Path) -> DictConfig:
    """The configuration in a run's folder, with today's names.

    Args:
        folder: of the run; holds ``config.yaml``.

    Raises:
        ConfigError: the file is damaged, or no configuration that a run has saved.
    """
    return DictConfig(read_saved_config(RunFolder(folder).config))


def load_run(folder: str | Path) -> tuple[DictConfig, nn.Module]:
    """Configuration of a finished run, and its network with the weights of the best checkpoint, in eval mode.

    Both come from the run's own folder; today's defaults are not used.

    Args:
        folder: of the run; holds ``config.yaml`` and ``checkpoints/best.ckpt``.

    Raises:
        ConfigError: the folder is not that of a finished run, its checkpoint is damaged or not safe to read, or its
            configuration calls code that is not trusted.
    """
    checkpoint = checkpoint_of(folder)
    cfg = load_config(folder)
    check_targets(OmegaConf.masked_copy(cfg, ["model", "inference"]), RunFolder(folder).config)
    net: nn.Module = build(cfg.model)
    restore(net, checkpoint)
    return cfg, net.eval()


def checkpoint_of(folder: str | Path) -> Path:
    """Path of the best checkpoint of a finished run.

    Raises:
        ConfigError: the folder is not that of a finished run.
    """
    run = RunFolder(folder)
    if not (run.is_run and run.best_checkpoint.exists()):
        raise ConfigError(
            f"{folder} is not the folder of a finished run: expected config.yaml and checkpoints/best.ckpt in it."
        )
    return run.best_checkpoint
