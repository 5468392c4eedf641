"""Checkpoints from which an interrupted training can be resumed."""

import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from gequnet.train.finite_loss import require_finite_weights
from gequnet.train.graceful_stop import any_rank, at_batch_boundary


class LastCheckpoint(Checkpoint):
    """Write a checkpoint after each validation, at intervals of time, and when the training is stopped by a signal.

    No checkpoint is written between a step and the validation that follows it, so a resumed training gives the result
    of an uninterrupted one. Weights that are not finite are never written: they end the training. Lightning calls
    ``Checkpoint`` callbacks after all others, so their state is up to date.

    Args:
        path: of the checkpoint.
        every_minutes: interval; so much work is lost by ``kill -9`` at most, plus a step or a running validation.
    """

    def __init__(self, path: str, every_minutes: int | float = 10) -> None:
        self.path, self.every_s = Path(path), every_minutes * 60
        self.written = time.monotonic()

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self.written = time.monotonic()

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Write if the interval is over, or if the training stops here."""
        if at_batch_boundary(trainer) and (trainer.received_sigterm or self._due(trainer)):
            self._write(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._write(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write, so that a run interrupted in its test needs no new training."""
        self._write(trainer)

    def _due(self, trainer: pl.Trainer) -> bool:
        return any_rank(trainer, time.monotonic() - self.written >= self.every_s)

    def _write(self, trainer: pl.Trainer) -> None:
        require_finite_weights(trainer)
        trainer.save_checkpoint(self.path)
        self.written = time.monotonic()
