"""States of the random generators in checkpoints."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from gequnet.distributed import all_gather


class RandomState(pl.Callback):
    """Save and restore the states of the global random generators of every process.

    Patches and their augmentation are functions of (seed, epoch, index) and do not use them. Dropout and the scales of
    a batch do. The states are restored just before the first step, as building the run uses the generators, too. With
    another number of processes each starts from the state of the first rank.
    """

    def __init__(self) -> None:
        self.waiting: list[dict[str, Any]] | None = None

    def state_dict(self) -> dict[str, Any]:
        """States of the generators of all processes."""
        own = {
            "cpu": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }
        return {"states": all_gather(own)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the states until the first step."""
        self.waiting = state_dict["states"]

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Restore the states before the first step."""
        if self.waiting is None:
            return
        states, self.waiting = self.waiting, None
        own = states[trainer.global_rank if len(states) == trainer.world_size else 0]
        torch.set_rng_state(own["cpu"].cpu())
        cuda: list[Tensor] = [state.cpu() for state in own["cuda"]]
        if torch.cuda.is_available() and len(cuda) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(cuda)
