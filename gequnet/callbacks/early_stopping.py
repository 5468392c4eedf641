"""Early end of a training whose validations do not get better any more."""

import logging
import math
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning import callbacks
from pytorch_lightning.callbacks.early_stopping import EarlyStoppingReason
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor

from gequnet.callbacks.monitored import LOSS, monitored, validation_loss

log = logging.getLogger("gequnet")


class EarlyStopping(callbacks.EarlyStopping):
    """Stop after ``patience`` validations without a better score, and say so.

    Where the score is undefined, or exactly the best one again, it cannot tell: such a validation counts as better if
    the validation loss is lower than at the best one. So a score that stays constant, or undefined, stops no training
    whose loss still falls.

    Args:
        settings: of Lightning's ``EarlyStopping``, such as ``monitor``, ``mode`` and ``patience``.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.loss = self.best_loss = math.inf

    def state_dict(self) -> dict[str, Any]:
        """Lightning's state, with the loss of the best validation."""
        return super().state_dict() | {"best_loss": self.best_loss}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state; one of version 0.1.0 has no loss."""
        super().load_state_dict(state_dict)
        self.best_loss = state_dict.get("best_loss", math.inf)

    def _run_early_stopping_check(self, trainer: pl.Trainer) -> None:
        stopping = trainer.should_stop
        self.loss = validation_loss(trainer)
        self.score = monitored(trainer, self.monitor)
        super()._run_early_stopping_check(trainer)
        if trainer.should_stop and not stopping:
            rank_zero_only(log.info)(
                "early stopping after step %d: %s", trainer.global_step, self.stopping_reason_message
            )

    def _evaluate_stopping_criteria(self, current: Tensor) -> tuple[bool, str | None]:
        if math.isfinite(self.score) and self.score != float(self.best_score):
            before = self.best_score
            result = super()._evaluate_stopping_criteria(current)
            self.best_loss = self.loss if self.best_score is not before else self.best_loss
            return result
        return self._by_loss()

    def _by_loss(self) -> tuple[bool, str | None]:
        if self.loss < self.best_loss:
            self.best_loss, self.wait_count = self.loss, 0
            return False, None
        self.wait_count += 1
        if self.wait_count < self.patience:
            return False, None
        self.stopping_reason = EarlyStoppingReason.PATIENCE_EXHAUSTED
        return True, f"{self.monitor} is undefined or the same as before, and {LOSS} falls no more."
