"""The threshold of probability above which there is foreground, chosen on the validation images."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl

from gequnet.metrics.scores import threshold_scores
from gequnet.metrics.threshold_curve import THRESHOLDS, ThresholdCurve
from gequnet.train.task import SegmentationTask


def choose(score: str, task: SegmentationTask, data: Any, trainer: pl.Trainer) -> tuple[float, dict[float, float]]:
    """The threshold of the best mean score over the validation images, and the score at each threshold.

    The test images have no part in it.

    Args:
        score: name of a score that can choose a threshold, built-in or of ``metrics.extra_scores``.
        task: with the network as it will be tested, and how it is asked about an image; its own scores stay as they
            are.
        data: the data module.
        trainer: that asks.
    """
    record = threshold_scores(getattr(task.test_metrics, "extra_scores", ()))[score]
    parts = task.net, task.loss, lambda full: ThresholdCurve(record), task.optimizer, task.scheduler, task.inference
    judge = SegmentationTask(*parts)
    trainer.validate(judge, datamodule=data, weights_only=True, verbose=False)
    means = judge.val_metrics.compute()
    curve = {threshold: means[f"{score} above {threshold:g}"] for threshold in THRESHOLDS}
    return best_threshold(curve, lower=record.lower_is_better), curve


def best_threshold(curve: Mapping[float, float], lower: bool = False) -> float:
    """The threshold with the best score; of equally good ones that nearest to 1/2, and of two such the lower one.

    Args:
        curve: a score for each threshold; nan where it is not defined.
        lower: whether lower is better.

    >>> best_threshold({0.3: 0.8, 0.4: 0.9, 0.6: 0.9, 0.7: 0.9}), best_threshold({0.2: 0.1, 0.5: 0.3}, lower=True)
    (0.4, 0.2)
    """
    sign = -1 if lower else 1
    worth = {threshold: sign * value for threshold, value in curve.items() if value == value}
    best = [threshold for threshold in worth if worth[threshold] == max(worth.values())] or list(curve)
    return min(best, key=lambda threshold: (round(abs(threshold - 0.5), 9), threshold))
