"""Pictures, drawn through matplotlib's objects, never through pyplot.

So nothing global changes, no window opens, and any thread may draw. One picture a file; none knows what a run is.
"""

from gequnet.figures.curves import plot_curves
from gequnet.figures.predictions import plot_predictions

__all__ = ["plot_curves", "plot_predictions"]
