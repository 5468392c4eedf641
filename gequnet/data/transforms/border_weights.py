"""Pixel weights in the loss that stress the thin gaps between cells."""

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import ndimage
from torch import Tensor

from gequnet.data.scene import Scene
from gequnet.errors import ConfigError

Array = np.ndarray


class BorderWeights:
    r"""Weight of each pixel in the loss, larger between two cells that nearly touch.

    .. math:: w(x) = w_c(x) + w_0 \exp(-(d_1(x) + d_2(x))^2 / 2 \sigma^2)

    where :math:`d_1` and :math:`d_2` are the distances to the nearest and to the second nearest cell. Inside a cell
    :math:`d_1 = 0`, so pixels on both sides of its outline have about the same weight. :math:`w_c` balances classes: it
    is inverse to the share of the pixel's class among the valid pixels, and 1 on average over these. With one cell or
    none the weight is :math:`w_c`.

    Cells are the ``instances`` of a scene if it has them. Else the foreground is a membrane, and cells are the
    connected components of the background. Only pixels that share an edge are connected, so a membrane one pixel wide
    separates its two sides.

    Args:
        w0: Weight of a gap of width 0.
        sigma: Decay of the weight with the width of the gap, in pixels.
        balance: False for :math:`w_c = 1`.

    Raises:
        ConfigError: If a number is out of range, or the scene's classes overlap.

    References:
        Ronneberger, Fischer and Brox, U-Net, arXiv:1505.04597, equation 2.

    >>> mask = torch.tensor([[0, 0, 1, 0, 0, 0, 0]], dtype=torch.uint8)
    >>> weights = BorderWeights(w0=10.0, sigma=1.0, balance=False)
    >>> weights(Scene("two cells", mask.float()[None], mask, mask < 2))
    tensor([[1.1111, 2.3534, 2.3534, 2.3534, 1.1111, 1.0034, 1.0000]])
    """

    def __init__(self, w0: float = 10.0, sigma: float = 5.0, balance: bool = True) -> None:
        if w0 < 0 or sigma <= 0:
            raise ConfigError(f"data.weights: w0={w0} must be 0 or more, and sigma={sigma} must be above 0.")
        self.w0, self.sigma, self.balance = float(w0), float(sigma), balance

    def __call__(self, scene: Scene) -> Float[Tensor, "*space"]:
        """The weights of a scene's pixels."""
        if scene.mask.shape != scene.space:
            raise ConfigError(
                f"data.weights: {scene.id} has {len(scene.mask)} overlapping classes, and borders are between "
                "exclusive ones: set data.weights=null."
            )
        nearest, second = two_nearest(cells_of(scene))
        gaps = self.w0 * np.exp(-((nearest + second) ** 2) / (2 * self.sigma**2))
        return torch.from_numpy(gaps).float() + (balanced(scene) if self.balance else 1)


def cells_of(scene: Scene) -> Int[Array, "*space"]:
    """The scene's cells, each with a number of its own, and 0 between them."""
    if scene.instances is not None:
        return scene.instances.numpy()
    cells: Int[Array, "*space"] = ndimage.label(scene.mask.numpy() == 0)[0]
    return cells


def two_nearest(cells: Int[Array, "*space"]) -> tuple[Float[Array, "*space"], Float[Array, "*space"]]:
    """Distances of each pixel to the nearest and the second nearest cell, in pixels; infinite if there is none.

    Cells are numbered in binary. Two numbers differ in at least one digit, so the second nearest cell is the nearest
    one of those whose number differs from the nearest cell's in some digit. This takes two distance transforms a digit,
    18 for 500 cells, and is exact at any distance.

    Args:
        cells: One number for each cell, 0 between cells; a cell need not be connected.

    >>> two_nearest(np.array([[3, 0, 0, 7]]))
    (array([[0., 1., 1., 0.]]), array([[3., 2., 2., 3.]]))
    """
    names, numbers = np.unique(cells[cells != 0], return_inverse=True)
    if len(names) == 0:
        return np.full(cells.shape, math.inf), np.full(cells.shape, math.inf)
    between = cells == 0
    first, places = ndimage.distance_transform_edt(between, return_indices=True)
    count = np.zeros(cells.shape, np.int64)
    count[~between] = numbers
    nearest = count[tuple(places)]
    second = np.full(cells.shape, math.inf)
    for digit in range((len(names) - 1).bit_length()):
        for value in (0, 1):
            others = ndimage.distance_transform_edt(between | ((count >> digit & 1) == value))
            here = (nearest >> digit & 1) == value
            second[here] = np.minimum(second[here], others[here])
    return first, second


def balanced(scene: Scene) -> Float[Tensor, "*space"]:
    """Weights inverse to the share of a pixel's class among the valid pixels, 1 on average over them.

    Pixels of a class without valid pixels have weight 0.
    """
    classes = scene.mask.long()
    counts = torch.bincount(classes[scene.valid], minlength=int(classes.max()) + 1)
    share_out = counts.sum() / ((counts > 0).sum() * counts)
    return torch.where(counts > 0, share_out, 0.0)[classes]
