"""Pages of a TIFF that only Pillow can decode (LZW and JPEG without ``imagecodecs``): exact values or a refusal."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from gequnet.data.errors import UnsupportedImageError
from gequnet.data.formats.pillow_file import open_picture, upright, values_of
from gequnet.data.formats.tiff_names import name_of
from gequnet.data.formats.tiff_parts import check_parts

COLOURS = ("MINISBLACK", "MINISWHITE", "RGB", "PALETTE", "YCBCR")
"""Kinds of pixels that Pillow decodes to grey, RGB or numbers of a palette."""
LEFT_OUT = (1, 50001)
"""Compressions that Pillow is not asked for: none, as it maps files with a wrong size, and WebP, which builds lack."""
UNCOMPRESSED, ASSOCIATED_ALPHA, OPAQUE = 1, 1, 255


def read_by_pillow(path: Path, content: bytes | None, page: Any) -> Shaped[np.ndarray, "c h w"]:
    """Values of a page, ``[C, H, W]``, with its orientation applied.

    Args:
        path: The file.
        content: Bytes of the file, if it is in an archive; ``path`` is then for errors only.
        page: Page of tifffile.

    Raises:
        UnsupportedImageError: If Pillow would change the values.
    """
    refusal = refusal_of(path, page.keyframe)
    if not _is_kept(page.keyframe) or not isinstance(page.index, int):
        raise refusal
    check_parts(page.dataoffsets, page.databytecounts)
    with open_picture(path, content, refusal) as picture:
        picture.seek(page.index)
        values = values_of(upright(picture))
    if not _is_whole(values, page.keyframe):
        raise refusal
    return _as_declared(values, np.dtype(page.keyframe.dtype))


def refusal_of(path: Path, page: Any) -> UnsupportedImageError:
    """Error that says what a page holds."""
    samples, kind = page.samplesperpixel, name_of(page.photometric)
    channels = f"{samples} channel{'s' if samples > 1 else ''}"
    values = page.dtype or "no known type"
    packed = "" if page.compression == UNCOMPRESSED else f", packed as {name_of(page.compression).lower()}"
    alpha = " times alpha" if ASSOCIATED_ALPHA in page.extrasamples else ""
    came = f"is a TIFF of {kind.lower()}{alpha} with {channels} of {page.bitspersample} bits ({values}){packed}"
    return UnsupportedImageError(path, came, "save it in grey or RGB, without compression or with deflate")


def _is_kept(page: Any) -> bool:
    """True if Pillow does not scale the values, or take them for others."""
    kind, bits = name_of(page.photometric), page.bitspersample
    deep = bits in (16, 32) and kind == "MINISBLACK" and page.samplesperpixel == 1
    inverted = kind == "MINISWHITE" and (page.samplesperpixel > 1 or np.dtype(page.dtype).kind not in "bu")
    return kind in COLOURS and page.compression not in LEFT_OUT and (bits in (1, 8) or deep) and not inverted


def _is_whole(values: Shaped[np.ndarray, "c h w"], page: Any) -> bool:
    """True if no channel or bit of the file is left out, and no colour was divided by its alpha."""
    narrow = values.dtype.itemsize < np.dtype(page.dtype).itemsize
    divided = ASSOCIATED_ALPHA in page.extrasamples and bool((values[-1] < OPAQUE).any())
    return len(values) == page.samplesperpixel and not narrow and not divided


def _as_declared(values: Shaped[np.ndarray, "c h w"], dtype: np.dtype) -> Shaped[np.ndarray, "c h w"]:
    """Values in the type of the file; Pillow has the same bits with or without a sign, or wider numbers."""
    native = values.astype(values.dtype.newbyteorder("="))
    return native.view(dtype) if native.dtype.itemsize == dtype.itemsize else native.astype(dtype)
