"""Human baseline: scores of a second observer against the first."""

import logging
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from torchmetrics import Metric

from gequnet.heads import CERTAIN
from gequnet.metrics.scores import is_pooled

log = logging.getLogger(__name__)


class SecondObserver(pl.Callback):
    """Score the second observer's masks of the test images against the truth, if the dataset has them.

    A network that scores higher has learned the style of the first observer.

    Args:
        metrics: ``metrics(full=True)`` makes the metrics of the test.
    """

    when = frozenset({"test"})

    def __init__(self, metrics: Callable[..., Metric]) -> None:
        self.metrics = metrics(full=True)
        self.images = 0
        self.scores: dict[str, float] = {}

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Reset the scores."""
        self.metrics.to(pl_module.device).reset()
        self.images, self.scores = 0, {}

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Add the second masks of this batch, if there are any."""
        if "second" not in batch:
            return
        logits = CERTAIN * (2.0 * batch["second"].unsqueeze(1) - 1)
        more = {part: batch.get(part) for part in ("spacing", "field")}
        self.metrics.update(logits, batch["mask"], batch["valid"], batch["id"], **more)
        self.images += len(batch["id"])

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compute means over the images of all ranks; without results if a rank has no such image."""
        fewest = trainer.strategy.reduce(torch.tensor(self.images, device=pl_module.device), reduce_op="min")
        if int(fewest) > 0:
            self.scores = {name: value for name, value in self.metrics.compute().items() if not is_pooled(name)}
        elif self.images > 0:
            log.warning("The second observer is not scored, as a process has no image with one: use fewer processes.")

    def results(self) -> dict[str, Any]:
        """Scores of masks, under ``second_observer``; empty without a second observer."""
        return {"second_observer": self.scores} if self.scores else {}
