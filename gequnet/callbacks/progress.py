"""How far the training is: a bar on a terminal, a line now and then in a log file."""

import sys
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

SHOWN = ("train/loss", "val/dice")


def progress_bar(every_s: float) -> ProgressBar:
    """A bar where a person watches; else a line every ``every_s`` seconds."""
    return TerminalProgress() if sys.stdout.isatty() else LineProgress(every_s)


class StepProgress(ProgressBar):
    """What Lightning wants of either; the base switches all ranks off but the first."""

    is_enabled = True

    def enable(self) -> None:
        """Shows it."""
        self.is_enabled = True

    def disable(self) -> None:
        """Hides it."""
        self.is_enabled = False


class TerminalProgress(StepProgress):
    """One bar for the whole training, one for the test."""

    def __init__(self) -> None:
        super().__init__()
        self.bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[scores]}"),
            TimeRemainingColumn(),
        )

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draws the empty bar."""
        self._begin("training", total_steps(trainer))

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Moves it."""
        self.bar.update(self.row, completed=trainer.global_step, scores=scores(trainer))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leaves it where it is."""
        self.bar.stop()

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draws the test's bar."""
        self._begin("testing", int(sum(trainer.num_test_batches)))

    def on_test_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Moves it."""
        self.bar.advance(self.row)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leaves it where it is."""
        self.bar.stop()

    def on_exception(self, *_: Any) -> None:
        """Gives the terminal back."""
        self.bar.stop()

    def _begin(self, what: str, total: int | None) -> None:
        for row in self.bar.task_ids:
            self.bar.remove_task(row)
        self.row = self.bar.add_task(what, total=total, scores="")
        self.bar.disable = not self.is_enabled
        self.bar.start()


class LineProgress(StepProgress):
    """``step 120/600  train/loss 0.531  val/dice 0.712  0.21 s/step`` every so many seconds."""

    def __init__(self, every_s: float) -> None:
        super().__init__()
        self.every_s = every_s

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts the clock."""
        self.began = self.printed = time.monotonic()
        self.first_step = trainer.global_step

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Prints a line if it is time for one, and at the last step."""
        last = trainer.global_step == total_steps(trainer)
        if self.is_enabled and (last or time.monotonic() - self.printed >= self.every_s):
            self.printed = time.monotonic()
            pace = (self.printed - self.began) / max(1, trainer.global_step - self.first_step)
            steps = f"step {trainer.global_step}/{total_steps(trainer)}"
            print(f"{steps}  {scores(trainer)}  {pace:.2f} s/step", flush=True)


def total_steps(trainer: pl.Trainer) -> int | None:
    """Optimizer steps from start to end; None if nobody knows."""
    steps = trainer.estimated_stepping_batches
    return None if steps == float("inf") else int(steps)


def scores(trainer: pl.Trainer) -> str:
    """The last training loss and validation Dice."""
    known = trainer.progress_bar_metrics
    return "  ".join(f"{name} {known[name]:.3f}" for name in SHOWN if name in known)
