"""PNG, JPEG, BMP and other formats of Pillow: one picture per file, decoded whole."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Shaped, UInt8
from PIL import Image
from torch import Tensor

from gequnet.data.formats.arrays import match_channels
from gequnet.data.formats.image_file import ImageFile, InputSpec, UnfitImageError, Window
from gequnet.data.formats.picture_files import open_picture
from gequnet.data.formats.pictures import MAX_16_BIT, picture_size, read_picture
from gequnet.data.formats.tiff_pages import write_tiff

DEPTHS = {"1": np.bool_, "F": np.float32, "I": np.int32, "I;16": np.uint16, "I;16B": np.uint16}


class Picture(ImageFile):
    """Picture, upright as in a viewer; its maps are written as PNG, or as TIFF if PNG cannot hold them."""

    endings = (".png", ".tif", ".tiff")

    def __init__(self, path: Path, spec: InputSpec) -> None:
        super().__init__(path, spec)
        with open_picture(path) as picture:
            self.channels = len(picture.getbands())
            self.dtype = np.dtype(DEPTHS.get(picture.mode, np.uint8))
            self.dots_per_inch = picture.info.get("dpi")
        self.space = picture_size(path)
        if spec.spatial_dims != 2:
            raise UnfitImageError(path, "is a picture", "volumes", "give NIfTI, DICOM, or the pages of a TIFF")
        if spec.channels not in (1, 3):
            raise UnfitImageError(
                path, "is grey or coloured", f"{spec.channels} channels", "give a TIFF or a NIfTI file with that number"
            )

    def _decode(self, page: int, window: Window) -> Tensor:
        return read_picture(self.path, self.spec.channels)

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


def as_picture(
    values: Shaped[np.ndarray, "c *space"], spec: InputSpec, path: Path, coloured: bool
) -> Shaped[Tensor, "channels *space"]:
    """Convert the channels of a file to the input channels of a network.

    Values of a picture: uint8 is unchanged, 16-bit grey becomes floating point from 0 to 1, 16-bit colour becomes
    uint8, floating point is unchanged. Values of a volume are unchanged. Channels: transparency is left out, grey
    becomes equal channels, colour becomes grey; other channels must be as many as those of the network.

    Args:
        values: Values of the file.
        spec: Input of the network.
        path: Path of the file, for the error.
        coloured: True if the channels are colours or grey, with or without transparency.

    Raises:
        UnfitImageError: If the channels do not fit the network.
    """
    came = len(values)
    customary = spec.channels in (1, 3) and (came == 1 or (coloured and came in (2, 3, 4)))
    if came != spec.channels and not customary:
        raise UnfitImageError(
            path, f"has {_channels(came)}", _channels(spec.channels), "give images like those that it was trained on"
        )
    return match_channels(
        _numbers(values, spec.spatial_dims, coloured and came > 2), spec.channels, spec.spatial_dims == 2
    )


def _numbers(values: Shaped[np.ndarray, "c *space"], spatial_dims: int, colours: bool) -> Tensor:
    if spatial_dims == 3:
        return torch.from_numpy(values.astype(np.float32))
    if values.dtype == bool:
        return torch.from_numpy(values.astype(np.uint8) * 255)
    if values.dtype == np.uint8:
        return torch.from_numpy(np.array(values))
    if np.issubdtype(values.dtype, np.floating):
        return torch.from_numpy(values.astype(np.float32))
    if colours and values.dtype == np.uint16:
        return torch.from_numpy((values >> 8).astype(np.uint8))
    return torch.from_numpy(values.astype(np.float32) / MAX_16_BIT)


def _channels(count: int) -> str:
    return f"{count} channel{'s' if count > 1 else ''}"
