"""Graceful stop after SIGTERM or Ctrl-C: every process stops after the same batch."""

import os
import signal
import threading
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.exceptions import SIGTERMException


class GracefulStop(pl.Callback):
    """Handle the signals in place of Lightning, and end its loops where the training can be resumed.

    A training stops after a batch, or after the validation that belongs to it. Lightning itself would stop inside a
    validation and leave it out after the resumption. The ranks exchange after each batch if one of them has got a
    signal. Lightning communicates at the moment of the signal, which may fall into another communication.
    """

    def __init__(self) -> None:
        self.stop_requested = False
        self._interrupt: Any = None

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Make the first Ctrl-C a graceful stop like SIGTERM; the second one stops at once."""
        if in_main_thread():
            self._interrupt = signal.signal(signal.SIGINT, self._on_interrupt)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Replace the handler that Lightning has just installed."""
        self._install(trainer)

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Stop all ranks if one has got a signal; after the last batch the test stops instead."""
        self.stop_requested = any_rank(trainer, self.stop_requested)
        if self.stop_requested and at_batch_boundary(trainer):
            self._stop(trainer)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Install the handler."""
        self._install(trainer)

    def on_validation_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Stop a validation outside a training at once."""
        if self.stop_requested and trainer.state.fn != "fit":
            raise SIGTERMException

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop all ranks if one has got a signal, as after a batch."""
        if trainer.state.fn == "fit":
            self.stop_requested = any_rank(trainer, self.stop_requested)
            if self.stop_requested:
                self._stop(trainer)

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Install the handler."""
        self._install(trainer)

    def on_test_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Stop a test at once, on each rank by itself, as a resumed run starts the test anew."""
        if self.stop_requested:
            raise SIGTERMException

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Restore the handler of Ctrl-C."""
        self._restore()

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore the handler of Ctrl-C."""
        self._restore()

    @staticmethod
    def _stop(trainer: pl.Trainer) -> None:
        trainer._signal_connector.received_sigterm = True  # Lightning's loop reads it after the loggers' update

    def _install(self, trainer: pl.Trainer) -> None:
        if in_main_thread():
            signal.signal(signal.SIGTERM, lambda number, _: self._on_sigterm(trainer, number))

    def _on_sigterm(self, trainer: pl.Trainer, number: int) -> None:
        if not self.stop_requested and trainer.strategy.launcher is not None:
            trainer.strategy.launcher.kill(number)  # also the processes that this one has started
        self.stop_requested = True

    def _on_interrupt(self, *_: Any) -> None:
        self._restore()
        os.kill(os.getpid(), signal.SIGTERM)

    def _restore(self) -> None:
        if self._interrupt is not None:
            signal.signal(signal.SIGINT, self._interrupt)
            self._interrupt = None


def any_rank(trainer: pl.Trainer, fact: bool) -> bool:
    """True on all ranks if it is true on any rank; every rank must call it."""
    if trainer.world_size == 1:
        return fact
    own = torch.tensor(float(fact), device=trainer.strategy.root_device)
    return float(trainer.strategy.reduce(own, reduce_op="sum")) > 0


def at_batch_boundary(trainer: pl.Trainer) -> bool:
    """True after a batch that no validation follows; a training resumed before the validation would leave it out."""
    every = trainer.val_check_batch
    assert every is not None  # set at the start of the training
    return (trainer.fit_loop.total_batch_idx + 1) % every != 0


def in_main_thread() -> bool:
    """True in the main thread, the only one in which Python handles signals."""
    return threading.current_thread() is threading.main_thread()
