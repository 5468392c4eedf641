"""Predictions for unlabelled images."""

from itertools import islice
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from gequnet.callbacks.contours import foreground_names, predict_sample
from gequnet.data.datamodule import SegmentationDataModule
from gequnet.data.scene import Scene, pixels


class UnlabelledImages(pl.Callback):
    """Draw ``unlabelled.png`` after the test: predicted contours on images without labels.

    The images are those of [`gequnet.data.source.Source.unlabelled_images`][]; without any, nothing is drawn.

    Args:
        path: of the picture.
        head: ``sigmoid`` or ``softmax``.
        images: number of images, the first ones.
    """

    when = frozenset({"test"})

    def __init__(self, path: str, head: str, images: int = 6) -> None:
        self.path = Path(path)
        self.head = head
        self.images = images

    def files(self) -> dict[str, Path]:
        """The picture."""
        return {"unlabelled": self.path}

    def on_test_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Draw on the first rank."""
        data = getattr(trainer, "datamodule", None)
        if not (trainer.is_global_zero and isinstance(data, SegmentationDataModule)):
            return
        images = islice(data.source.unlabelled_images(), self.images)
        samples = [predict_sample(pl_module, unlabelled_sample(name, image, data), self.head) for name, image in images]
        if samples:
            # matplotlib takes a second to import
            from gequnet.figures import plot_contours
            from gequnet.figures.views import sample_title

            titles, threshold = [sample_title(sample) for sample in samples], pl_module.test_metrics.threshold
            plot_contours(samples, titles, self.path, self.head, threshold, foreground_names(data))


def unlabelled_sample(name: str, image: Tensor, data: SegmentationDataModule) -> dict[str, Any]:
    """Sample of an image [C, H, W], normalised as the data module does, without a mask."""
    space = image.shape[1:]
    scene = Scene(name, image, torch.zeros(space, dtype=torch.uint8), torch.ones(space, dtype=torch.bool))
    return {"id": name, "image": data.scenes.scale_of(scene)(pixels(scene.image)), "valid": scene.valid}
