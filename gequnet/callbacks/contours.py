"""Contours of truth and prediction on the best, the median and the worst test image."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from gequnet.data.datamodule import SegmentationDataModule
from gequnet.data.dataset import WholeImages
from gequnet.figures.samples import to_plane
from gequnet.heads import foreground_classes, probabilities

RANKS = {1: {"the only one": 0}, 2: {"best": -1, "worst": 0}}
"""Names of the images and their places in ascending order of the score, for fewer than three images."""


class Contours(pl.Callback):
    """Draw ``contours.png`` after the test, so that a failure is always among the pictures.

    The three images are known only after the test, so the network predicts them once more; no predictions are kept
    during the test. Of volumes one slice is drawn. The images are from the data module; nothing is drawn if the test
    was on other images.

    Args:
        path: of the picture.
        head: ``sigmoid`` or ``softmax``.
    """

    when = frozenset({"test"})

    def __init__(self, path: str, head: str) -> None:
        self.path = Path(path)
        self.head = head

    def files(self) -> dict[str, Path]:
        """The picture."""
        return {"contours": self.path}

    def on_test_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Draw on the first rank, by the scores of all ranks."""
        # matplotlib takes a second to import
        from gequnet.figures import plot_contours
        from gequnet.figures.views import sample_title

        data, rows = getattr(trainer, "datamodule", None), pl_module.test_metrics.per_image()
        scores = {row["id"]: row["dice_fov" if "dice_fov" in row else "dice"] for row in rows}
        if not (trainer.is_global_zero and isinstance(data, SegmentationDataModule)):
            return
        samples, titles, threshold = [], [], pl_module.test_metrics.threshold
        for rank, name in rank_images(scores).items():
            sample = predict_sample(pl_module, WholeImages(data.scenes, [name])[0], self.head)
            samples.append(to_plane(sample, threshold))
            titles.append(f"{rank}: {sample_title(samples[-1])}\nDice {scores[name]:.3f}")
        if samples:
            plot_contours(samples, titles, self.path, self.head, threshold, foreground_names(data))


def rank_images(scores: Mapping[str, float]) -> dict[str, str]:
    """Names of the best, the median and the worst image, among those with a defined score; ties are broken by name.

    For an even number the median is the lower one of the two in the middle.

    >>> rank_images({"a": 0.7, "b": math.nan, "c": 0.9, "d": 0.8, "e": 0.1})
    {'best': 'c', 'median': 'a', 'worst': 'e'}
    >>> rank_images({"a": 0.7, "b": 0.9}), rank_images({"a": 0.7}), rank_images({})
    ({'best': 'b', 'worst': 'a'}, {'the only one': 'a'}, {})
    """
    order = sorted((score, name) for name, score in scores.items() if not math.isnan(score))
    places = RANKS.get(len(order), {"best": -1, "median": (len(order) - 1) // 2, "worst": 0})
    return {rank: order[place][1] for rank, place in places.items()} if order else {}


def predict_sample(task: Any, sample: Mapping[str, Any], head: str) -> dict[str, Any]:
    """A sample [C, *space] with the prediction for it, under ``probabilities`` [K, *space]."""
    image: Tensor = sample["image"].unsqueeze(0).to(task.device)
    logits = task.inference(task.net, image)
    return dict(sample) | {"probabilities": probabilities(logits, head)[0].cpu()}


def foreground_names(data: SegmentationDataModule) -> list[str]:
    """Names of the classes with contours: all but the background of a softmax."""
    return [data.class_names[index] for index in foreground_classes(data.num_classes, data.head)]
