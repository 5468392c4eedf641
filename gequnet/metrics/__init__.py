"""Scores of a segmentation: one quantity a file, a function of one image; the class that gathers them over images.

An undefined quotient, 0/0, is 1 where prediction and target agree everywhere (nothing to find, nothing found) and 0
otherwise; an image without valid pixels scores nan and is left out of the mean, with a warning. A distance to a surface
that is not there is the diagonal of the image.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
