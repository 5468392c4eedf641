"""Maps as the pages of a TIFF."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

TILED = 4096
"""Longer sides are written in tiles, so that viewers and readers of windows need not decode whole rows."""
LARGEST = 2**32 - 2**25
"""Bytes up to which offsets of 32 bits are enough, whatever compression does."""


def write_tiff(
    path: Path,
    pages: UInt8[np.ndarray, "pages h w"] | Float32[np.ndarray, "pages h w"],
    further: Mapping[str, Any] | None = None,
) -> None:
    """Writes pages of grey, packed without loss (deflate), as BigTIFF where they need it.

    Args:
        path: The file.
        pages: Labels or probabilities; may be mapped from a file larger than the memory.
        further: What else ``tifffile.imwrite`` is told: resolution, tags.
    """
    import tifffile

    large = pages.nbytes > LARGEST
    tile: dict[str, Any] = {"tile": (512, 512)} if max(pages.shape[1:]) > TILED else {}
    given: dict[str, Any] = {"metadata": None, **(further or {})}
    if given.get("imagej") and large:
        given |= {"imagej": False, "metadata": None}
    shown = pages if len(pages) > 1 else pages[0]
    tifffile.imwrite(
        path, shown, photometric="minisblack", compression="zlib", bigtiff=large, maxworkers=1, **tile, **given
    )
