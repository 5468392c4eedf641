"""Folder of a run with a network of random weights, made without training."""

from pathlib import Path

import torch

from gequnet.config.build import build_net
from gequnet.config.compose import compose, resolve
from gequnet.runs.run_folder import save_config


def make_run(folder: Path, *overrides: str) -> Path:
    """Make a folder like that of a finished run, with the configuration of ``overrides``, for ``gequnet.load``."""
    cfg = resolve(compose([f"paths.run={folder}", *overrides]))
    torch.manual_seed(0)
    net = build_net(cfg)
    save_config(cfg, net)
    (folder / "checkpoints").mkdir()
    state = {f"net.{key}": value for key, value in net.state_dict().items()}
    torch.save({"state_dict": state}, folder / "checkpoints" / "best.ckpt")
    return folder
