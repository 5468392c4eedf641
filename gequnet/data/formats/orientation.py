"""EXIF orientation of an array."""

import numpy as np
from jaxtyping import Shaped

TRANSPOSED_ORIENTATIONS = (5, 6, 7, 8)
"""Values of the EXIF orientation tag that exchange rows and columns."""

FLIPPED_ROWS, FLIPPED_COLUMNS = (3, 4, 7, 8), (2, 3, 6, 7)
"""Values of the tag that reverse rows or columns, after their exchange."""


def turned_upright(values: Shaped[np.ndarray, "c h w"], orientation: int) -> Shaped[np.ndarray, "c rows columns"]:
    """View of stored values as a viewer shows them; unchanged for a number that is no orientation.

    >>> turned_upright(np.array([[[1, 2, 3], [4, 5, 6]]]), 6).tolist()
    [[[4, 1], [5, 2], [6, 3]]]
    """
    turned = values.transpose(0, 2, 1) if orientation in TRANSPOSED_ORIENTATIONS else values
    turned = turned[:, ::-1] if orientation in FLIPPED_ROWS else turned
    return turned[:, :, ::-1] if orientation in FLIPPED_COLUMNS else turned
