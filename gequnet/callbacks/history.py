"""Scalars of a training as a table, with a row for each step at which something was logged."""

import csv
from pathlib import Path
from typing import Any

import pytorch_lightning as pl


class History(pl.Callback):
    """Write ``step, epoch, train/loss, train/lr, val/loss, val/dice, ...`` to a CSV; a value not logged is empty.

    ``step`` counts finished optimizer steps. The file is complete after each validation and at the end. A resumed
    training continues the table of its checkpoint.

    Args:
        path: of the CSV.
    """

    when = frozenset({"fit"})

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.rows: dict[int, dict[str, Any]] = {}

    def files(self) -> dict[str, Path]:
        """The table."""
        return {"history": self.path}

    def state_dict(self) -> dict[str, Any]:
        """The rows, so that a resumed training continues the table."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the rows up to the checkpoint; later rows of the file are written again."""
        self.rows = dict(state_dict["rows"])

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Add loss and learning rate at the trainer's logging interval, and at the first step."""
        every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if trainer.global_step == 1 or trainer.global_step % every == 0:
            self._add(trainer, "train/")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add the scores of a validation."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._add(trainer, "val/")
            self._write(trainer)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the steps after the last validation."""
        self._write(trainer)

    def _add(self, trainer: pl.Trainer, prefix: str) -> None:
        row = self.rows.setdefault(trainer.global_step, {"step": trainer.global_step, "epoch": trainer.current_epoch})
        row |= {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith(prefix)}

    def _write(self, trainer: pl.Trainer) -> None:
        if not trainer.is_global_zero:
            return
        columns = list(dict.fromkeys(name for row in self.rows.values() for name in row))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self.rows[step] for step in sorted(self.rows))
