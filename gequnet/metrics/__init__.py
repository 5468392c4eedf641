"""Scores of a segmentation: functions of one image, their records, and the metric that collects them over images.

An undefined quotient, 0/0, is 1 where prediction and target are equal everywhere (for example both empty) and 0
otherwise. An image without valid pixels scores nan and is left out of the mean, with a warning. A distance to a missing
surface is the diagonal of the image.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
