"""TIFF with one or more pages, 1 to 32 bits, in strips or tiles, read in windows."""

import io
import logging
import math
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped, UInt8
from torch import Tensor

from gequnet.data.errors import UnreadableFileError, UnsupportedImageError
from gequnet.data.formats.gdal_nodata import gdal_nodata
from gequnet.data.formats.image_file import InputSpec, UnfitImageError, Window
from gequnet.data.formats.orientation import TRANSPOSED_ORIENTATIONS, turned_upright
from gequnet.data.formats.raster import Raster, warn_of_transparency
from gequnet.data.formats.read_errors import decoding, first_bytes, unknown_content
from gequnet.data.formats.tiff_by_pillow import read_by_pillow, refusal_of
from gequnet.data.formats.tiff_names import name_of
from gequnet.data.formats.tiff_page_tags import different_tag
from gequnet.data.formats.tiff_pages import read_window, tifffile_can_read, write_tiff
from gequnet.data.formats.tiff_previews import is_preview

GEOGRAPHY = (33550, 33922, 34264, 34735, 34736, 34737)
"""Tags of the geographic position of a picture (GeoTIFF)."""
MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "micron": 1e-3, "um": 1e-3, "µm": 1e-3, "nm": 1e-6}
CENTIMETRE = 3
COLOUR_MAP = 320
ONE_BY_ONE = ("generic", "uniform")
"""Kinds of series of tifffile whose pages have tags of their own; a stack may have them on its first page only."""


