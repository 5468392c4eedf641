"""Selection of the foreground threshold on the validation images."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl

from gequnet.metrics.scores import threshold_scores
from gequnet.metrics.threshold_curve import THRESHOLDS, ThresholdCurve
from gequnet.train.task import SegmentationTask


def select_threshold(
    score: str, task: SegmentationTask, data: Any, trainer: pl.Trainer
) -> tuple[float, dict[float, float]]:
    """The threshold with the best mean score over the validation images, and the score at each threshold.

    The test images are not used.

    Args:
        score: name of a score that can choose a threshold, built-in or of ``metrics.extra_scores``.
        task: with the network and the inference of the test; its own metrics are not changed.
        data: the data module.
        trainer: for the validation.
    """
    record = threshold_scores(getattr(task.test_metrics, "extra_scores", ()))[score]
    parts = task.net, task.loss, lambda full: ThresholdCurve(record), task.optimizer, task.scheduler, task.inference
    validation = SegmentationTask(*parts)
    trainer.validate(validation, datamodule=data, weights_only=True, verbose=False)
    means = validation.val_metrics.compute()
    curve = {threshold: means[f"{score} above {threshold:g}"] for threshold in THRESHOLDS}
    return best_threshold(curve, lower=record.lower_is_better), curve


def best_threshold(curve: Mapping[float, float], lower: bool = False) -> float:
    """The threshold with the best score; among equal scores the nearest to 1/2, then the lower one.

    Args:
        curve: a score for each threshold; nan if it is not defined.
        lower: True if a lower score is better.

    >>> best_threshold({0.3: 0.8, 0.4: 0.9, 0.6: 0.9, 0.7: 0.9}), best_threshold({0.2: 0.1, 0.5: 0.3}, lower=True)
    (0.4, 0.2)
    """
    sign = -1 if lower else 1
    signed = {threshold: sign * value for threshold, value in curve.items() if value == value}
    best = [threshold for threshold in signed if signed[threshold] == max(signed.values())] or list(curve)
    return min(best, key=lambda threshold: (round(abs(threshold - 0.5), 9), threshold))
