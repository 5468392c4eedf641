"""Reading pictures and masks from disk, with an error that says what is wrong with which file."""

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
"""Grey levels up to the first are black in a mask, from the second on white."""


def find_folder(name: str, root: Path, folders: Sequence[str], marker: str, layout: str, source: str) -> Path:
    """The dataset's folder: one of ``folders`` under ``root`` or ``root`` itself, by what it holds.

    Args:
        name: The dataset, for the message.
        root: Folder of all datasets, or of this one.
        folders: Names that the dataset's folder may have.
        marker: Glob pattern of something that only the right folder holds.
        layout: The layout in words.
        source: Where to get the dataset.

    Raises:
        DatasetNotFoundError: If no candidate holds the marker.
    """
    candidates = [*(root / folder for folder in folders), root]
    for candidate in candidates:
        if candidate.is_dir() and next(candidate.glob(marker), None) is not None:
            return candidate
    raise DatasetNotFoundError(name, [candidate.absolute() for candidate in candidates], layout, source)


def find_file(folder: Path, *names: str) -> Path:
    """The first of ``names`` that is in ``folder``, in any case of letters; else where it should be."""
    present = {path.name.lower(): path for path in folder.glob("*")} if folder.is_dir() else {}
    return next((present[name.lower()] for name in names if name.lower() in present), folder / names[0])


def image_size(path: Path) -> tuple[int, int]:
    """Height and width, from the header alone."""
    with open_picture(path) as picture:
        return picture.height, picture.width


def check_size(sample_id: str, what: str, path: Path, image: Path) -> None:
    """See that a picture lies over an image, from their headers alone.

    Raises:
        SizeMismatchError: If it is of another size.
    """
    came, expected = image_size(path), image_size(image)
    if came != expected:
        raise SizeMismatchError(sample_id, what, came, expected)


def page_count(path: Path) -> int:
    """How many pictures lie in the file; one in most formats, each slice of a volume in some TIFFs."""
    with open_picture(path) as picture:
        return int(getattr(picture, "n_frames", 1))


def read_image(path: Path, content: bytes | None = None) -> UInt8[Tensor, "3 h w"]:
    """A colour photograph, 8 bit; transparency is left out, grey becomes three equal channels.

    Args:
        path: The file.
        content: Its bytes, where it lies in an archive and ``path`` only says where.

    Raises:
        UnreadableFileError: If the file cannot be decoded.
    """
    return torch.from_numpy(_decode(path, "RGB", content).transpose(2, 0, 1).copy())


def read_grey(path: Path, page: int = 0) -> UInt8[Tensor, "1 h w"]:
    """A picture in shades of grey, 8 bit.

    Args:
        path: The file.
        page: Which of its pictures.

    Raises:
        UnreadableFileError: If the file cannot be decoded.
    """
    return torch.from_numpy(_decode(path, "L", page=page)[None].copy())


def read_binary(
    path: Path, content: bytes | None = None, page: int = 0, threshold: int | None = None
) -> UInt8[Tensor, "h w"]:
    """A mask of black and white as 0 and 1.

    Black and white are stored as 0 and 1, 0 and 255, or, by a palette as in some files of DRIVE, as two
    values that are nearly 0 and nearly 255. A third value or a grey means that the file is no such mask, unless a
    threshold says which greys are white, for masks that were saved lossily.

    Args:
        path: The file.
        content: Its bytes, where it lies in an archive and ``path`` only says where.
        page: Which of its pictures.
        threshold: Greys above it are white, 0 to 254; None where there should be none.

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
    """Grey levels as 0 and 1, as ``read_binary`` reads them; ``path`` and ``advice`` are for the error."""
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
    """The picture in the file; whatever goes wrong while it is read becomes one error that names the file."""
    try:
        if path.suffix == ".gz":  # STARE is distributed packed
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
    """The library's reason without the object or the path that it goes on about."""
    return str(error).split("\n")[0].split(" '")[0].split(" <")[0] or type(error).__name__
