"""Tiny fundus datasets in the official layouts and encodings: a bright disc with two dark lines."""

import gzip
import io
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 52, 44


def disc(height: int = HEIGHT, width: int = WIDTH, radius: float = 20) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return (y - (height - 1) / 2) ** 2 + (x - (width - 1) / 2) ** 2 <= radius**2


def vessels(number: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[height // 2 - number % 5, 8:-8] = mask[12:-12, width // 3 + number % 7] = True
    return mask & disc(height, width)


def photograph(number: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    rng = np.random.default_rng(number)
    colour = np.array([180, 110, 60]) + rng.normal(0, 3, (height, width, 3))
    colour[vessels(number, height, width)] *= 0.6
    return (colour * disc(height, width)[:, :, None]).clip(0, 255).astype(np.uint8)


def save(path: Path, array: np.ndarray) -> None:
    """Write an array in the format of the suffix; ``.gz`` packs it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(array.astype(np.uint8) * 255 if array.dtype == bool else array)
    if path.suffix != ".gz":
        picture.save(path)
        return
    packed = io.BytesIO()
    picture.save(packed, format="ppm")
    path.write_bytes(gzip.compress(packed.getvalue()))


def make_drive(root: Path) -> Path:
    folder = root / "DRIVE"
    for number in range(1, 41):
        part = "test" if number <= 20 else "training"
        save(folder / part / "images" / f"{number:02d}_{part}.tif", photograph(number))
        save(folder / part / "1st_manual" / f"{number:02d}_manual1.gif", vessels(number))
        save(folder / part / "mask" / f"{number:02d}_{part}_mask.gif", disc())
        if part == "test":
            save(folder / part / "2nd_manual" / f"{number:02d}_manual2.gif", vessels(number + 1))
    return folder


def make_chase(root: Path, children: int = 14) -> Path:
    folder = root / "CHASEDB1"
    for number in range(2 * children):
        stem = f"Image_{number // 2 + 1:02d}{'LR'[number % 2]}"
        save(folder / f"{stem}.jpg", photograph(number))
        for observer in ("1st", "2nd"):
            path = folder / f"{stem}_{observer}HO.png"
            Image.fromarray(vessels(number + (observer == "2nd"))).save(path)  # 1 bit, as distributed
    return folder


def make_stare(root: Path, packed: bool = True) -> Path:
    folder, suffix = root / "STARE", ".ppm.gz" if packed else ".ppm"
    for number in (1, 2, 3, 4, 5, 44, 77, 81, 82, 139, 162, 163, 235, 236, 239, 240, 255, 291, 319, 324):
        save(folder / "stare-images" / f"im{number:04d}{suffix}", photograph(number))
        save(folder / "labels-ah" / f"im{number:04d}.ah{suffix}", vessels(number))
        save(folder / "labels-vk" / f"im{number:04d}.vk{suffix}", vessels(number + 1))
    return folder


def make_hrf(root: Path) -> Path:
    folder = root / "HRF"
    for kind, suffix in (("dr", "JPG"), ("g", "jpg"), ("h", "jpg")):
        for number in range(1, 16):
            save(folder / "images" / f"{number:02d}_{kind}.{suffix}", photograph(number))
            save(folder / "manual1" / f"{number:02d}_{kind}.tif", vessels(number))
            save(folder / "mask" / f"{number:02d}_{kind}_mask.tif", np.repeat(disc()[:, :, None], 3, 2))  # RGB there
    return folder


def make_prime_fp20(root: Path) -> Path:
    folder = root / "PRIME-FP20"
    for number in range(1, 16):
        name = f"FP{number:02d}_PRIME-FP20"
        save(folder / "Images_FP_PRIME-FP20" / f"Img{name}.tif", photograph(number))
        for part, mask in (("Label", vessels(number)), ("Mask", disc())):
            path = folder / f"{part}s_FP_PRIME-FP20" / f"{part}{name}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(mask).save(path)  # 1 bit, as distributed
    return folder
