"""Reading of windows of a TIFF, by memory map or by decoding strips or tiles, and writing of pages."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped, UInt8

from gequnet.data.formats.read_errors import DECODE_ERRORS
from gequnet.data.formats.tiff_names import name_of
from gequnet.data.formats.tiff_parts import check_parts


def tifffile_can_read(page: Any) -> bool:
    """True if tifffile can decode the page: grey, RGB or numbers of a palette, with a supported compression."""
    plain = page.bitspersample in (1, 8, 16, 32, 64) and page.imagedepth == 1
    return plain and _known_kind(page) and _has_decoder(page)


def _has_decoder(page: Any) -> bool:
    """True if the modules for the compression are installed; the function of a missing one raises at its call."""
    from tifffile import TIFF

    try:
        decode, _ = TIFF.DECOMPRESSORS[page.compression], TIFF.UNPREDICTORS[page.predictor]
        with suppress(*DECODE_ERRORS):
            decode(b"")
    except (KeyError, ImportError):
        return False
    return True


def _known_kind(page: Any) -> bool:
    """True if the meaning of the values is known."""
    kind, alone = name_of(page.photometric), page.samplesperpixel == 1
    if kind == "PALETTE":
        return alone and page.bitspersample in (1, 8)
    return kind in ("MINISBLACK", "RGB") or (kind == "MINISWHITE" and alone and np.dtype(page.dtype).kind in "bu")


def read_window(
    series: Any, axes: tuple[str, Sequence[int]], where: Sequence[int], rows: slice, columns: slice
) -> Shaped[np.ndarray, "c h w"]:
    """Read a window of one plane of a series, ``[C, H, W]``.

    Args:
        series: Series of tifffile.
        axes: Letters and lengths of its axes: ``Y`` rows, ``X`` columns, ``S`` or ``C`` channels, any other for planes.
        where: Index of the plane along each of the other axes.
        rows: Rows of the window.
        columns: Columns of the window.
    """
    letters, lengths = axes
    left = iter(where)
    parts = {"Y": rows, "X": columns, "S": slice(None), "C": slice(None)}
    index = tuple(parts[letter] if letter in parts else next(left) for letter in letters)
    if not series.dataoffset:
        outer = len(letters) - sum(side > 1 or axis in "YX" for axis, side in _axes_of(series.keyframe))
        numbers = np.arange(len(series.pages)).reshape(tuple(lengths[:outer]))[index[:outer]]
        return np.concatenate([_window_of_page(series.pages[number], rows, columns) for number in np.ravel(numbers)])
    file = series.keyframe.parent
    dtype = np.dtype(file.byteorder + series.dtype.char)
    on_disk = file.filehandle.is_file
    stored = np.memmap(file.filehandle.path, dtype, "r", series.dataoffset, tuple(lengths)) if on_disk else None
    values = (series.asarray().reshape(tuple(lengths)) if stored is None else stored)[index]
    kept = [letter for letter in letters if letter in parts]
    if len(kept) < 3:
        values, kept = values[None], ["C", *kept]
    order = sorted(range(3), key=lambda axis: "SCYX".index(kept[axis]))
    return values.transpose(order).astype(dtype.newbyteorder("="))


def _axes_of(page: Any) -> list[tuple[str, int]]:
    return list(zip(page.axes, page.shape, strict=True))


def _window_of_page(page: Any, rows: slice, columns: slice) -> Shaped[np.ndarray, "c h w"]:
    """Window of one page, decoded from the strips or tiles that it touches."""
    key = page.keyframe
    separate, _, length, width, contiguous = key.shaped
    high, wide = (key.tilelength, key.tilewidth) if key.is_tiled else (min(key.rowsperstrip, length), width)
    down, across = -(-length // high), -(-width // wide)
    window = np.full(
        (separate, rows.stop - rows.start, columns.stop - columns.start, contiguous), key.nodata, key.dtype
    )
    numbers = [
        (sample * down + i) * across + j
        for sample in range(separate)
        for i in range(rows.start // high, -(-rows.stop // high))
        for j in range(columns.start // wide, -(-columns.stop // wide))
    ]
    offsets, counts = ([kept[number] for number in numbers] for kept in (page.dataoffsets, page.databytecounts))
    check_parts(offsets, counts)
    for data, number in key.parent.filehandle.read_segments(offsets, counts, indices=numbers):
        segment, (sample, _, top, left, _), (_, deep, broad, _) = key.decode(data, number, jpegtables=page.jpegtables)
        if segment is not None:  # None is an empty segment
            first, last = max(rows.start, top), min(rows.stop, top + deep)
            begin, end = max(columns.start, left), min(columns.stop, left + broad)
            overlap = segment[0, first - top : last - top, begin - left : end - left]
            window[sample, first - rows.start : last - rows.start, begin - columns.start : end - columns.start] = (
                overlap
            )
    return window.transpose(0, 3, 1, 2).reshape(-1, *window.shape[1:3])


TILED = 4096
"""Side in pixels above which a file is written in tiles, so that readers of windows need not decode whole rows."""
LARGEST = 2**32 - 2**25
"""Bytes up to which 32-bit offsets are enough, with any result of the compression."""


def write_tiff(
    path: Path,
    pages: UInt8[np.ndarray, "pages h w"] | Float32[np.ndarray, "pages h w"],
    further: Mapping[str, Any] | None = None,
) -> None:
    """Write grey pages with lossless compression (deflate), as BigTIFF if necessary.

    Args:
        path: Target file.
        pages: Labels or probabilities; may be a memory map larger than the memory.
        further: Additional arguments of ``tifffile.imwrite``: resolution, tags.
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
