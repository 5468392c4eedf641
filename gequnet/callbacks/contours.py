"""The test images that a network does best, middling and worst, with the borders that it draws."""

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


class Contours(pl.Callback):
    """Draws ``contours.png`` after the test: borders of truth and prediction on the best, median and worst image.

    So a failure is always among them. Which they are is known only when all are scored; the network is asked again
    about these three, rather than everything that it said be kept. Of volumes a slice is drawn. The images are the
    data module's, and where other ones were tested nothing is drawn.

    Args:
        path: of the picture.
        head: what the logits mean, ``sigmoid`` or ``softmax``.
    """

    def __init__(self, path: str, head: str) -> None:
        self.path = Path(path)
        self.head = head

    def on_test_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Draws, in the first process; all of them are needed to know the scores."""
        # matplotlib takes a second that most imports of this package can do without
        from gequnet.figures import plot_contours
        from gequnet.figures.views import sample_title

        data, rows = getattr(trainer, "datamodule", None), pl_module.test_metrics.per_image()
        scores = {row["id"]: row["dice_fov" if "dice_fov" in row else "dice"] for row in rows}
        if not (trainer.is_global_zero and isinstance(data, SegmentationDataModule)):
            return
        samples, titles, threshold = [], [], pl_module.test_metrics.threshold
        for rank, name in ranked(scores).items():
            sample = asked(pl_module, WholeImages(data.scenes, [name])[0], self.head)
            samples.append(to_plane(sample, threshold))
            titles.append(f"{rank}: {sample_title(samples[-1])}\nDice {scores[name]:.3f}")
        if samples:
            plot_contours(samples, titles, self.path, self.head, threshold, foreground_names(data))


def ranked(scores: Mapping[str, float]) -> dict[str, str]:
    """Which image is best, which is the median, which is worst; of those whose score is defined, by name where equal.

    Of an even number the median is the lower one of the two in the middle.

    >>> ranked({"a": 0.7, "b": math.nan, "c": 0.9, "d": 0.8, "e": 0.1})
    {'best': 'c', 'median': 'a', 'worst': 'e'}
    >>> ranked({"a": 0.7, "b": 0.9}), ranked({"a": 0.7}), ranked({})
    ({'best': 'b', 'worst': 'a'}, {'the only one': 'a'}, {})
    """
    order = sorted((score, name) for name, score in scores.items() if not math.isnan(score))
    places = RANKS.get(len(order), {"best": -1, "median": (len(order) - 1) // 2, "worst": 0})
    return {rank: order[place][1] for rank, place in places.items()} if order else {}


def asked(task: Any, sample: Mapping[str, Any], head: str) -> dict[str, Any]:
    """A sample [C, *space] with what the network says about it, under ``probabilities`` [K, *space]."""
    image: Tensor = sample["image"].unsqueeze(0).to(task.device)
    logits = task.inference(task.net, image)
    return dict(sample) | {"probabilities": probabilities(logits, head)[0].cpu()}


def foreground_names(data: SegmentationDataModule) -> list[str]:
    """The names of the classes that have borders: all but the background of a softmax."""
    return [data.class_names[index] for index in foreground_classes(data.num_classes, data.head)]
