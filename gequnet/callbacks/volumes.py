"""Predictions for the first test volumes, as NIfTI files that overlay the originals."""

from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from gequnet.data.datamodule import SegmentationDataModule
from gequnet.data.datasets.volumes import VolumeSource
from gequnet.data.formats.nifti import write_labels
from gequnet.heads import predicted_classes, probabilities


class Volumes(pl.Callback):
    """Write ``<path>/<id>.nii.gz`` for each test volume that was read from a file.

    The labels are the dataset's own, on the grid of its file, so a viewer shows them over the downloaded image. For 2-D
    images, phantoms and volumes at another scale nothing is written.

    Args:
        path: of the folder.
        head: ``sigmoid`` or ``softmax``.
        images: number of volumes for each process, the first ones; None for all.
    """

    when = frozenset({"test"})

    def __init__(self, path: str, head: str, images: int | None = None) -> None:
        self.path = Path(path)
        self.head = head
        self.images = images
        self.written = 0

    def files(self) -> dict[str, Path]:
        """The folder."""
        return {"volumes": self.path}

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Reset the number of written volumes."""
        self.written = 0

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write the volumes of the batch, until there are enough."""
        data = getattr(trainer, "datamodule", None)  # None if the test is on other images than the data module's
        if not isinstance(data, SegmentationDataModule) or not isinstance(data.source, VolumeSource):
            return
        if "repeated" in batch:  # another rank writes it
            return
        masks = predicted_mask(outputs, self.head, pl_module.test_metrics.threshold)
        for sample_id, mask in zip(batch["id"], masks, strict=True):
            geometry = data.scenes[sample_id][0].geometry
            if geometry is not None and (self.images is None or self.written < self.images):
                write_labels(self.path / f"{sample_id}.nii.gz", data.source.labels_of(mask), geometry)
                self.written += 1


def predicted_mask(logits: Float[Tensor, "b k *space"], head: str, threshold: float = 0.5) -> UInt8[np.ndarray, "..."]:
    """Prediction in the form of a dataset's masks: ``[B, *space]`` class indices, or ``[B, K, *space]`` regions.

    >>> logits = torch.tensor([[[-1.0, 2.0]], [[3.0, -4.0]]])
    >>> predicted_mask(logits, "sigmoid").tolist(), predicted_mask(logits.transpose(0, 1), "softmax").tolist()
    ([[0, 1], [1, 0]], [[1, 0]])
    """
    classes = predicted_classes(probabilities(logits, head), head, threshold)
    if head == "softmax":
        mask = classes.to(torch.uint8).argmax(1)
    else:
        mask = classes[:, 0] if classes.shape[1] == 1 else classes
    return mask.to(torch.uint8).cpu().numpy()
