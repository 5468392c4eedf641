"""The curves of a training, drawn from its history."""

from pathlib import Path

import pytorch_lightning as pl


class Curves(pl.Callback):
    """Draws losses and scores against steps when the training has ended.

    Args:
        history: CSV that [`gequnet.callbacks.history.History`][] wrote; it must come earlier in the list.
        path: of the picture.
    """

    def __init__(self, history: str, path: str) -> None:
        self.history = Path(history)
        self.path = Path(path)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draws."""
        # matplotlib takes a second that most imports of this package can do without
        from gequnet.figures import plot_curves

        if trainer.is_global_zero and self.history.exists():
            plot_curves(self.history, self.path)
