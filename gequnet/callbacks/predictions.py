"""Pictures of the first test images: image, truth, prediction, and where they differ."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from gequnet.heads import probabilities


class Predictions(pl.Callback):
    """Draws ``predictions.png`` after the test.

    Args:
        path: of the picture.
        head: what the logits mean, ``sigmoid`` or ``softmax``.
        images: so many of the first test images.
    """

    def __init__(self, path: str, head: str, images: int) -> None:
        self.path = Path(path)
        self.head = head
        self.images = images
        self.samples: list[dict[str, Any]] = []

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forgets an earlier test."""
        self.samples = []

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keeps the samples of this batch with their probabilities, until there are enough."""
        assert isinstance(outputs, Tensor)
        batch = batch | {"probabilities": probabilities(outputs, self.head)}
        for index in range(min(len(outputs), self.images - len(self.samples))):
            self.samples.append({name: _plain(values[index]) for name, values in batch.items()})

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draws."""
        # matplotlib takes a second that most imports of this package can do without
        from gequnet.figures import plot_predictions

        if self.samples and trainer.is_global_zero:
            plot_predictions(self.samples, self.path)


def _plain(value: Any) -> Any:
    return value.cpu() if isinstance(value, Tensor) else value
