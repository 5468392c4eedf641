"""Scalars of a validation that decide: the monitored score, and the validation loss where the score cannot tell."""

import math

import pytorch_lightning as pl

LOSS = "val/loss"


def monitored(trainer: pl.Trainer, monitor: str) -> float:
    """The monitored score of the last validation; nan where it is undefined, or of classes in no validation image.

    The score of a class that never occurs is 0 or 1 by a single wrong pixel, and so says nothing.
    """
    return math.nan if is_blind(trainer, monitor) else _scalar(trainer, monitor)


def validation_loss(trainer: pl.Trainer) -> float:
    """The mean loss of the last validation; nan if there is none."""
    return _scalar(trainer, LOSS)


def is_blind(trainer: pl.Trainer, monitor: str) -> bool:
    """True for a score of classes that occur in no validation image."""
    data = getattr(trainer, "datamodule", None)
    absent: list[str] = getattr(data, "absent_in_validation", [])
    if not absent or monitor == LOSS:
        return False
    named = monitor.split("/")[2:]
    return named[0] in absent if named else absent == data.foreground_classes  # type: ignore[union-attr]


def _scalar(trainer: pl.Trainer, name: str) -> float:
    return float(trainer.callback_metrics.get(name, math.nan))
