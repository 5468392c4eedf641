"""The pictures of a run, sent to whatever logger can show them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
from PIL import Image
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger


class LogImages(pl.Callback):
    """Sends PNG files after the test, each under the file's stem.

    Args:
        paths: the files; those that no callback before this one has drawn are left out.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = [Path(path) for path in paths]

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Sends."""
        for path in self.paths:
            if trainer.is_global_zero and path.exists():
                # uint8 as it is in the file: wandb does not scale floats, a picture in [0, 1] would be black
                with Image.open(path) as picture:
                    self._send(trainer, path.stem, np.asarray(picture.convert("RGB")))

    @staticmethod
    def _send(trainer: pl.Trainer, name: str, pixels: np.ndarray) -> None:
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_image(name, [pixels])
            elif isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(name, pixels, trainer.global_step, dataformats="HWC")
