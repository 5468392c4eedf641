"""The best checkpoint of a training, by its validations."""

import math
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

from gequnet.callbacks.monitored import LOSS, is_blind

LATER = "last"
"""Name of the last criterion, where neither score nor loss decides: the later validation."""


class BestCheckpoint(ModelCheckpoint):
    """Keep the checkpoint with the best monitored score; of equal or undefined scores that with the lowest loss.

    If the losses are equal or undefined as well, the later checkpoint is kept. ``selected_by`` says what has decided.
    With ``save_top_k`` other than 1 it is Lightning's ``ModelCheckpoint``.

    Args:
        settings: of Lightning's ``ModelCheckpoint``, such as ``monitor`` and ``mode``.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.best: dict[str, float] = {}
        self.selected_by: str | None = None

    @property
    def state_key(self) -> str:
        """Lightning's, so that a training of version 0.1.0 can be continued."""
        return super().state_key.replace(type(self).__qualname__, ModelCheckpoint.__qualname__, 1)

    def state_dict(self) -> dict[str, Any]:
        """Lightning's state, with the scalars of the best validation, so that a resumed training decides equally."""
        return super().state_dict() | {"best": self.best, "selected_by": self.selected_by}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state; one of version 0.1.0 has the score only."""
        super().load_state_dict(state_dict)
        if self.best_model_score is not None:
            self.best = state_dict.get("best", {self.monitor: float(self.best_model_score)})
            self.selected_by = state_dict.get("selected_by", self.monitor)

    def check_monitor_top_k(self, trainer: pl.Trainer, current: Tensor | None = None) -> bool:
        """Decide on all ranks alike if the last validation is the best so far, and note what decided."""
        if current is None or self.save_top_k != 1 or self.monitor is None:
            return super().check_monitor_top_k(trainer, current)
        last = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val/")}
        last[self.monitor] = float(current)
        blind = is_blind(trainer, self.monitor)
        better, place = decide(self._ranking(last, blind), self._ranking(self.best, blind))
        better = trainer.strategy.reduce_boolean_decision(better)
        criteria = [self.monitor, LOSS, LATER]
        if better:
            self.best = last
        elif self.selected_by in criteria:
            place = max(place, criteria.index(self.selected_by))
        self.selected_by = criteria[place]
        return better

    def _ranking(self, scalars: dict[str, float], blind: bool) -> list[float]:
        """Score and loss as numbers of which the higher is better; minus infinity where one is undefined."""
        sign = 1 if self.mode == "max" else -1
        values = [math.nan if blind else sign * scalars.get(self.monitor or "", math.nan), -scalars.get(LOSS, math.nan)]
        return [value if math.isfinite(value) else -math.inf for value in values]


def decide(new: Sequence[float], old: Sequence[float]) -> tuple[bool, int]:
    """If the new numbers are better, and the place of the first that differs; of equal ones the new are better.

    >>> decide([0.5, -1.0], [0.5, -2.0]), decide([0.4, -1.0], [0.5, -2.0]), decide([0.5, -2.0], [0.5, -2.0])
    ((True, 1), (False, 0), (True, 2))
    """
    for place, (ours, theirs) in enumerate(zip(new, old, strict=True)):
        if ours != theirs:
            return ours > theirs, place
    return True, len(new)
