"""The human baseline: how well a second observer agrees with the first, by the scores of the network."""

import logging
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from torchmetrics import Metric

from gequnet.metrics.scores import is_pooled

log = logging.getLogger(__name__)


class SecondObserver(pl.Callback):
    """Scores the second observer's masks of the test images against the truth, where the dataset has them.

    A network that agrees with the first observer better than another human does has learned that observer.

    Args:
        metrics: ``metrics(full=True)`` makes the scores of the test.
    """

    # A label says yes or no; so do logits far from zero.
    CERTAIN = 10.0

    def __init__(self, metrics: Callable[..., Metric]) -> None:
        self.metrics = metrics(full=True)
        self.images = 0
        self.scores: dict[str, float] = {}

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forgets an earlier test."""
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
        """Adds the second masks of this batch, if there are any."""
        if "second" not in batch:
            return
        logits = self.CERTAIN * (2.0 * batch["second"].unsqueeze(1) - 1)
        self.metrics.update(logits, batch["mask"], batch["valid"], batch["id"], spacing=batch.get("spacing"))
        self.images += len(batch["id"])

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Means over the images of all ranks, which have to take part; a rank without such an image leaves all out."""
        fewest = trainer.strategy.reduce(torch.tensor(self.images, device=pl_module.device), reduce_op="min")
        if int(fewest) > 0:
            self.scores = {name: value for name, value in self.metrics.compute().items() if not is_pooled(name)}
        elif self.images > 0:
            log.warning("The second observer is not scored: give each process an image that has one, or use fewer.")

    def results(self) -> dict[str, Any]:
        """The scores that a yes or no has, under ``second_observer``; nothing where there is no second observer."""
        return {"second_observer": self.scores} if self.scores else {}
