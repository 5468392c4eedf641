"""Tiny user folders of images and masks."""

from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 20, 26


def shape(number: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[4:14, 3 + number % 7 : 16 + number % 7] = True
    return mask


def photograph(number: int) -> np.ndarray:
    rng = np.random.default_rng(number)
    colour = np.where(shape(number)[:, :, None], [200, 120, 90], [60, 90, 120]) + rng.normal(0, 8, (HEIGHT, WIDTH, 3))
    return colour.clip(0, 255).astype(np.uint8)


def classes(number: int) -> np.ndarray:
    """0 for background, 1 for the shape, 2 for its lower half."""
    numbers = shape(number).astype(np.uint8)
    numbers[9:] *= 2
    return numbers


def save(path: Path, array: np.ndarray, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


def make_folder(root: Path, count: int = 10, mask_suffix: str = "", image: str = "png", mask: str = "png") -> Path:
    """``images/house_00.png`` and ``masks/house_00.png`` of 0 and 255."""
    for number in range(count):
        save(root / "images" / f"house_{number:02d}.{image}", photograph(number))
        white = shape(number).astype(np.uint8) * 255
        save(root / "masks" / f"house_{number:02d}{mask_suffix}.{mask}", white)
    return root


def make_palette_file(path: Path, numbers: np.ndarray, colours: list[tuple[int, int, int]]) -> None:
    """Write a PNG of class numbers with a palette, as in VOC."""
    picture = Image.new("P", numbers.shape[::-1])
    picture.putdata(numbers.ravel().tolist())
    picture.putpalette([level for colour in colours for level in colour])
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


def cat_size(number: int) -> tuple[int, int]:
    return 18 + number % 5, 24 - number % 3


def make_cats(root: Path) -> Path:
    """Make ``cat_data`` as distributed: 60 and 21 JPEGs of many sizes, with masks."""
    folder = root / "cat_data"
    for number in range(81):
        part, (height, width) = folder / ("Train" if number < 60 else "Test"), cat_size(number)
        save(part / "input" / f"cat.{number}.jpg", np.resize(photograph(number), (height, width, 3)))
        mask = np.zeros((height, width), np.uint8)
        mask[5:12, 3 + number % 4 : 15] = 255
        save(part / "mask" / f"mask_cat.{number}.jpg", mask)
    return folder
