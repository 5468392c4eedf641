"""How far a run is: a bar on a terminal, a line now and then in a log file."""

import sys
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from gequnet.formatting import duration
from gequnet.runs.layout import SWEEP

SHOWN = ("train/loss", "val/dice")
FIRST_S = 5.0
"""The first line comes after so many seconds, each of the next after twice the time of the one before."""


def progress_bar(every_s: float, folder: str | None = None) -> ProgressBar:
    """A bar where a person watches; else lines, in the end one every ``every_s`` seconds.

    Args:
        every_s: seconds between two lines of a long run; the first come sooner.
        folder: of the run; where it is a job of a sweep, its name is in front of the lines.
    """
    job = Path(folder).name if folder and (Path(folder).parent / SWEEP).exists() else ""
    return TerminalProgress(job) if sys.stdout.isatty() else LineProgress(every_s, job)


class StepProgress(ProgressBar):
    """What Lightning wants of either; the base switches all ranks off but the first.

    Args:
        job: what is said in front, in a sweep.
    """

    is_enabled = True

    def __init__(self, job: str = "") -> None:
        super().__init__()
        self.job = job

    def enable(self) -> None:
        """Shows it."""
        self.is_enabled = True

    def disable(self) -> None:
        """Hides it."""
        self.is_enabled = False


class TerminalProgress(StepProgress):
    """One bar for the whole training, one below it while a validation lasts, and one for the test."""

    def __init__(self, job: str = "") -> None:
        super().__init__(job)
        self.bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[scores]}"),
            TimeRemainingColumn(),
        )

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draws the bar as far as the training is; how long a step takes is told by those to come alone."""
        self._clear()
        self.training = self._row("training", total_steps(trainer), trainer.global_step)

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Moves it."""
        self.bar.update(self.training, completed=trainer.global_step, scores=scores(trainer))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leaves it where it is."""
        self.bar.stop()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draws one more."""
        if trainer.state.fn != "fit":
            self._clear()
        self.images = self._row("validation", images(trainer.num_val_batches))

    def on_validation_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Moves it."""
        self.bar.advance(self.images)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Takes it away."""
        self.bar.remove_task(self.images)
        if trainer.state.fn != "fit":
            self.bar.stop()

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draws the test's bar."""
        self._clear()
        self.images = self._row("testing", images(trainer.num_test_batches))

    def on_test_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Moves it."""
        self.bar.advance(self.images)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leaves it where it is."""
        self.bar.stop()

    def on_exception(self, *_: Any) -> None:
        """Gives the terminal back."""
        self.bar.stop()

    def _clear(self) -> None:
        for row in self.bar.task_ids:
            self.bar.remove_task(row)

    def _row(self, what: str, total: int | None, completed: int = 0) -> TaskID:
        row = self.bar.add_task(f"{self.job} {what}".strip(), total=total, completed=completed, scores="")
        self.bar.disable = not self.is_enabled
        self.bar.start()
        return row


class LineProgress(StepProgress):
    """``step 120/600  train/loss 0.531  val/dice 0.712  0.21 s/step  about 1 min 40 s left``, now and then.

    A validation or a test that takes long says how many images it has seen.

    Args:
        every_s: seconds between two lines, once the run is old enough.
        job: what is said in front, in a sweep.
    """

    def __init__(self, every_s: float, job: str = "") -> None:
        super().__init__(job)
        self.every_s = every_s

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts the clock."""
        self._begin()
        self.began = self.begun
        self.first_step = trainer.global_step

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Prints a line if it is time for one, and at the last step."""
        step, total = trainer.global_step, total_steps(trainer)
        if step == total or self._due():
            pace = (time.monotonic() - self.began) / max(1, step - self.first_step)
            left = f"about {duration(pace * (total - step))} left" if total is not None and step < total else ""
            self._say(f"step {step}/{total}", scores(trainer), f"{pace:.2f} s/step", left)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts counting."""
        self._begin_images()

    def on_validation_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Prints a line if it is time for one."""
        self._count("validation", images(trainer.num_val_batches))

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts the clock again."""
        self._begin()
        self._begin_images()

    def on_test_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Prints a line if it is time for one."""
        self._count("test", images(trainer.num_test_batches))

    def _begin(self) -> None:
        self.begun = self.printed = time.monotonic()

    def _begin_images(self) -> None:
        self.seen, self.looking_since = 0, time.monotonic()
        if not hasattr(self, "printed"):  # a validation without a training
            self._begin()

    def _count(self, what: str, total: int) -> None:
        self.seen += 1
        if self._due():
            pace = (time.monotonic() - self.looking_since) / self.seen
            left = f"about {duration(pace * (total - self.seen))} left" if self.seen < total else ""
            self._say(f"{what} {self.seen}/{total}", f"{pace:.2f} s/image", left)

    def _due(self) -> bool:
        wait = min(self.every_s, max(FIRST_S, self.printed - self.begun))
        return time.monotonic() - self.printed >= wait

    def _say(self, *parts: str) -> None:
        if self.is_enabled:
            self.printed = time.monotonic()
            print("  ".join(part for part in (self.job, *parts) if part), flush=True)


def total_steps(trainer: pl.Trainer) -> int | None:
    """Optimizer steps from start to end; None if nobody knows."""
    steps = trainer.estimated_stepping_batches
    return None if steps == float("inf") else int(steps)


def images(batches: list[int | float]) -> int:
    """How many there are to be seen, one in each batch."""
    return int(sum(batches))


def scores(trainer: pl.Trainer) -> str:
    """The last training loss and validation Dice."""
    known = trainer.progress_bar_metrics
    return "  ".join(f"{name} {known[name]:.3f}" for name in SHOWN if name in known)
