"""What is drawn by lot during a training, drawn on after an interruption as if there had been none."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from gequnet.distributed import all_gather


class RandomState(pl.Callback):
    """Puts the state of every process's generators into checkpoints, and takes it from there.

    Patches and their augmentation are functions of (seed, epoch, index) and need none of it. Dropout, and which scales
    a batch is seen at, are drawn from the global generators. Their state is set just before the first step, as whatever
    is built before draws from them, too. Another number of processes starts from the first one's state.
    """

    def __init__(self) -> None:
        self.waiting: list[dict[str, Any]] | None = None

    def state_dict(self) -> dict[str, Any]:
        """The generators' states, of all processes."""
        own = {
            "cpu": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }
        return {"states": all_gather(own)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keeps them until the first step."""
        self.waiting = state_dict["states"]

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Sets them."""
        if self.waiting is None:
            return
        states, self.waiting = self.waiting, None
        own = states[trainer.global_rank if len(states) == trainer.world_size else 0]
        torch.set_rng_state(own["cpu"].cpu())
        cuda: list[Tensor] = [state.cpu() for state in own["cuda"]]
        if torch.cuda.is_available() and len(cuda) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(cuda)
