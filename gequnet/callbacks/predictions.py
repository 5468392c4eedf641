"""The first test images with what was said about them: as a picture, and as arrays that others can draw from."""

from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from gequnet.heads import probabilities


class Predictions(pl.Callback):
    """Draws ``predictions.png`` after the test, and writes ``samples.npz`` beside it.

    The arrays are, for each image, ``<id>/image`` uint8 [*space, C] between its 1st and 99th percentile, ``<id>/mask``
    uint8 as the sample has it, ``<id>/valid`` bool [*space], and ``<id>/probabilities`` uint8 [K, *space], times 255.

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
            np.savez_compressed(self.path.with_name("samples.npz"), allow_pickle=False, **arrays(self.samples))


def arrays(samples: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Samples as named arrays of bytes."""
    named: dict[str, np.ndarray] = {}
    for sample in samples:
        low, high = np.percentile(sample["image"][:, sample["valid"]].numpy(), (1, 99))
        image = ((sample["image"] - low) / max(high - low, 1e-6)).clamp(0, 1)
        parts = {
            "image": (image * 255).round().to(torch.uint8).movedim(0, -1),
            "mask": sample["mask"].to(torch.uint8),
            "valid": sample["valid"],
            "probabilities": (sample["probabilities"] * 255).round().to(torch.uint8),
        }
        named |= {f"{sample['id']}/{name}": part.numpy() for name, part in parts.items()}
    return named


def _plain(value: Any) -> Any:
    return value.cpu() if isinstance(value, Tensor) else value
