"""Refusal of a batch of one patch that is halved to a single pixel, where batch norm would get a single value."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from omegaconf import DictConfig
from torch import nn

from gequnet.distributed import local
from gequnet.errors import ConfigError
from gequnet.layers.shared_norm import share_statistics
from gequnet.nets.costs import ONE_VALUE, meta_copy, meta_image
from gequnet.train.model_summary import format_sides
from gequnet.train.trainer import make_trainer


def check_batch(cfg: DictConfig, data: Any, net: nn.Module) -> None:
    """Refuse a batch of one patch if a batch norm gets one value per channel.

    Args:
        cfg: resolved configuration.
        data: the data module, with the batch size of the training.
        net: the network; it is not changed.

    Raises:
        ConfigError: with the sizes, and what to change.
    """
    if data.batch_size > 1:
        return
    processes = make_trainer(cfg, [], logger=False).world_size
    with one_value_refused(cfg, data), norms_as_trained(cfg, net, processes):
        _train_on_one_patch(net, data)


@contextmanager
def one_value_refused(cfg: DictConfig, data: Any) -> Iterator[None]:
    """Context that replaces PyTorch's error about one value per channel of a batch by a sentence."""
    try:
        yield
    except ValueError as error:
        if not str(error).startswith(ONE_VALUE):
            raise
        raise ConfigError(_sentence(cfg, data)) from None


@contextmanager
def norms_as_trained(cfg: DictConfig, net: nn.Module, processes: int) -> Iterator[None]:
    """Context in which batch norms take one value per channel, if they share values between processes in the training.

    Args:
        cfg: resolved configuration.
        net: the network.
        processes: number of training processes.
    """
    if processes == 1 or not cfg.trainer.get("sync_batchnorm"):
        yield
        return
    share_statistics(net, local)
    try:
        yield
    finally:
        share_statistics(net, None)


def _train_on_one_patch(net: nn.Module, data: Any) -> None:
    """Run a copy without memory, and leave the random numbers of the training as they are."""
    meta = meta_copy(net).train()
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        meta(meta_image(meta, data.patch_size))


def _sentence(cfg: DictConfig, data: Any) -> str:
    depth = f"model.depth={cfg.model.depth} " if "depth" in cfg.model else ""
    norm = f"model.norm={cfg.model.norm}" if "norm" in cfg.model else "its norm"
    batch = "largest_batch" if cfg.get("auto_batch") else "data.batch_size"
    return (
        f"data.batch_size=1 with data.patch_size={format_sides(data.patch_size)} leaves one value per channel at the "
        f"coarsest of {depth}levels, and {norm} needs more: take a larger {batch}, larger patches or fewer levels."
    )
