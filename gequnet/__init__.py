"""Segmentation with symmetric networks: equivariant U-Nets, trained and fairly compared."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gequnet.predictor import Predictor

__all__ = ["load"]


def load(run: str | Path) -> "Predictor":
    """The network of a finished run as a function of images, see ``gequnet.predictor.Predictor``.

    Args:
        run: The run's folder; nothing else is needed.

    Raises:
        ConfigError: It is not the folder of a finished run.
    """
    from gequnet.predictor import Predictor  # which knows Hydra; layers and nets do without

    return Predictor.of_run(run)
