"""Accumulated gradients in checkpoints."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from gequnet.distributed import all_gather

Gradients = dict[str, Tensor]


class GatheredGradients(pl.Callback):
    """Save and restore gradients that no optimizer step has used yet.

    With ``trainer.accumulate_grad_batches`` a checkpoint may be written between two batches of one step. Lightning
    continues with the next batch, without the gradients of the batches before. Each process accumulates its own
    gradients until the last batch of the step. With another number of processes each starts from their mean.
    """

    def __init__(self) -> None:
        self.waiting: list[Gradients] = []

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the gradients if the step is not complete."""
        if trainer.fit_loop.epoch_loop._should_accumulate():
            named = pl_module.named_parameters()
            own = {name: p.grad.detach().cpu().clone() for name, p in named if p.grad is not None}
            checkpoint["gathered"] = all_gather(own)

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep the gradients until the first batch."""
        parts = checkpoint.get("gathered", [])
        self.waiting = [parts] if isinstance(parts, dict) else parts  # older checkpoints, of one process

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Restore the gradients."""
        if not self.waiting:
            return
        parts, self.waiting = self.waiting, []
        same = len(parts) == trainer.world_size
        own = parts[trainer.global_rank] if same else mean_gradients(parts)
        for name, gradient in own.items():
            pl_module.get_parameter(name).grad = gradient.to(pl_module.device)


def mean_gradients(parts: list[Gradients]) -> Gradients:
    """Mean of gradients over processes.

    >>> mean_gradients([{"weight": torch.tensor(1.0)}, {"weight": torch.tensor(3.0)}])
    {'weight': tensor(2.)}
    """
    return {name: torch.stack([part[name] for part in parts]).mean(0) for name in parts[0]}
