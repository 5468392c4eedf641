"""A training that can be taken up again: a checkpoint now and then, and one more when it is told to stop."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.utilities.exceptions import SIGTERMException


class LastCheckpoint(Checkpoint):
    """Writes where the training is: after each validation, every so many minutes between, and at SIGTERM or Ctrl-C.

    It is not written between a step and the validation that follows it. So a training that goes on from there does what
    it would have done. Lightning calls such callbacks after all others, so what those have noted is in it.

    Args:
        path: of the checkpoint.
        every_minutes: at most so much work is lost to a ``kill -9``, and a step, or a validation if one is under way.
    """

    def __init__(self, path: str, every_minutes: int | float = 10) -> None:
        self.path, self.every_s = Path(path), every_minutes * 60
        self.written = time.monotonic()
        self._interrupt: Any = None

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Makes of the first Ctrl-C what SIGTERM is, a wish to stop when it suits; the second stops at once."""
        self.written = time.monotonic()
        if threading.current_thread() is threading.main_thread():
            self._interrupt = signal.signal(signal.SIGINT, self._ask)

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Writes if it is time."""
        if self._due(trainer) and at_rest(trainer):
            self._write(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Writes."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._write(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Writes, so that a test that is interrupted needs no training again."""
        self._write(trainer)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Writes if the training stops because it was told to."""
        if isinstance(exception, SIGTERMException) and trainer.state.fn == "fit":
            self._write(trainer)
        self._give_back()

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Ctrl-C is itself again."""
        self._give_back()

    def on_test_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """A test that is told to stop stops: it is begun anew another time."""
        if trainer.received_sigterm:
            raise SIGTERMException

    def _due(self, trainer: pl.Trainer) -> bool:
        due = time.monotonic() - self.written >= self.every_s
        return bool(trainer.strategy.broadcast(due)) if trainer.world_size > 1 else due

    def _write(self, trainer: pl.Trainer) -> None:
        trainer.save_checkpoint(self.path)
        self.written = time.monotonic()

    def _ask(self, *_: Any) -> None:
        self._give_back()
        os.kill(os.getpid(), signal.SIGTERM)

    def _give_back(self) -> None:
        if self._interrupt is not None:
            signal.signal(signal.SIGINT, self._interrupt)
            self._interrupt = None


def at_rest(trainer: pl.Trainer) -> bool:
    """Whether, after a batch, no validation follows: it would be left out by a training that goes on from there."""
    every = trainer.val_check_batch
    assert every is not None  # known since the training began
    return (trainer.fit_loop.total_batch_idx + 1) % every != 0
