"""Learning curves of a training."""

from pathlib import Path

import pytorch_lightning as pl


class Curves(pl.Callback):
    """Draw losses and scores against steps after the training.

    Args:
        history: CSV of [`gequnet.callbacks.history.History`][], which must come earlier in the list of callbacks.
        path: of the picture.
    """

    when = frozenset({"fit"})

    def __init__(self, history: str, path: str) -> None:
        self.history = Path(history)
        self.path = Path(path)

    def files(self) -> dict[str, Path]:
        """The picture."""
        return {"curves": self.path}

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw on the first rank."""
        # matplotlib takes a second to import
        from gequnet.figures import plot_curves

        if trainer.is_global_zero and self.history.exists():
            plot_curves(self.history, self.path)
