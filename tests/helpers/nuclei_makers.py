"""Tiny files in the layout and encoding of DSB2018: RGBA images, and a mask of 0 and 255 for each square nucleus."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from gequnet.data.splits import read_splits

SUBSET = sorted(read_splits("dsb2018_subset").everything)
SIZES = [(16, 16), (13, 18)]


def nuclei(number: int) -> list[np.ndarray]:
    """Three squares of 3 to 5 pixels, the last of which overlaps the one before it in its corner."""
    height, width = SIZES[number % 2]
    masks = [np.zeros((height, width), bool) for _ in range(3)]
    masks[0][1:4, 9:12] = masks[1][5:9, 2:6] = masks[2][8:13, 5:10] = True
    return masks


def micrograph(number: int) -> np.ndarray:
    """Grey and bright on black, or purple on pink; opaque."""
    inside = np.any(nuclei(number), 0)[:, :, None]
    bright, dark = ([200, 200, 200], [10, 10, 10]) if number % 2 == 0 else ([90, 40, 120], [220, 170, 200])
    return np.concatenate([np.where(inside, bright, dark), np.full_like(inside, 255, int)], 2).astype(np.uint8)


def make_dsb2018(root: Path, ids: list[str] = SUBSET, packed: bool = True, top: str = "stage1_train/") -> Path:
    """Make the dataset's folder: zipped, with or without a folder at the top, or unpacked."""
    folder = root / "DSB2018"
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: content for number, sample_id in enumerate(ids) for name, content in _files(number, sample_id)}
    if packed:
        with zipfile.ZipFile(folder / "stage1_train.zip", "w") as archive:
            for name, content in files.items():
                archive.writestr(top + name, content)
        return folder
    for name, content in files.items():
        path = folder / "stage1_train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def png(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(array).save(content, format="png")
    return content.getvalue()


def _files(number: int, sample_id: str) -> list[tuple[str, bytes]]:
    # Like hashes, the names are not in the order of the nuclei.
    masks = [
        (f"{sample_id}/masks/{'bca'[n]}.png", png(mask.astype(np.uint8) * 255)) for n, mask in enumerate(nuclei(number))
    ]
    return [(f"{sample_id}/images/{sample_id}.png", png(micrograph(number))), *masks]
