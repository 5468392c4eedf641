"""Tiny files in the layout and encoding of ISBI 2012: grey slices, and membranes in black on white."""

from pathlib import Path

import numpy as np
from PIL import Image

SLICES = 30
HEIGHT, WIDTH = 22, 18


def membranes(number: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[number % HEIGHT] = mask[:, number * 7 % WIDTH] = True
    return mask


def micrograph(number: int) -> np.ndarray:
    rng = np.random.default_rng(number)
    return (np.where(membranes(number), 60, 180) + rng.normal(0, 20, (HEIGHT, WIDTH))).clip(0, 255).astype(np.uint8)


def labels(number: int) -> np.ndarray:
    return np.where(membranes(number), 0, 255).astype(np.uint8)


def make_isbi2012(root: Path, paged: bool = True, images: int = SLICES, masks: int = SLICES) -> Path:
    """Make the dataset's folder: each volume a TIFF of pages, or a folder of slices 0.png, 1.png, ..., 10.png."""
    folder = root / "ISBI2012"
    folder.mkdir(parents=True)
    for name, drawn, count in (("train-volume", micrograph, images), ("train-labels", labels, masks)):
        pages = [Image.fromarray(drawn(number)) for number in range(count)]
        if paged:
            pages[0].save(folder / f"{name}.tif", save_all=True, append_images=pages[1:], compression="tiff_lzw")
            continue
        (folder / name).mkdir()
        for number, page in enumerate(pages):
            page.save(folder / name / f"{number}.png")
    return folder
