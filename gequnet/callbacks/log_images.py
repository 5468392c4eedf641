"""Pictures of a run for its loggers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
from PIL import Image
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger

from gequnet.runs.callback_outputs import PICTURE, files_of


class LogImages(pl.Callback):
    """Send the pictures of all callbacks to W&B and TensorBoard after the test, each under the name of its file.

    Args:
        paths: of the pictures to send; None for those that callbacks name in ``files()``. Missing files are skipped.
    """

    def __init__(self, paths: Sequence[str] | None = None) -> None:
        self.paths = None if paths is None else [Path(path) for path in paths]

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Send, after all callbacks have drawn, wherever they stand in the list."""
        if stage != "test" or not trainer.is_global_zero or not trainer.loggers:
            return
        drawn = files_of(trainer.callbacks, PICTURE).values()  # type: ignore[attr-defined]
        for path in drawn if self.paths is None else self.paths:
            if path.exists():
                # uint8 as in the file: wandb does not scale floats, and a picture in [0, 1] would be black
                with Image.open(path) as picture:
                    self._send(trainer, path.stem, np.asarray(picture.convert("RGB")))

    @staticmethod
    def _send(trainer: pl.Trainer, name: str, pixels: np.ndarray) -> None:
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_image(name, [pixels])
            elif isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(name, pixels, trainer.global_step, dataformats="HWC")
