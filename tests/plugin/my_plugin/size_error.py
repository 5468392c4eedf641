"""Relative error of the size of the foreground."""

from gequnet.metrics import Score


def size_error(counts):
    """``|FP - FN| / (TP + FN)``, where the foreground of the truth is at least one pixel."""
    difference = counts.false_positive - counts.false_negative
    return difference.abs() / (counts.true_positive + counts.false_negative).clamp(min=1)


def size_error_score():
    """The score with the texts for tables and cards."""
    return Score(
        name="size_error",
        heading="size error",
        description="difference between predicted and true size of the foreground, relative to the true size",
        function=size_error,
        lower_is_better=True,
    )
