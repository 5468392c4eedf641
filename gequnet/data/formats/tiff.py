"""TIFF with one or more pages, 1 to 32 bits, in strips or tiles, read in windows."""

import lzma
import math
import struct
import zlib
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped, UInt8
from torch import Tensor

from gequnet.data.errors import UnreadableFileError
from gequnet.data.formats.image_file import ImageFile, InputSpec, UnfitImageError, Window
from gequnet.data.formats.picture_files import open_picture
from gequnet.data.formats.picture_image import as_picture
from gequnet.data.formats.pictures import apply_exif_orientation
from gequnet.data.formats.tiff_pages import read_window, tifffile_can_read, write_tiff

GEOGRAPHY = (33550, 33922, 34264, 34735, 34736, 34737)
"""Tags of the geographic position of a picture (GeoTIFF)."""
MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "micron": 1e-3, "um": 1e-3, "µm": 1e-3, "nm": 1e-6}
CENTIMETRE = 3
DECODE_ERRORS = (OSError, EOFError, ValueError, LookupError, RuntimeError, struct.error, zlib.error, lzma.LZMAError)
"""Exceptions of the decoders for damaged files."""


class Tiff(ImageFile):
    """First image series of a TIFF.

    For a 2-D network each page is an image, and its labels have as many pages. For a 3-D network the pages are the
    first axis, depth, before rows and columns. Some kinds (palettes, LZW and JPEG compression without ``imagecodecs``,
    rotated pictures) are decoded whole, by Pillow.

    The spacing is known if the file has a resolution per centimetre or metadata of ImageJ. Dots per inch are ignored,
    as they are those of a printer.
    """

    endings = (".tif", ".tiff")

    def __init__(self, path: Path, spec: InputSpec) -> None:
        super().__init__(path, spec)
        self._file = _opened(path)
        try:
            self._read_headers()
        except BaseException:
            self._file.close()
            raise

    def _read_headers(self) -> None:
        """Set size, channels, pages and spacing from the headers."""
        self.series = self._file.series[0]
        self.page = self.series.keyframe
        self.dtype = np.dtype(self.series.dtype)
        axes, shape = self._axes
        self.depth = tuple(side for axis, side in zip(axes, shape, strict=True) if axis not in "YXSC")
        self.channels = math.prod(side for axis, side in zip(axes, shape, strict=True) if axis in "SC")
        plane = tuple(shape[axes.index(axis)] for axis in "YX")
        transparent = bool(set(map(int, self.page.extrasamples)) & {1, 2})
        self.coloured = self.page.photometric.name != "MINISBLACK" or transparent
        self._by_pillow = not tifffile_can_read(self.page) or self._orientation != 1
        if self._orientation > 4:
            plane = plane[::-1]
        self.windowed = not self._by_pillow
        if self.spec.spatial_dims == 2:
            self.space, self.pages = plane, math.prod(self.depth)
        else:
            self.space = (*self._one_depth(), *plane)
        self.spacing_mm = self._spacing()

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
        return 1 if tag is None else int(tag.value)

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
            planes, (rows, columns) = [page], window
        else:
            planes, rows, columns = list(range(*window[0].indices(self.space[0]))), *window[1:]
        try:
            read = [self._plane(plane, rows, columns) for plane in planes]
        except DECODE_ERRORS as error:
            raise UnreadableFileError(self.path, str(error).split("\n")[0]) from error
        values = read[0] if self.spec.spatial_dims == 2 else np.stack(read, 1)
        return as_picture(values, self.spec, self.path, self.coloured)

    def _plane(self, plane: int, rows: slice, columns: slice) -> Shaped[np.ndarray, "c h w"]:
        """Window of one plane, ``[C, H, W]``."""
        if self._by_pillow:
            return self._pillow_plane(plane)[:, rows, columns]
        where = np.unravel_index(plane, self.depth) if self.depth else ()
        return read_window(self.series, self._axes, [int(index) for index in where], rows, columns)

    def _pillow_plane(self, plane: int) -> Shaped[np.ndarray, "c h w"]:
        with open_picture(self.path) as picture:
            picture.seek(plane)
            turned = apply_exif_orientation(picture)
            if not turned.mode.startswith(("I", "F")):
                turned = turned.convert("L" if turned.mode in ("1", "L", "LA") else "RGB")
            values = np.array(turned)
        return np.atleast_3d(values).transpose(2, 0, 1)

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
        if known and self._orientation == 1:
            return metadata | {"imagej": True, "metadata": {"axes": "ZYX" if pages > 1 else "YX", **known}}
        copied = [tags[code] for code in GEOGRAPHY if code in tags and self._orientation == 1]
        metadata["extratags"] = [(tag.code, int(tag.dtype), tag.count, tag.value, True) for tag in copied]
        return metadata

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._file.close()


def _opened(path: Path) -> Any:
    import tifffile

    try:
        file = tifffile.TiffFile(path)
    except DECODE_ERRORS as error:
        raise UnreadableFileError(path, str(error).split("\n")[0]) from error
    try:
        if not file.series:
            raise UnreadableFileError(path, "there is no image in it")
    except DECODE_ERRORS as error:
        file.close()
        raise UnreadableFileError(path, str(error).split("\n")[0]) from error
    return file
