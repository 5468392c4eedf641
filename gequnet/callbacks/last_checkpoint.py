"""A training that can be taken up again: a checkpoint now and then, and one more when it is told to stop."""

import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from gequnet.train.graceful_stop import any_rank, at_batch_boundary


class LastCheckpoint(Checkpoint):
    """Writes where the training is: after each validation, every so many minutes between, and when it is told to stop.

    It is not written between a step and the validation that follows it. So a training that goes on from there does what
    it would have done. Lightning calls such callbacks after all others, so what those have noted is in it.

    Args:
        path: of the checkpoint.
        every_minutes: at most so much work is lost to a ``kill -9``, and a step, or a validation if one is under way.
    """

    def __init__(self, path: str, every_minutes: int | float = 10) -> None:
        self.path, self.every_s = Path(path), every_minutes * 60
        self.written = time.monotonic()

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts the clock."""
        self.written = time.monotonic()

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Writes if it is time, or if the training stops here."""
        if at_batch_boundary(trainer) and (trainer.received_sigterm or self._due(trainer)):
            self._write(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Writes."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._write(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Writes, so that a test that is interrupted needs no training again."""
        self._write(trainer)

    def _due(self, trainer: pl.Trainer) -> bool:
        return any_rank(trainer, time.monotonic() - self.written >= self.every_s)

    def _write(self, trainer: pl.Trainer) -> None:
        trainer.save_checkpoint(self.path)
        self.written = time.monotonic()
