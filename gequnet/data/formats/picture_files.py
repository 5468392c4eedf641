"""Reading of 8-bit pictures and masks of datasets, with errors that name the file."""

import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from gequnet.data.errors import DatasetNotFoundError, SizeMismatchError, UnexpectedMaskValuesError, UnreadableFileError

BLACK, WHITE = 15, 240
"""Greatest grey level of black and least grey level of white in a mask."""


def find_folder(name: str, root: Path, folders: Sequence[str], marker: str, layout: str, source: str) -> Path:
    """Folder of a dataset: one of ``folders`` under ``root``, or ``root`` itself, recognised by a marker.

    Args:
        name: Name of the dataset, for the error.
        root: Folder of all datasets, or of this one.
        folders: Possible names of the dataset's folder.
        marker: Glob pattern that matches only in the right folder.
        layout: Layout in words, for the error.
        source: Address of the dataset, for the error.

    Raises:
        DatasetNotFoundError: If no candidate holds the marker.
    """
    candidates = [*(root / folder for folder in folders), root]
    for candidate in candidates:
        if candidate.is_dir() and next(candidate.glob(marker), None) is not None:
            return candidate
    raise DatasetNotFoundError(name, [candidate.absolute() for candidate in candidates], layout, source)


def find_file(folder: Path, *names: str) -> Path:
    """Path of the first of ``names`` in ``folder``, ignoring case; if there is none, the path of the first name."""
    present = {path.name.lower(): path for path in folder.glob("*")} if folder.is_dir() else {}
    return next((present[name.lower()] for name in names if name.lower() in present), folder / names[0])


def image_size(path: Path) -> tuple[int, int]:
    """Height and width, from the header alone."""
    with open_picture(path) as picture:
        return picture.height, picture.width


def check_size(sample_id: str, what: str, path: Path, image: Path) -> None:
    """Check from headers that a picture has the size of an image.

    Raises:
        SizeMismatchError: If the sizes differ.
    """
    came, expected = image_size(path), image_size(image)
    if came != expected:
        raise SizeMismatchError(sample_id, what, came, expected)


def page_count(path: Path) -> int:
    """Number of pages of a file; more than one for a TIFF with the slices of a volume."""
    with open_picture(path) as picture:
        return int(getattr(picture, "n_frames", 1))


def read_image(path: Path, content: bytes | None = None) -> UInt8[Tensor, "3 h w"]:
    """Read a colour image, 8 bit; transparency is left out, grey becomes three equal channels.

    Args:
        path: The file.
        content: Bytes of the file, if it is in an archive; ``path`` is then for the error only.

    Raises:
        UnreadableFileError: If the file cannot be decoded.
    """
    return torch.from_numpy(_decode(path, "RGB", content).transpose(2, 0, 1).copy())


def read_grey(path: Path, page: int = 0) -> UInt8[Tensor, "1 h w"]:
    """Read a grey image, 8 bit.

    Args:
        path: The file.
        page: Index of the page.

    Raises:
        UnreadableFileError: If the file cannot be decoded.
    """
    return torch.from_numpy(_decode(path, "L", page=page)[None].copy())


def read_binary(
    path: Path, content: bytes | None = None, page: int = 0, threshold: int | None = None
) -> UInt8[Tensor, "h w"]:
    """Read a black-and-white mask as 0 and 1.

    Black and white are stored as 0 and 1, as 0 and 255, or, by a palette as in some files of DRIVE, as two values near
    0 and 255. A third value or a grey is an error, except with a threshold, for masks with lossy compression.

    Args:
        path: The file.
        content: Bytes of the file, if it is in an archive; ``path`` is then for the error only.
        page: Index of the page.
        threshold: Grey level from 0 to 254 above which a pixel is white; with None any grey is an error.

    Raises:
        UnreadableFileError: If the file cannot be decoded.
        UnexpectedMaskValuesError: If it holds anything but black and white.
    """
    return torch.from_numpy(binarise(_decode(path, "L", content, page), path, threshold))


def binarise(
    values: UInt8[np.ndarray, "h w"],
    path: Path,
    threshold: int | None = None,
    advice: str = "it was probably saved lossily or is not a mask, fetch the original file",
) -> UInt8[np.ndarray, "h w"]:
    """Convert grey levels to 0 and 1, see ``read_binary``; ``path`` and ``advice`` are for the error."""
    if threshold is not None:
        return (values > threshold).astype(np.uint8)
    found = np.flatnonzero(np.bincount(values.ravel(), minlength=256)).tolist()
    if set(found) <= {0, 1}:
        return values.astype(np.uint8)
    if len(found) > 2 or any(BLACK < value < WHITE for value in found):
        expected = "two values, black and white (0 and 255, or 0 and 1)"
        raise UnexpectedMaskValuesError(path, found, expected, advice)
    return (values >= WHITE).astype(np.uint8)


@contextmanager
def open_picture(path: Path, content: bytes | None = None) -> Iterator[Image.Image]:
    """Open a picture with Pillow; any exception inside the block becomes an ``UnreadableFileError``."""
    try:
        if path.suffix == ".gz":  # STARE is distributed compressed
            content = gzip.decompress(path.read_bytes())
        with Image.open(path if content is None else io.BytesIO(content)) as picture:
            yield picture
    except (OSError, EOFError, SyntaxError, ValueError, zlib.error, Image.DecompressionBombError) as error:
        raise UnreadableFileError(path, _short(error)) from error


def _decode(path: Path, mode: str, content: bytes | None = None, page: int = 0) -> np.ndarray:
    with open_picture(path, content) as picture:
        picture.seek(page)
        return np.asarray(picture.convert(mode))


def _short(error: Exception) -> str:
    """First part of the library's message, without the object or path."""
    return str(error).split("\n")[0].split(" '")[0].split(" <")[0] or type(error).__name__
