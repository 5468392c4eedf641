"""Predictions for some test images, as a picture and as arrays for other figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from gequnet.figures.samples import pack_sample, slice_of, truth_size, unpack_sample
from gequnet.heads import probabilities
from gequnet.runs.layout import RunFolder


class Predictions(pl.Callback):
    """Draw ``predictions.png`` after the test, and write ``samples.npz`` next to it.

    Of 2-D images the first ones are kept. Of each volume one slice is kept, and the volumes at the given percentiles of
    the size of the truth are drawn. Neither choice depends on the predictions. With several processes the images are
    those of the first rank. The arrays are those of [`gequnet.figures.samples.pack_sample`][], under ``<id>/``.

    Args:
        path: of the picture.
        head: ``sigmoid`` or ``softmax``.
        images: number of 2-D images; 0 for no volumes either.
        percentiles: of the size of the truth, for volumes.
    """

    when = frozenset({"test", "tta"})

    def __init__(self, path: str, head: str, images: int, percentiles: Sequence[int] = (10, 50, 90)) -> None:
        self.path = Path(path)
        self.head = head
        self.images = images
        self.percentiles = percentiles
        self.samples: list[dict[str, Any]] = []
        self.slices: dict[str, tuple[float, dict[str, np.ndarray]]] = {}

    def files(self) -> dict[str, Path]:
        """Picture and arrays."""
        return {"predictions": self.path, "samples": RunFolder(self.path.parent).samples}

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Delete the samples of an earlier test."""
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
        """Keep the samples of the batch that may be drawn."""
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
        """Draw and write on the first rank."""
        # matplotlib takes a second to import
        from gequnet.figures import plot_predictions

        samples = self.samples + [unpack_sample(name, arrays) for name, arrays in self._shown_slices()]
        if samples and trainer.is_global_zero:
            plot_predictions(samples, self.path)
            np.savez_compressed(self.files()["samples"], allow_pickle=False, **self._arrays())

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
