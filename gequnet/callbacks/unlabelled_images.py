"""What a network says about images of which nobody has said anything."""

from itertools import islice
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from gequnet.callbacks.contours import asked, foreground_names
from gequnet.data.datamodule import SegmentationDataModule
from gequnet.data.scene import Scene, pixels


class UnlabelledImages(pl.Callback):
    """Draws ``unlabelled.png`` after the test: the predicted borders on images that have no labels.

    They are those that the dataset hands out by
    [`gequnet.data.source.Source.unlabelled_images`][]; where it has none, nothing is drawn.

    Args:
        path: of the picture.
        head: what the logits mean, ``sigmoid`` or ``softmax``.
        images: so many of the first.
    """

    def __init__(self, path: str, head: str, images: int = 6) -> None:
        self.path = Path(path)
        self.head = head
        self.images = images

    def on_test_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Draws, in the first process."""
        data = getattr(trainer, "datamodule", None)
        if not (trainer.is_global_zero and isinstance(data, SegmentationDataModule)):
            return
        given = islice(data.source.unlabelled_images(), self.images)
        samples = [asked(pl_module, as_sample(name, image, data), self.head) for name, image in given]
        if samples:
            # matplotlib takes a second that most imports of this package can do without
            from gequnet.figures import plot_contours
            from gequnet.figures.views import sample_title

            titles, threshold = [sample_title(sample) for sample in samples], pl_module.test_metrics.threshold
            plot_contours(samples, titles, self.path, self.head, threshold, foreground_names(data))


def as_sample(name: str, image: Tensor, data: SegmentationDataModule) -> dict[str, Any]:
    """An image [C, H, W] on the intensity scale of the data module, without a mask."""
    space = image.shape[1:]
    scene = Scene(name, image, torch.zeros(space, dtype=torch.uint8), torch.ones(space, dtype=torch.bool))
    return {"id": name, "image": data.scenes.scale_of(scene)(pixels(image)), "valid": scene.valid}
