"""Masks of straight lines, and angles between directions."""

import numpy as np


def line(degrees, width, side=101):
    """Mask of a straight line of this width through the middle, x to the right and y up."""
    x = np.arange(side) - side // 2
    y = -x[:, None]
    angle = np.radians(degrees)
    return abs(x * np.sin(angle) - y * np.cos(angle)) <= width / 2


def apart(one, other):
    """Angle between two directions in degrees, at most 90."""
    return abs((one - other + 90) % 180 - 90)
