"""Gradients that are still being gathered when a checkpoint is written are part of it."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from gequnet.distributed import all_gather

Gradients = dict[str, Tensor]


class GatheredGradients(pl.Callback):
    """With ``trainer.accumulate_grad_batches`` a checkpoint may fall between two batches of one step.

    Lightning goes on with the next batch and leaves out what the batches before have contributed; this puts it back.
    Each of several processes gathers its own, until the last batch of the step makes them one; another number of
    processes goes on from their mean.
    """

    def __init__(self) -> None:
        self.waiting: list[Gradients] = []

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Adds the gradients, if there are any that no step has used."""
        if trainer.fit_loop.epoch_loop._should_accumulate():
            named = pl_module.named_parameters()
            own = {name: p.grad.detach().cpu().clone() for name, p in named if p.grad is not None}
            checkpoint["gathered"] = all_gather(own)

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keeps them until the first batch."""
        parts = checkpoint.get("gathered", [])
        self.waiting = [parts] if isinstance(parts, dict) else parts  # as it was with one process only

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Puts them back."""
        if not self.waiting:
            return
        parts, self.waiting = self.waiting, []
        same = len(parts) == trainer.world_size
        own = parts[trainer.global_rank] if same else mean_of(parts)
        for name, gradient in own.items():
            pl_module.get_parameter(name).grad = gradient.to(pl_module.device)


def mean_of(parts: list[Gradients]) -> Gradients:
    """The mean over processes.

    >>> mean_of([{"weight": torch.tensor(1.0)}, {"weight": torch.tensor(3.0)}])
    {'weight': tensor(2.)}
    """
    return {name: torch.stack([part[name] for part in parts]).mean(0) for name in parts[0]}
