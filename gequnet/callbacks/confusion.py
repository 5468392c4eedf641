"""Confusion matrix of the test, as a table and as a picture."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from gequnet.metrics.confusion import ConfusionMatrices
from gequnet.runs.layout import write_rows


class Confusion(pl.Callback):
    """Write ``confusion.csv`` and draw ``confusion.png`` after the test, from the pixels inside ``valid``.

    A row of the table has ``region, truth, predicted, pixels, share``; the share is among the pixels of ``truth``.
    Overlapping regions have a matrix each; exclusive classes have one, under ``all``.

    Args:
        path: of the table.
        head: ``sigmoid`` or ``softmax``.
        class_names: one for each logit.
        background: name of the pixels in none of the regions; None: ``rest``.
    """

    when = frozenset({"fit"})

    def __init__(self, path: str, head: str, class_names: Sequence[str], background: str | None = None) -> None:
        self.path = Path(path)
        self.matrices = ConfusionMatrices(len(class_names), head)
        rest = background or "rest"
        self.names = {"all": list(class_names)} if head == "softmax" else {name: [rest, name] for name in class_names}

    def files(self) -> dict[str, Path]:
        """Table and picture."""
        return {"confusion": self.path, "confusion matrix": self.path.with_suffix(".png")}

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Reset the counts."""
        self.matrices.to(pl_module.device).reset()

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Add the pixels of the batch."""
        threshold = pl_module.test_metrics.threshold
        self.matrices.update(outputs, batch["mask"], batch["valid"], batch["id"], threshold)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write and draw on the first rank, from the counts of all ranks."""
        # matplotlib takes a second to import
        from gequnet.figures import plot_confusion

        matrices = dict(zip(self.names, self.matrices.compute().cpu(), strict=True))
        if trainer.is_global_zero:
            write_rows(self.path, [row for region in matrices for row in self._rows(region, matrices[region])])
            plot_confusion(
                {region: matrix.numpy() for region, matrix in matrices.items()},
                self.names,
                self.path.with_suffix(".png"),
            )

    def _rows(self, region: str, matrix: Tensor) -> Iterator[dict[str, Any]]:
        for truth, numbers in zip(self.names[region], matrix.tolist(), strict=True):
            for predicted, pixels in zip(self.names[region], numbers, strict=True):
                share = pixels / sum(numbers) if sum(numbers) else None
                yield {"region": region, "truth": truth, "predicted": predicted, "pixels": pixels, "share": share}
