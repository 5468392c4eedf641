"""Values of image files by Pillow, tifffile and nibabel alone, as an oracle for the readers of gequnet."""

from pathlib import Path

import nibabel
import numpy as np
import tifffile
from PIL import Image, ImageOps

DEEP = 65535
TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def image_values(path: Path) -> np.ndarray:
    """Values of the last page in three colours, ``[3, H, W]``, or of a volume upright, ``[1, *space]``."""
    if ".nii" in path.name:
        return upright_volume(path).astype(np.float32)[None]
    values = stored_values(path)
    if values.dtype == bool:
        values = values.astype(np.uint8) * 255
    if values.dtype.kind in "iu" and values.dtype != np.uint8:
        values = values.astype(np.float32) / DEEP
    colours = values[:3] if len(values) > 2 else values[:1].repeat(3, 0)
    return colours if colours.dtype == np.uint8 else colours.astype(np.float32)


def mask_values(path: Path, threshold: int | None) -> np.ndarray:
    """Class of each pixel of a mask of black and white, or of each voxel."""
    if ".nii" in path.name:
        return upright_volume(path)
    values = stored_values(path, levels=True)
    seen = values[:-1] if len(values) in (2, 4) else values
    grey = seen[0] if len(seen) == 1 else seen.astype(np.int64).sum(0) // 3
    if grey.dtype == bool:
        return grey
    return grey > (grey.max() / 2 if threshold is None else threshold)


def space_of(path: Path) -> tuple[int, ...]:
    """Size of a picture, upright, or of the grid of a volume."""
    if ".nii" in path.name:
        return tuple(nibabel.load(path).shape[:3])
    return stored_values(path).shape[1:]


def stored_values(path: Path, levels: bool = False) -> np.ndarray:
    """Values of the last page of a picture, ``[C, H, W]``; with ``levels`` those of few bits as the file has them."""
    if path.read_bytes()[:4] in TIFF_MARKS:
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            if page.photometric.name in ("MINISBLACK", "RGB") and 274 not in page.tags:
                return by_tifffile(file)
    return by_pillow(path, levels)


def by_tifffile(file: tifffile.TiffFile) -> np.ndarray:
    """Values of the last page of the first series, ``[C, H, W]``."""
    series = file.series[0]
    channels = [axis for axis in "SC" if axis in series.axes]
    pages = [axis for axis in series.axes if axis not in "SCYX"]
    values = series.asarray().transpose([series.axes.index(axis) for axis in (*pages, *channels, "Y", "X")])
    values = values if channels else values[..., None, :, :]
    return values.reshape(-1, *values.shape[-3:])[-1]


def by_pillow(path: Path, levels: bool) -> np.ndarray:
    """Values of a picture, ``[C, H, W]``, with the colours of its palette."""
    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened)
        step = levels and opened.format == "PNG" and few_bits(path)
        if picture.mode in ("P", "PA"):
            picture = picture.convert("RGB")
        values = np.atleast_3d(np.asarray(picture)).transpose(2, 0, 1)
        return values // step if step else values


def few_bits(path: Path) -> int:
    """Step between two grey levels of a PNG with 2 or 4 bits; 0 for any other one."""
    bits, kind = path.read_bytes()[24:26]
    return 255 // (2**bits - 1) if kind == 0 and bits in (2, 4) else 0


def upright_volume(path: Path) -> np.ndarray:
    """Values of a volume with its axes to the right, front and head."""
    values = np.asarray(nibabel.as_closest_canonical(nibabel.load(path)).dataobj)
    return values[..., 0] if values.ndim == 4 else values
