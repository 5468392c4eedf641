"""Test images with what was said about them: as a picture, and as arrays that others can draw from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from gequnet.figures.samples import pack_sample, slice_of, truth_size, unpack_sample
from gequnet.heads import probabilities


class Predictions(pl.Callback):
    """Draws ``predictions.png`` after the test, and writes ``samples.npz`` beside it.

    Of images the first are kept. Of volumes one slice is kept of each, and those are drawn whose truth is, in size, at
    the given percentiles of all: so neither choice knows what was predicted. In several processes they are those of the
    first. The arrays are those of [`gequnet.figures.samples.pack_sample`][], under ``<id>/``.

    Args:
        path: of the picture.
        head: what the logits mean, ``sigmoid`` or ``softmax``.
        images: so many of the first test images.
        percentiles: of the size of the truth, for volumes.
    """

    def __init__(self, path: str, head: str, images: int, percentiles: Sequence[int] = (10, 50, 90)) -> None:
        self.path = Path(path)
        self.head = head
        self.images = images
        self.percentiles = percentiles
        self.samples: list[dict[str, Any]] = []
        self.slices: dict[str, tuple[float, dict[str, np.ndarray]]] = {}

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forgets an earlier test."""
        self.samples, self.slices = [], {}

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keeps what may be drawn of this batch."""
        assert isinstance(outputs, Tensor)
        volumes = outputs.ndim == 5
        wanted = len(outputs) if volumes and self.images else max(0, self.images - len(self.samples))
        for index in range(min(len(outputs), wanted)):
            sample = {name: values[index] for name, values in batch.items()}
            sample["probabilities"] = probabilities(outputs[index : index + 1], self.head)[0]
            sample["threshold"] = torch.tensor(pl_module.test_metrics.threshold, dtype=torch.float64)
            if volumes:
                self.slices[sample["id"]] = truth_size(sample), pack_sample(slice_of(sample))
            else:
                self.samples.append({name: _plain(value) for name, value in sample.items()})

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draws."""
        # matplotlib takes a second that most imports of this package can do without
        from gequnet.figures import plot_predictions

        samples = self.samples + [unpack_sample(name, arrays) for name, arrays in self._shown_slices()]
        if samples and trainer.is_global_zero:
            plot_predictions(samples, self.path)
            np.savez_compressed(self.path.with_name("samples.npz"), allow_pickle=False, **self._arrays())

    def _shown_slices(self) -> list[tuple[str, dict[str, np.ndarray]]]:
        by_size = sorted(self.slices, key=lambda name: (self.slices[name][0], name))
        places = [round(percentile / 100 * (len(by_size) - 1)) for percentile in self.percentiles]
        names = [by_size[place] for place in dict.fromkeys(places)] if by_size else []
        return [(name, self.slices[name][1]) for name in names]

    def _arrays(self) -> dict[str, np.ndarray]:
        kept = [(sample["id"], pack_sample(sample)) for sample in self.samples] + self._shown_slices()
        return {f"{name}/{part}": array for name, arrays in kept for part, array in arrays.items()}


def _plain(value: Any) -> Any:
    return value.cpu() if isinstance(value, Tensor) else value
