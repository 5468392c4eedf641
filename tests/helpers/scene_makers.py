"""Tiny scenes in the layout and encoding of VOC2012 and CamVid: class numbers, in VOC with a palette."""

from pathlib import Path

import numpy as np

from helpers.picture_makers import make_palette_file, photograph, save, shape

YEARS = [f"2007_{number:06d}" for number in range(24)]
FRAMES = {"train": 5, "val": 3, "test": 4}

VOC_COLOURS = [(0, 0, 0)] + [(8 * number, 255 - 8 * number, 40) for number in range(1, 21)] + [(0, 0, 0)] * 234
VOC_COLOURS += [(224, 224, 192)]  # of void, 255


def voc_numbers(number: int) -> np.ndarray:
    """Class numbers of one object within a border of void."""
    inside = shape(number)
    numbers = np.where(inside, 1 + number % 20, 0).astype(np.uint8)
    numbers[3][inside[4]] = numbers[14][inside[13]] = 255
    return numbers


def make_voc2012(root: Path, top: str = "VOCdevkit/VOC2012") -> Path:
    """Make twenty-four photographs, of which the first eight are the official training, and one without labels."""
    folder = root / top
    for number, name in enumerate(YEARS):
        save(folder / "JPEGImages" / f"{name}.jpg", photograph(number))
        make_palette_file(folder / "SegmentationClass" / f"{name}.png", voc_numbers(number), VOC_COLOURS)
    save(folder / "JPEGImages" / "2012_000999.jpg", photograph(99))  # of another part of the challenge
    lists = folder / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("\n".join(YEARS[:8]) + "\n")
    (lists / "val.txt").write_text("\n".join(YEARS[8:]) + "\n")
    return folder


def camvid_numbers(number: int) -> np.ndarray:
    """Class numbers of sky above road, void at the left, and an object."""
    numbers = np.zeros(shape(number).shape, np.uint8)
    numbers[10:] = 3
    numbers[shape(number)] = number % 11
    numbers[:, :2] = 11
    return numbers


def make_camvid(root: Path) -> Path:
    folder = root / "CamVid"
    for split, count in FRAMES.items():
        for number in range(count):
            save(folder / split / f"0001TP_{number:06d}.png", photograph(number))
            save(folder / f"{split}annot" / f"0001TP_{number:06d}.png", camvid_numbers(number))
    return folder
