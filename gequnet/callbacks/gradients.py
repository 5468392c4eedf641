"""Gradients that are still being gathered when a checkpoint is written are part of it."""

from typing import Any

import pytorch_lightning as pl
from torch import Tensor


class GatheredGradients(pl.Callback):
    """With ``trainer.accumulate_grad_batches`` a checkpoint may fall between two batches of one step.

    Lightning goes on with the next batch and leaves out what the batches before have contributed; this puts it back.
    """

    def __init__(self) -> None:
        self.waiting: dict[str, Tensor] = {}

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Adds the gradients, if there are any that no step has used."""
        if trainer.fit_loop.epoch_loop._should_accumulate():
            named = pl_module.named_parameters()
            checkpoint["gathered"] = {name: p.grad.clone() for name, p in named if p.grad is not None}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keeps them until the first batch."""
        self.waiting = checkpoint.get("gathered", {})

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Puts them back."""
        for name, gradient in self.waiting.items():
            pl_module.get_parameter(name).grad = gradient.to(pl_module.device)
        self.waiting = {}
