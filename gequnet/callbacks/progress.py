"""Progress of a run: a bar on a terminal, lines in a log file."""

import sys
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from gequnet.formatting import duration
from gequnet.runs.layout import RunFolder

SHOWN = ("train/loss", "val/dice")
FIRST_S = 5.0
"""Seconds before the first line; the time between lines doubles with each line, up to ``every_s``."""


def progress_bar(every_s: float, folder: str | None = None) -> ProgressBar:
    """A bar if stdout is a terminal, else lines at intervals of up to ``every_s`` seconds.

    Args:
        every_s: seconds between two lines of a long run; the first lines come sooner.
        folder: of the run; if the run is a job of a sweep, each line starts with the name of the folder.
    """
    job = RunFolder(folder).path.name if folder and RunFolder(folder).sweep.is_sweep else ""
    return TerminalProgress(job) if sys.stdout.isatty() else LineProgress(every_s, job)


class StepProgress(ProgressBar):
    """Base of both; Lightning disables it on all ranks but the first.

    Args:
        job: name in front of each line, in a sweep.
    """

    is_enabled = True

    def __init__(self, job: str = "") -> None:
        super().__init__()
        self.job = job

    def enable(self) -> None:
        """Show the progress."""
        self.is_enabled = True

    def disable(self) -> None:
        """Hide the progress."""
        self.is_enabled = False


class TerminalProgress(StepProgress):
    """One bar for the training, one below it during a validation, and one for the test."""

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
        """Start the bar at the present step; only later steps count for the time left."""
        self._clear()
        self.training = self._row("training", total_steps(trainer), trainer.global_step)

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Advance the bar."""
        self.bar.update(self.training, completed=trainer.global_step, scores=shown_scores(trainer))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop the bar."""
        self.bar.stop()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add a bar for the validation."""
        if trainer.state.fn != "fit":
            self._clear()
        self.images = self._row("validation", number_of_images(trainer.num_val_batches))

    def on_validation_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Advance the bar of the validation."""
        self.bar.advance(self.images)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remove the bar of the validation."""
        self.bar.remove_task(self.images)
        if trainer.state.fn != "fit":
            self.bar.stop()

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the bar of the test."""
        self._clear()
        self.images = self._row("testing", number_of_images(trainer.num_test_batches))

    def on_test_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Advance the bar of the test."""
        self.bar.advance(self.images)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop the bar."""
        self.bar.stop()

    def on_exception(self, *_: Any) -> None:
        """Stop the bar, so that the terminal is usable again."""
        self.bar.stop()

    def _clear(self) -> None:
        for row in self.bar.task_ids:
            self.bar.remove_task(row)

    def _row(self, name: str, total: int | None, completed: int = 0) -> TaskID:
        row = self.bar.add_task(f"{self.job} {name}".strip(), total=total, completed=completed, scores="")
        self.bar.disable = not self.is_enabled
        self.bar.start()
        return row


class LineProgress(StepProgress):
    """Lines such as ``step 120/600  train/loss 0.531  val/dice 0.712  0.21 s/step  about 1 min 40 s left``.

    A long validation or test prints the number of its images so far.

    Args:
        every_s: seconds between two lines of a long run.
        job: name in front of each line, in a sweep.
    """

    def __init__(self, every_s: float, job: str = "") -> None:
        super().__init__(job)
        self.every_s = every_s

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._begin()
        self.began = self.begun
        self.first_step = trainer.global_step

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Print a line if one is due, and at the last step."""
        step, total = trainer.global_step, total_steps(trainer)
        if step == total or self._due():
            pace = (time.monotonic() - self.began) / max(1, step - self.first_step)
            left = f"about {duration(pace * (total - step))} left" if total is not None and step < total else ""
            self._print(f"step {step}/{total}", shown_scores(trainer), f"{pace:.2f} s/step", left)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start to count images."""
        self._begin_images()

    def on_validation_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Print a line if one is due."""
        self._count("validation", number_of_images(trainer.num_val_batches))

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restart the clock."""
        self._begin()
        self._begin_images()

    def on_test_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Print a line if one is due."""
        self._count("test", number_of_images(trainer.num_test_batches))

    def _begin(self) -> None:
        self.begun = self.printed = time.monotonic()

    def _begin_images(self) -> None:
        self.seen, self.images_began = 0, time.monotonic()
        if not hasattr(self, "printed"):  # a validation without a training
            self._begin()

    def _count(self, stage: str, total: int) -> None:
        self.seen += 1
        if self._due():
            pace = (time.monotonic() - self.images_began) / self.seen
            left = f"about {duration(pace * (total - self.seen))} left" if self.seen < total else ""
            self._print(f"{stage} {self.seen}/{total}", f"{pace:.2f} s/image", left)

    def _due(self) -> bool:
        wait = min(self.every_s, max(FIRST_S, self.printed - self.begun))
        return time.monotonic() - self.printed >= wait

    def _print(self, *parts: str) -> None:
        if self.is_enabled:
            self.printed = time.monotonic()
            print("  ".join(part for part in (self.job, *parts) if part), flush=True)


def total_steps(trainer: pl.Trainer) -> int | None:
    """Optimizer steps of the whole training; None if the number is unknown."""
    steps = trainer.estimated_stepping_batches
    return None if steps == float("inf") else int(steps)


def number_of_images(batches: list[int | float]) -> int:
    """Number of images in evaluation batches of one image each."""
    return int(sum(batches))


def shown_scores(trainer: pl.Trainer) -> str:
    """The last training loss and validation Dice as text."""
    known = trainer.progress_bar_metrics
    return "  ".join(f"{name} {known[name]:.3f}" for name in SHOWN if name in known)