class Tiff(Raster):
    """First image series of a TIFF.

    For a 2-D network each page is an image, and its labels have as many pages. For a 3-D network the pages are the
    first axis, depth, before rows and columns. Pages with LZW and JPEG compression, without ``imagecodecs``, are
    decoded whole, by Pillow; so are pages with an orientation, and those of float64, whose range must be known.

    The spacing is known if the file has a resolution per centimetre or metadata of ImageJ. Dots per inch are ignored,
    as they are those of a printer.
    """

    endings = (".tif", ".tiff")

    def __init__(self, path: Path, spec: InputSpec, content: bytes | None = None) -> None:
        super().__init__(path, spec)
        self._content = content
        self._checked: set[int] = set()
        self._file = _opened(path, content)
        try:
            with decoding(path):
                self._read_headers()
        except BaseException:
            self._file.close()
            raise

    def _read_headers(self) -> None:
        """Set size, channels, pages and spacing from the headers."""
        self.series = self._file.series[0]
        self.page = self.series.keyframe
        self.dtype = np.dtype(self.series.dtype)
        self._refuse_what_is_lost()
        axes, shape = self._axes
        self.depth = tuple(side for axis, side in zip(axes, shape, strict=True) if axis not in "YXSC")
        self.channels = math.prod(side for axis, side in zip(axes, shape, strict=True) if axis in "SC")
        plane = tuple(shape[axes.index(axis)] for axis in "YX")
        self.kind = name_of(self.page.photometric)
        self.transparent = tuple(map(int, self.page.extrasamples)) in ((1,), (2,))
        colours = 3 if self.kind in ("RGB", "YCBCR") else 1
        self.coloured = self.channels == colours + self.transparent
        self.orientation = self._orientation
        self._by_pillow = not tifffile_can_read(self.page)
        if self.orientation in TRANSPOSED_ORIENTATIONS:
            plane = plane[::-1]
        self.windowed = not self._by_pillow and self.orientation == 1 and self.dtype != np.float64
        if self.spec.spatial_dims == 2:
            self.space, self.pages = plane, math.prod(self.depth)
        else:
            self.space = (*self._one_depth(), *plane)
        self.spacing_mm, self.declared = self._spacing(), gdal_nodata(self.page)

    @cached_property
    def _axes(self) -> tuple[str, tuple[int, ...]]:
        """Letters and lengths of the axes longer than 1, and of rows and columns in any case."""
        pairs = [(a, n) for a, n in zip(self.series.axes, self.series.shape, strict=True) if n > 1 or a in "YX"]
        axes = "".join(axis for axis, _ in pairs)
        if axes.count("Y") != 1 or axes.count("X") != 1 or ("S" in axes and "C" in axes):
            raise UnreadableFileError(
                self.path, f"its axes are {self.series.axes}, and its rows and columns are not clear"
            )
        return axes, tuple(side for _, side in pairs)

    @property
    def _orientation(self) -> int:
        tag = self.page.tags.get(274)
        return int(tag.value) if tag is not None and int(tag.value) in range(1, 9) else 1

    def _one_depth(self) -> tuple[int]:
        if len(self.depth) != 1:
            came = "is one picture" if not self.depth else f"has pages along {len(self.depth)} axes"
            raise UnfitImageError(self.path, came, "volumes", "give the slices of one volume as pages")
        return (self.depth[0],)

    def _spacing(self) -> tuple[float, ...] | None:
        across, down = (self._per_unit(tag) for tag in (282, 283))
        metadata = self._file.imagej_metadata or {}
        unit = MM_PER_UNIT.get(str(metadata.get("unit")))
        tag = self.page.tags.get(296)
        if unit is None and tag is not None and int(tag.value) == CENTIMETRE:
            unit = MM_PER_UNIT["cm"]
        if unit is None or not across or not down:
            return None
        plane = (unit / down, unit / across)
        if self.spec.spatial_dims == 2:
            return plane
        return (metadata["spacing"] * unit, *plane) if "spacing" in metadata else None

    def _per_unit(self, number: int) -> float:
        tag = self.page.tags.get(number)
        return tag.value[0] / tag.value[1] if tag is not None and tag.value[1] else 0.0

    def _decode(self, page: int, window: Window) -> Tensor:
        if self.spec.spatial_dims == 2:
            return super()._decode(page, window)
        planes, rows, columns = range(*window[0].indices(self.space[0])), *window[1:]
        values = np.stack([self.values(plane, (rows, columns)) for plane in planes], 1)
        return self._image(values, self._empty(values))

    def values(self, page: int, window: Window) -> Shaped[np.ndarray, "c h w"]:
        """Values of a window of one page, ``[C, H, W]``."""
        rows, columns = window[-2:]
        with decoding(self.path):
            self._check_tags(page)
            values = self._stored(page, rows, columns)
        if self.transparent and self.spec.channels in (1, 3) and (values[-1] < values[-1].max(initial=0)).any():
            warn_of_transparency(self.path)
        return values

    def _check_tags(self, number: int) -> None:
        """Refuse a page with another orientation, palette or nodata value than the first page."""
        own = self.series.kind in ONE_BY_ONE and number < len(self.series.pages)
        if number in self._checked or not own:
            return
        other = different_tag(self.series.pages[number], self.page)
        if other is not None:
            came = f"has another {other} on page {number + 1} than on page 1"
            raise UnsupportedImageError(self.path, came, "save each page as a file of its own")
        self._checked.add(number)

    def _stored(self, page: int, rows: slice, columns: slice) -> Shaped[np.ndarray, "c h w"]:
        """Values of a window, upright and with white as the greatest, by the decoder that can read them."""
        if self._by_pillow:
            return read_by_pillow(self.path, self._content, self._page(page))[:, rows, columns]
        where = [int(index) for index in np.unravel_index(page, self.depth)] if self.depth else []
        whole = [slice(0, side) for side in self.page.shaped[2:4]]
        part = [rows, columns] if self.windowed else whole
        values = read_window(self.series, self._axes, where, *part)
        if self.kind == "MINISWHITE":
            values = np.invert(values)
        if not self.windowed:
            values = turned_upright(values, self.orientation)[:, rows, columns].copy()
        return values.astype(np.uint8) if self.kind == "PALETTE" else values

    def _page(self, number: int) -> Any:
        """Page of tifffile of a page of the file.

        Raises:
            UnsupportedImageError: If the channels of a page are pages of their own.
        """
        if len(self.series.pages) != math.prod(self.depth):
            came = f"has {len(self.series.pages)} packed pages for {math.prod(self.depth)} images"
            raise UnsupportedImageError(self.path, came, "save it without compression or with deflate")
        return self.series.pages[number]

    def in_values(self, number: float) -> float:
        """Convert a number of the file to the unit of ``values``, in which white is the greatest."""
        if self.kind != "MINISWHITE":
            return number
        return (1 if self.dtype.kind == "b" else int(np.iinfo(self.dtype).max)) - number

    def palette(self) -> UInt8[np.ndarray, "256 3"] | None:
        """Colours of the numbers in the file; None without a palette."""
        if self.kind != "PALETTE":
            return None
        if COLOUR_MAP not in self.page.tags:
            raise UnreadableFileError(self.path, "its palette has no colours")
        colours = np.reshape(self.page.tags[COLOUR_MAP].value, (3, -1)).T[:256] >> 8
        return np.pad(colours, ((0, 256 - len(colours)), (0, 0))).astype(np.uint8)

    def _refuse_what_is_lost(self) -> None:
        """Refuse unknown or complex numbers, missing strips, and further series that are not previews."""
        if self.series.dtype is None:
            raise refusal_of(self.path, self.page)
        if self.dtype.kind not in "biuf":
            raise UnsupportedImageError(self.path, f"holds values of the type {self.dtype}", "save real numbers")
        parts, listed = math.prod(self.page.chunked), len(self.page.dataoffsets)
        if listed < parts:
            raise UnreadableFileError(self.path, f"it lists {listed} of its {parts} strips or tiles")
        further = [*self.series.levels[1:], *self._file.series[1:]]
        others = [each for each in further if not is_preview(each, self.series)]
        if others:
            came = f"has {len(others) + 1} series of pictures of different sizes or kinds"
            raise UnsupportedImageError(self.path, came, "save each series as a file of its own")

    def write(
        self,
        path: Path,
        maps: UInt8[np.ndarray, "pages layers *space"] | Float32[np.ndarray, "pages layers *space"],
    ) -> None:
        """Write the layers of each page as pages, with the resolution and geographic position of this file."""
        pages = maps.reshape(-1, *self.space[-2:])
        write_tiff(path, pages, self._tags(len(pages)))

    def _tags(self, pages: int) -> dict[str, Any]:
        tags = self.page.tags
        metadata: dict[str, Any] = {}
        if 282 in tags and 283 in tags:
            metadata["resolution"] = (tags[282].value, tags[283].value)
            metadata["resolutionunit"] = int(tags[296].value) if 296 in tags else None
        known = {key: (self._file.imagej_metadata or {}).get(key) for key in ("unit", "spacing")}
        known = {key: value for key, value in known.items() if value is not None}
        if known and self.orientation == 1:
            return metadata | {"imagej": True, "metadata": {"axes": "ZYX" if pages > 1 else "YX", **known}}
        copied = [tags[code] for code in GEOGRAPHY if code in tags and self.orientation == 1]
        metadata["extratags"] = [(tag.code, int(tag.dtype), tag.count, tag.value, True) for tag in copied]
        return metadata

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._file.close()


def _opened(path: Path, content: bytes | None) -> Any:
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # an error of ours says it in one sentence
    with decoding(path):
        start = first_bytes(path, content)
        try:
            file = tifffile.TiffFile(path if content is None else io.BytesIO(content))
        except tifffile.TiffFileError:
            raise unknown_content(path, start) from None
    try:
        with decoding(path):
            if not file.series:
                raise UnreadableFileError(path, "there is no image in it")
    except BaseException:
        file.close()
        raise
    return file
