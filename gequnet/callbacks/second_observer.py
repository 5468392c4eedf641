"""The human baseline: how well a second observer agrees with the first, by the scores of the network."""

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
from torchmetrics import Metric


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

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forgets an earlier test."""
        self.metrics.to(pl_module.device).reset()
        self.images = 0

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
        self.metrics.update(logits, batch["mask"], batch["valid"], batch["id"])
        self.images += len(batch["id"])

    def results(self) -> dict[str, Any]:
        """The scores that a yes or no has, under ``second_observer``; nothing where there is no second observer."""
        if not self.images:
            return {}
        scores = {name: value for name, value in self.metrics.compute().items() if "auc" not in name}
        return {"second_observer": scores}
