"""Training, validation and test of a network as a LightningModule."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torchmetrics import Metric

from gequnet.distributed import all_gather
from gequnet.errors import ConfigError
from gequnet.inference.sliding_window import whole
from gequnet.train.finetune import Finetune

Batch = dict[str, Any]
Step = TypeVar("Step", bound=Callable[..., Any])
MONITOR = "val/dice"


def in_full_precision(step: Step) -> Step:
    """Decorator that runs a step without autocast, which is for training only.

    The float32 network is scored, and metrics of other libraries compute in their own precision.
    """

    @wraps(step)
    def outside(task: pl.LightningModule, *args: Any, **kwargs: Any) -> Any:
        with torch.autocast(task.device.type, enabled=False):
            return step(task, *args, **kwargs)

    return cast(Step, outside)


class SegmentationTask(pl.LightningModule):
    """Train ``net`` on batches of ``image``, ``mask``, ``valid`` and ``id``, some of which have a ``weight`` as well.

    It logs ``train/loss`` and ``train/lr`` at steps, ``val/loss`` and ``val/<score>`` at validations, ``test/<score>``
    at the end. ``val/dice`` is what selects a checkpoint. The keys of its state dict are those of the net after
    ``net.``, and a checkpoint holds tensors and plain types only.

    Args:
        net: image [B, C, *space] to logits [B, K, *space].
        loss: ``loss(logits, mask, valid)`` to a scalar that leaves out pixels outside ``valid``; where batches have a
            ``weight`` it gets that, too.
        metrics: ``metrics(full=...)`` makes the scores; the cheap ones validate, the full ones test.
        optimizer: makes an optimizer from parameter groups.
        scheduler: makes a schedule from an optimizer and the number of optimizer steps.
        inference: ``inference(net, image)`` to the logits of a whole image, at validation and test.
        finetune: learning rate of each part of the net; the same for all if ``None``.

    Example:
        >>> from functools import partial
        >>> from torchmetrics import SumMetric
        >>> task = SegmentationTask(
        ...     nn.Conv2d(1, 1, 3), nn.Identity(), lambda full: SumMetric(), partial(torch.optim.Adam, lr=0.1),
        ...     lambda optimizer, total_steps: torch.optim.lr_scheduler.ConstantLR(optimizer),
        ... )
        >>> list(task.state_dict())
        ['net.weight', 'net.bias']
    """

    net: nn.Module
    test_metrics: Any

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        metrics: Callable[..., Metric],
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[[Optimizer, int], LRScheduler],
        inference: Callable[[nn.Module, Tensor], Tensor] = whole,
        finetune: Finetune | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.loss = loss
        self.val_metrics = metrics(full=False)
        self.val_losses: list[float] = []
        self.test_metrics = metrics(full=True)
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.inference = inference
        self.finetune = finetune or Finetune()

    def setup(self, stage: str) -> None:
        """Freeze the parts that do not learn, before a training."""
        if stage == "fit":
            self.finetune.freeze(self.net)

    def forward(self, image: Tensor) -> Tensor:
        """Logits [B, K, *space] of images [B, C, *space]."""
        logits: Tensor = self.net(image)
        return logits

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of one batch of patches."""
        loss = self._loss(self(batch["image"]), batch)
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        self.log("train/loss", loss, prog_bar=True, batch_size=len(batch["id"]))
        self.log("train/lr", rate, batch_size=len(batch["id"]))
        return loss

    def _loss(self, logits: Tensor, batch: Batch) -> Tensor:
        weighted = getattr(self.loss, "weighted", False)
        more = {part: batch[part] for part in ("weight",) if part in batch and weighted}
        loss: Tensor = self.loss(logits, batch["mask"], batch["valid"], **more)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Reset scores and losses."""
        self.val_metrics.reset()
        self.val_losses = []

    @in_full_precision
    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Update scores and loss with one whole image."""
        logits = self.inference(self.net, batch["image"])
        loss = self._loss(logits, batch)
        self.val_metrics.update(logits, batch["mask"], batch["valid"], batch["id"])
        if "repeated" not in batch:  # counted by another rank
            self.val_losses += [float(loss)] * len(batch["id"])

    def on_validation_epoch_end(self) -> None:
        """Log means over the validation images, and step a schedule that depends on the score."""
        losses = [loss for part in all_gather(self.val_losses) for loss in part]
        self.log("val/loss", sum(losses) / len(losses), sync_dist=True)
        self._log_scores("val", self.val_metrics)
        if self.trainer.state.fn == "fit" and not self.trainer.sanity_checking:
            for config in self.trainer.lr_scheduler_configs:
                if isinstance(config.scheduler, ReduceLROnPlateau):
                    config.scheduler.step(float(self.trainer.callback_metrics[MONITOR]))

    def on_test_epoch_start(self) -> None:
        """Reset the scores; after the test they stay for the report."""
        self.test_metrics.reset()

    @in_full_precision
    def test_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Update the scores with one whole image; its logits go to the callbacks."""
        logits = self.inference(self.net, batch["image"])
        more = {part: batch[part] for part in ("instances", "spacing", "repeated", "field") if part in batch}
        self.test_metrics.update(logits, batch["mask"], batch["valid"], batch["id"], **more)
        return logits

    def on_test_epoch_end(self) -> None:
        """Log means over the test images, and scores pooled over pixels."""
        self._log_scores("test", self.test_metrics)

    def _log_scores(self, stage: str, metrics: Metric) -> None:
        for name, value in metrics.compute().items():
            key = f"{stage}/{name}"
            self.log(key, float(value), prog_bar=key == MONITOR, sync_dist=True)

    def configure_optimizers(self) -> Any:
        """Optimizer, and its schedule by optimizer step, or by validation if it depends on the score."""
        optimizer = self.finetune.scale_learning_rates(self.optimizer(self.finetune.parameter_groups(self.net)))
        total_steps = self.trainer.estimated_stepping_batches
        if total_steps < 1 or total_steps == float("inf"):
            raise ConfigError("The training has no end: give trainer.max_steps or trainer.max_epochs a number above 0.")
        config = {"scheduler": self.scheduler(optimizer, int(total_steps)), "interval": "step"}
        if isinstance(config["scheduler"], ReduceLROnPlateau):
            # Lightning steps by steps or epochs, not by validations; with this frequency it never steps itself.
            config |= {"monitor": MONITOR, "frequency": int(total_steps) + 1}
        return {"optimizer": optimizer, "lr_scheduler": config}
