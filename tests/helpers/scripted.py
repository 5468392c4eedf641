"""Training whose validations give scripted scores, and whose only weight counts the steps."""

import warnings
from pathlib import Path
from types import SimpleNamespace

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor, nn

NAN = float("nan")


class Scripted(pl.LightningModule):
    """Log the next pair of Dice and loss at each validation; one validation after each step."""

    def __init__(self, scores: list[tuple[float, float]]) -> None:
        super().__init__()
        self.scores = scores
        self.steps = nn.Parameter(torch.zeros(()))

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return -self.steps  # whose gradient is -1: SGD at 1 adds 1

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        dice, loss = self.scores[self.trainer.global_step - 1]
        self.log("val/dice", dice)
        self.log("val/loss", loss)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)


def trained(
    callbacks: list[pl.Callback],
    scores: list[tuple[float, float]],
    steps: int | None = None,
    resumed: Path | None = None,
    absent: list[str] | None = None,
) -> pl.Trainer:
    """Train, with a data module whose only class ``it`` does or does not occur in the validation images."""
    keeps = any(isinstance(callback, ModelCheckpoint) for callback in callbacks)
    trainer = pl.Trainer(
        accelerator="cpu", devices=1, max_steps=steps or len(scores), max_epochs=-1, val_check_interval=1,
        check_val_every_n_epoch=None, callbacks=callbacks, logger=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, enable_checkpointing=keeps,
    )  # fmt: skip
    task = Scripted(scores)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pl.LightningDataModule.from_datasets(torch.zeros(4), torch.zeros(1))  # type: ignore[arg-type]
        vars(data).update(vars(SimpleNamespace(absent_in_validation=absent or [], foreground_classes=["it"])))
        trainer.fit(task, datamodule=data, ckpt_path=resumed, weights_only=True)
    return trainer
