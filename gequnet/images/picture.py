"""PNG, JPEG, BMP and what else Pillow reads: one picture a file, decoded whole."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image
from torch import Tensor

from gequnet.data.files import opened
from gequnet.data.pictures import picture_size, read_picture
from gequnet.images.image_file import ImageFile, Takes, UnfitImageError, Window
from gequnet.images.tiff_writing import write_tiff

DEPTHS = {"1": np.bool_, "F": np.float32, "I": np.int32, "I;16": np.uint16, "I;16B": np.uint16}


class Picture(ImageFile):
    """A picture, upright as a viewer shows it; a mask over it is a PNG, and what no PNG can hold a TIFF."""

    endings = (".png", ".tif", ".tiff")

    def __init__(self, path: Path, takes: Takes) -> None:
        super().__init__(path, takes)
        with opened(path) as picture:
            self.channels = len(picture.getbands())
            self.dtype = np.dtype(DEPTHS.get(picture.mode, np.uint8))
            self.dots_per_inch = picture.info.get("dpi")
        self.space = picture_size(path)
        if takes.spatial_dims != 2:
            raise UnfitImageError(path, "is a picture", "volumes", "give NIfTI, DICOM, or the pages of a TIFF")
        if takes.channels not in (1, 3):
            raise UnfitImageError(
                path, "is grey or coloured", f"{takes.channels} channels", "give a TIFF or a NIfTI file with so many"
            )

    def _decode(self, page: int, window: Window) -> Tensor:
        return read_picture(self.path, self.takes.channels)

    @classmethod
    def ending(cls, layers: int, dtype: np.dtype) -> str:
        """Of one layer of bytes a PNG."""
        return ".png" if layers == 1 and dtype == np.uint8 else ".tif"

    def write(
        self,
        path: Path,
        maps: UInt8[np.ndarray, "pages layers *space"] | Float32[np.ndarray, "pages layers *space"],
    ) -> None:
        """Writes a PNG, or a TIFF with a page for each layer, as the ending says."""
        if path.suffix.lower() != ".png":
            write_tiff(path, maps[0])
            return
        dots = {} if self.dots_per_inch is None else {"dpi": self.dots_per_inch}
        Image.fromarray(np.asarray(maps[0, 0])).save(path, format="PNG", **dots)
