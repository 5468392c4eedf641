"""Sums of plane waves on a grid of any dimension: texture that rotates and scales without interpolation."""

import math

import numpy as np
from jaxtyping import Float64


def grid_axis(side: int) -> Float64[np.ndarray, " side"]:
    """Pixel centres along one axis, in pixels from the centre of the picture."""
    return np.arange(side) - (side - 1) / 2


def draw_waves(
    frequencies: Float64[np.ndarray, "n dims"],
    phases: Float64[np.ndarray, " n"],
    amplitudes: Float64[np.ndarray, " n"],
    side: int,
) -> Float64[np.ndarray, "..."]:
    r"""Sum of plane waves :math:`\sum_i a_i \cos(2\pi\, f_i \cdot x + \varphi_i)`, *f* per pixel, ``[side, …]``.

    Many waves of random direction look like noise, but they are a function of space: rotating the frequencies rotates
    the texture, dividing them magnifies it.
    """
    # A wave is a product over the axes: multiply out all but the first axis, then sum the waves by one matrix product.
    angles = 2 * math.pi * frequencies[:, :, None] * grid_axis(side)
    angles[:, 0] += phases[:, None]
    first, *others = np.moveaxis(np.cos(angles) + 1j * np.sin(angles), 1, 0)
    rest = np.ones((len(first), 1), dtype=complex)
    for other in others:
        rest = (rest[:, :, None] * other[:, None, :]).reshape(len(rest), -1)
    weighted = amplitudes[:, None] * first
    summed = weighted.real.T @ rest.real - weighted.imag.T @ rest.imag
    return summed.reshape((side,) * frequencies.shape[1])
