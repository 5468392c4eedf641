"""Seeded damage to files: bytes changed, cut out, doubled, appended, or a header field set to an extreme value."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import tifffile
from PIL import Image

SPACE = (24, 20)
VOXELS = (7, 6, 5)
AFFINE = np.diag([1.0, 2.0, 3.0, 1.0])


def brightness(rng: np.random.Generator, space: tuple[int, ...], labels: bool) -> np.ndarray:
    """Numbers from 0 to 1 for four channels; labels are 0 or 1, and the same in all channels."""
    drawn = rng.random((*space, 4))
    return np.repeat(drawn[..., :1] > 0.5, 4, -1) if labels else drawn


def picture(rng: np.random.Generator, suffix: str, labels: bool) -> bytes:
    """Content of a picture of a random kind that the format has."""
    values = (brightness(rng, SPACE, labels)[..., :3] * 255).astype(np.uint8)
    kinds = {".png": ["L", "RGB", "RGBA", "P", "1", "LA"], ".jpg": ["L", "RGB"], ".gif": ["P"]}
    made, stream = Image.fromarray(values).convert(rng.choice(kinds.get(suffix, ["L", "RGB"]))), io.BytesIO()
    made.save(stream, {".jpg": "JPEG", ".pgm": "PPM"}.get(suffix, suffix[1:].upper()), lossless=labels)
    return stream.getvalue()


def tiff(rng: np.random.Generator, suffix: str, labels: bool) -> bytes:
    """Content of a TIFF of a random type, number of channels and compression."""
    dtype = rng.choice(["u1", "u2", "i2", "i4", "f2", "f4", "f8"])
    channels = [0, slice(3), slice(4)][int(rng.integers(3))]
    values = (brightness(rng, SPACE, labels)[..., channels] * 200).astype(dtype)
    packed = {"compression": [None, "zlib", "lzma"][int(rng.integers(3))], "byteorder": rng.choice(["<", ">"])}
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, photometric="rgb" if values.ndim > 2 else "minisblack", **packed)
    return stream.getvalue()


def volume(rng: np.random.Generator, suffix: str, labels: bool) -> bytes:
    """Content of a NIfTI file of a random type."""
    dtype = rng.choice(["u1", "i2", "i4", "f4", "f8"])
    values = (brightness(rng, VOXELS, labels)[..., 0] * (1 if labels else 100)).astype(dtype)
    content = nibabel.Nifti1Image(values, AFFINE).to_bytes()
    return gzip.compress(content, mtime=0) if suffix == ".nii.gz" else content


MAKERS: dict[str, Callable[[np.random.Generator, str, bool], bytes]] = {
    **dict.fromkeys((".png", ".jpg", ".bmp", ".gif", ".webp", ".pgm"), picture),
    ".tif": tiff,
    **dict.fromkeys((".nii", ".nii.gz"), volume),
}


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Content with one to four places damaged, most of them near the start, where the header is."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        end = len(data) if rng.random() < 0.5 else min(len(data), 200)
        place, length = int(rng.integers(0, max(1, end))), int(rng.integers(1, 9))
        kind = int(rng.integers(6))
        new = {
            0: bytes(rng.integers(0, 256, length, np.uint8)),
            1: b"\xff" * length,
            2: bytes(length),
            3: b"",
            4: bytes(data[place : place + length]) * 2,
            5: bytes([data[place] ^ (1 << int(rng.integers(8)))]) if data else b"",
        }[kind]
        data[place : place + (1 if kind == 5 else length)] = new
    if rng.random() < 0.1:
        data = data[: int(rng.integers(0, len(data) + 1))]
    return bytes(data)


def fuzzed(folder: Path, number: int) -> Path:
    """A damaged file of a random format, the same for the same number."""
    suffix, content = fuzzed_content(number)
    path = folder / f"f{number}{suffix}"
    path.write_bytes(content)
    return path


def fuzzed_content(number: int, labels: bool = False) -> tuple[str, bytes]:
    """Ending and damaged content of a file of a random format, an image or labels; the same for the same number."""
    rng = np.random.default_rng(number)
    suffix = str(rng.choice(list(MAKERS)))
    return suffix, damaged(MAKERS[suffix](rng, suffix, labels), rng)
