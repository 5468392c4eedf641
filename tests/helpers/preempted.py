"""A callback that does to a training what a cluster does to a job whose time is nearly over."""

import os
import signal
from pathlib import Path
from typing import Any

import pytorch_lightning as pl


class Once(pl.Callback):
    """Sends the processes of a training a signal: of the first training that gets there, of all that have this path.

    Args:
        path: of a file that says that it was done.
        step: after which.
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
