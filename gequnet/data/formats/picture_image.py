"""PNG, JPEG, BMP and other formats of Pillow: one picture per file, decoded whole."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32, Shaped, UInt8
from PIL import Image

from gequnet.data.errors import UnsupportedImageError
from gequnet.data.formats.image_file import InputSpec, UnfitImageError, Window
from gequnet.data.formats.orientation import TRANSPOSED_ORIENTATIONS
from gequnet.data.formats.pillow_file import (
    check_png,
    grey_step,
    has_transparent_pixels,
    open_picture,
    orientation_of,
    palette_of,
    upright,
    values_of,
)
from gequnet.data.formats.raster import Raster, warn_of_transparency
from gequnet.data.formats.read_errors import first_bytes
from gequnet.data.formats.tiff_pages import write_tiff

DEPTHS = {"1": np.bool_, "F": np.float32, "I": np.int32, "I;16": np.uint16, "I;16B": np.uint16}


class Picture(Raster):
    """Picture, upright as in a viewer; its maps are written as PNG, or as TIFF if PNG cannot hold them.

    Args:
        path: The file.
        spec: Input of the network.
        content: Bytes of the file, if it is in an archive or compressed.
    """

    endings = (".png", ".tif", ".tiff")

    def __init__(self, path: Path, spec: InputSpec, content: bytes | None = None) -> None:
        super().__init__(path, spec)
        self._content, self.coloured = content, True
        with open_picture(path, content) as picture:
            self.channels = len(picture.getbands())
            self.dtype = np.dtype(DEPTHS.get(picture.mode, np.uint8))
            self.dots_per_inch = picture.info.get("dpi")
            self.orientation = orientation_of(picture)
            self.renumbered = picture.format == "GIF"
            self.grey_step = grey_step(first_bytes(path, content))
            self.frames = int(getattr(picture, "n_frames", 1))
            lying = self.orientation in TRANSPOSED_ORIENTATIONS
            self.space = (picture.width, picture.height) if lying else (picture.height, picture.width)
        if spec.spatial_dims != 2:
            raise UnfitImageError(path, "is a picture", "volumes", "give NIfTI, DICOM, or the pages of a TIFF")
        if self.frames > 1:
            raise UnsupportedImageError(path, f"has {self.frames} frames", "save each as a file of its own")

    def values(self, page: int, window: Window) -> Shaped[np.ndarray, "c h w"]:
        """Values of a window, ``[C, H, W]``; the file is decoded as a whole."""
        check_png(self.path, self._content)
        with open_picture(self.path, self._content) as picture:
            if has_transparent_pixels(picture) and self.spec.channels in (1, 3):
                warn_of_transparency(self.path)
            return values_of(upright(picture))[(slice(None), *window)]

    def palette(self) -> UInt8[np.ndarray, "256 3"] | None:
        """Colours of the numbers in the file; None without a palette."""
        with open_picture(self.path, self._content) as picture:
            return palette_of(picture)

    @classmethod
    def ending(cls, layers: int, dtype: np.dtype) -> str:
        """Ending ``.png`` for one layer of uint8, else ``.tif``."""
        return ".png" if layers == 1 and dtype == np.uint8 else ".tif"

    def write(
        self,
        path: Path,
        maps: UInt8[np.ndarray, "pages layers *space"] | Float32[np.ndarray, "pages layers *space"],
    ) -> None:
        """Write a PNG, or a TIFF with one page per layer, by the ending of ``path``."""
        if path.suffix.lower() != ".png":
            write_tiff(path, maps[0])
            return
        dots = {} if self.dots_per_inch is None else {"dpi": self.dots_per_inch}
        Image.fromarray(np.asarray(maps[0, 0])).save(path, format="PNG", **dots)
