"""Callback that sends a training a signal, as a cluster does before a job's time limit."""

import os
import signal
from pathlib import Path
from typing import Any

import pytorch_lightning as pl


class Once(pl.Callback):
    """Send a signal to every process of the first training, of those with the same path, that reaches a step.

    Args:
        path: of the marker file of each rank, which shows that the signal was sent.
        step: optimizer step after which the signal is sent.
        number: of the signal.
    """

    def __init__(self, path: str, step: int, number: int = signal.SIGUSR2) -> None:
        self.path, self.step, self.number = Path(path), step, number

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == self.step:
            try:
                self.path.with_name(f"{self.path.name}_{trainer.global_rank}").touch(exist_ok=False)
            except FileExistsError:
                return
            os.kill(os.getpid(), self.number)
