"""A training that is told to stop, by SIGTERM or Ctrl-C, stops where it suits: every process after the same batch."""

import os
import signal
import threading
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.exceptions import SIGTERMException


class GracefulStop(pl.Callback):
    """Hears the signals in Lightning's place, and tells Lightning's loops to end where they can be taken up again.

    A training stops after a batch, or after the validation that belongs to it; Lightning would stop in the midst of
    validations and not come back to them. Processes that train together ask each other whether one of them has heard
    something. Lightning has each of them talk to the others the moment that the signal comes, in the midst of whatever
    they were saying.
    """

    def __init__(self) -> None:
        self.stop_requested = False
        self._interrupt: Any = None

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Makes of the first Ctrl-C what SIGTERM is, a wish to stop when it suits; the second stops at once."""
        if in_main_thread():
            self._interrupt = signal.signal(signal.SIGINT, self._ask)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listens; Lightning has just begun to."""
        self._listen(trainer)

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """What one process has heard all have heard; after the last batch it is the test that stops."""
        self.stop_requested = any_rank(trainer, self.stop_requested)
        if self.stop_requested and at_batch_boundary(trainer):
            self._stop(trainer)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listens."""
        self._listen(trainer)

    def on_validation_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """A validation that is no part of a training stops at once."""
        if self.stop_requested and trainer.state.fn != "fit":
            raise SIGTERMException

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """As after a batch."""
        if trainer.state.fn == "fit":
            self.stop_requested = any_rank(trainer, self.stop_requested)
            if self.stop_requested:
                self._stop(trainer)

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listens."""
        self._listen(trainer)

    def on_test_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """A test stops at once, each process by itself: another time it is begun anew."""
        if self.stop_requested:
            raise SIGTERMException

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Ctrl-C is itself again."""
        self._give_back()

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Ctrl-C is itself again."""
        self._give_back()

    @staticmethod
    def _stop(trainer: pl.Trainer) -> None:
        trainer._signal_connector.received_sigterm = True  # Lightning's loop looks there when loggers have been told

    def _listen(self, trainer: pl.Trainer) -> None:
        if in_main_thread():
            signal.signal(signal.SIGTERM, lambda number, _: self._hear(trainer, number))

    def _hear(self, trainer: pl.Trainer, number: int) -> None:
        if not self.stop_requested and trainer.strategy.launcher is not None:
            trainer.strategy.launcher.kill(number)  # the processes that this one has started hear of it, too
        self.stop_requested = True

    def _ask(self, *_: Any) -> None:
        self._give_back()
        os.kill(os.getpid(), signal.SIGTERM)

    def _give_back(self) -> None:
        if self._interrupt is not None:
            signal.signal(signal.SIGINT, self._interrupt)
            self._interrupt = None


def any_rank(trainer: pl.Trainer, fact: bool) -> bool:
    """Whether it holds in some process, the same answer in all of them; all have to ask."""
    if trainer.world_size == 1:
        return fact
    own = torch.tensor(float(fact), device=trainer.strategy.root_device)
    return float(trainer.strategy.reduce(own, reduce_op="sum")) > 0


def at_batch_boundary(trainer: pl.Trainer) -> bool:
    """Whether, after a batch, no validation follows: it would be left out by a training that goes on from there."""
    every = trainer.val_check_batch
    assert every is not None  # known since the training began
    return (trainer.fit_loop.total_batch_idx + 1) % every != 0


def in_main_thread() -> bool:
    """Where alone Python hears signals."""
    return threading.current_thread() is threading.main_thread()
