"""Stop of a training that diverges: at the first loss that is not finite, in all processes."""

import math
from typing import Any, cast

import pytorch_lightning as pl
import torch

from gequnet.distributed import all_gather
from gequnet.errors import GequnetError
from gequnet.train.graceful_stop import any_rank

NAMED = 8  # images that the message names; it counts the others


class DivergedError(GequnetError):
    """A loss, or weights, that are not finite; raised in every process of a training."""

    def __init__(self, what: str, step: int, ids: list[str], rate: float, precision: str) -> None:
        shown = ", ".join(ids[:NAMED]) + (f" and {len(ids) - NAMED} more" if len(ids) > NAMED else "")
        super().__init__(
            f"{what} at step {step}, with a batch of the images {shown}: try a smaller optim.lr (its schedule is at "
            f"{rate:g}){_advice(precision)}, or check these images and their masks."
        )


class FiniteLoss(pl.Callback):
    """Raise ``DivergedError`` in all processes after the step at which one of them has a loss that is not finite.

    Weights are looked at before each validation, so none that are not finite can become the best. Lightning calls
    callbacks that write checkpoints after all others, so the last checkpoint is one of before.
    """

    def __init__(self) -> None:
        self.step, self.ids = 0, list[str]()

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, *_: Any) -> None:
        """Note the step and the images."""
        self.step, self.ids = trainer.global_step + 1, list(batch["id"])

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any) -> None:
        """Stop all ranks if the loss of one of them is not finite."""
        loss = float(outputs["loss"])
        if any_rank(trainer, not math.isfinite(loss)):
            raise self._error(trainer, "loss", None if math.isfinite(loss) else loss)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop all ranks if a weight is not finite."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self.check_weights(trainer, pl_module)

    def check_weights(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Raise DivergedError in all ranks if a weight of one of them is not finite."""
        if any_rank(trainer, not finite_weights(cast(torch.nn.Module, pl_module.net))):
            raise self._error(trainer, "weight", math.nan)

    def _error(self, trainer: pl.Trainer, kind: str, value: float | None) -> DivergedError:
        """The same error in every rank; its images are those of the ranks that have the value."""
        found = [each for each in all_gather((value, self.ids)) if each[0] is not None]
        what = f"The loss is {found[0][0]}" if kind == "loss" else "The weights are not finite"
        ids = list(dict.fromkeys(name for _, names in found for name in names))
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        return DivergedError(what, self.step, ids, rate, str(trainer.precision))


def finite_weights(module: torch.nn.Module) -> bool:
    """True if every parameter, and every number of a batch norm, is finite."""
    tensors = [*module.parameters(), *module.buffers()]
    sums = [tensor.detach().float().sum() for tensor in tensors if tensor.is_floating_point()]
    return bool(torch.stack(sums).isfinite().all()) if sums else True


def require_finite_weights(trainer: pl.Trainer) -> None:
    """Raise DivergedError before weights are written that are not finite; every rank must call it."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, FiniteLoss):
            callback.check_weights(trainer, trainer.lightning_module)


def _advice(precision: str) -> str:
    """Precisions in which numbers overflow later than in this one.

    >>> _advice("16-mixed"), _advice("32-true")
    (', trainer.precision=32-true or bf16-mixed', '')
    """
    if precision.startswith("16"):
        return ", trainer.precision=32-true or bf16-mixed"
    return ", trainer.precision=32-true" if precision.startswith("bf16") else ""
