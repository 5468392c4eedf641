"""Duration of a training step, and of the prediction of a test image, on this machine."""

import statistics
import time
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

WARM_UP = 10  # steps that are all timed; later only every tenth, as timing waits for the GPU


class Timing(pl.Callback):
    """Measure two medians in seconds.

    ``seconds_per_training_step`` is forward, backward and optimizer, without data loading. ``seconds_per_test_image``
    is the network on a whole image: the sum of all windows with sliding-window inference.
    """

    when = frozenset({"fit", "test", "tta"})

    def __init__(self) -> None:
        self.training: list[float] = []
        self.test: list[float] = []
        self.started = 0.0
        self.passes: list[float] | None = None  # of the present test image
        self.hooks: list[Any] = []

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Start the clock."""
        if self._timed(trainer.fit_loop.total_batch_idx):
            self.started = _now()

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Stop the clock."""
        if self._timed(trainer.fit_loop.total_batch_idx):
            self.training.append(_now() - self.started)

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add hooks with a clock to the network."""
        net = pl_module.net
        assert isinstance(net, nn.Module)
        self.hooks = [net.register_forward_pre_hook(self._start), net.register_forward_hook(self._stop)]

    def on_test_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Start to time the passes."""
        self.passes = []

    def on_test_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any) -> None:
        """End timing, so that passes of later callbacks do not count."""
        if self.passes:
            self.test.append(sum(self.passes) / len(outputs))
        self.passes = None

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remove the hooks."""
        for hook in self.hooks:
            hook.remove()

    def results(self) -> dict[str, float]:
        """Medians in seconds; nan without a training or a test."""
        return {
            "seconds_per_training_step": statistics.median(self.training or [float("nan")]),
            "seconds_per_test_image": statistics.median(self.test or [float("nan")]),
        }

    @staticmethod
    def _timed(step: int) -> bool:
        return step < WARM_UP or step % WARM_UP == 0

    def _start(self, net: nn.Module, inputs: Any) -> None:
        self.started = _now()

    def _stop(self, net: nn.Module, inputs: tuple[torch.Tensor], logits: torch.Tensor) -> None:
        if self.passes is not None:
            self.passes.append(_now() - self.started)


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
