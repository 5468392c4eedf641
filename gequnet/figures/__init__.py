"""Figures, drawn with matplotlib's objects and without pyplot.

So no global state changes, no window opens, and any thread may draw. One figure per file, none depends on a run.
"""

from gequnet.figures.confusion import plot_confusion
from gequnet.figures.contours import plot_contours
from gequnet.figures.curves import plot_curves
from gequnet.figures.differences import Difference, plot_differences
from gequnet.figures.orientation import plot_orientation
from gequnet.figures.panel import plot_panel
from gequnet.figures.pareto import plot_pareto
from gequnet.figures.patches import plot_patches
from gequnet.figures.predictions import plot_predictions
from gequnet.figures.scales import plot_scales
from gequnet.figures.trainings import plot_trainings

__all__ = [
    "Difference",
    "plot_confusion",
    "plot_contours",
    "plot_curves",
    "plot_differences",
    "plot_orientation",
    "plot_panel",
    "plot_pareto",
    "plot_patches",
    "plot_predictions",
    "plot_scales",
    "plot_trainings",
]
