"""Numbers of more than 24 bits: exactly in float32, rounded where nobody sees it, or refused."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile

from gequnet.data.formats.exact_float32 import as_float32
from gequnet.data.formats.image_file import InputSpec, UnfitImageError
from gequnet.data.formats.open_image import open_image
from gequnet.data.formats.pictures import read_picture
from helpers.image_makers import noise

GREY = noise(1, 20, 31)
LOST = {
    "a whole number": np.where(GREY == 7, 2**24 + 1, 5).astype(np.uint32),
    "a negative one": np.where(GREY == 7, -(2**24) - 1, 5).astype(np.int32),
    "the greatest of 64 bits": np.where(GREY == 7, 2**63 - 1, 5).astype(np.int64),
    "small differences": 1e6 + GREY / 1e4,
    "one channel of two": np.concatenate([GREY * 1e8, 1e6 + GREY / 1e4]),
    "values near 0": GREY * 1e-60,
    "a small constant": np.full(GREY.shape, 1e-60),
    "values too large": GREY * 1e40,
}
KEPT = {
    "a multiple": np.where(GREY == 7, 2**31 + 2**10, 5).astype(np.uint32),
    "the least of 32 bits": np.where(GREY == 7, -(2**31), 5).astype(np.int32),
    "decimals": GREY * 0.1,
    "one decimal": np.full(GREY.shape, 0.1),
    "decimals far from 0": 1000 + GREY / 10,
    "a small value among large ones": np.where(GREY == 7, 1e-60, GREY),
    "nan and infinite": np.where(GREY == 7, np.nan, np.where(GREY == 8, np.inf, GREY)),
}


@pytest.mark.parametrize("kind", LOST)
def test_what_would_be_lost_is_refused(kind: str) -> None:
    with pytest.raises(UnfitImageError, match="a.tif has (whole numbers|values)") as caught:
        as_float32(LOST[kind], Path("a.tif"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KEPT)
def test_all_else_is_rounded_at_most(kind: str) -> None:
    values = KEPT[kind]
    found = as_float32(values, Path("a.tif"))
    rounding = 0 if values.dtype.kind in "iu" else 2.0**-24
    np.testing.assert_allclose(found.astype(np.float64), values, rtol=rounding, atol=1e-59)


@pytest.mark.parametrize(
    "kind", [name for name in LOST if name not in ("one channel of two", "the greatest of 64 bits")]
)
def test_every_reader_asks(kind: str, tmp_path: Path) -> None:
    values = LOST[kind][0]
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    tifffile.imwrite(tmp_path / "v.tif", np.stack([values, values]), photometric="minisblack")
    nibabel.save(nibabel.Nifti1Image(np.stack([values, values]), np.eye(4)), tmp_path / "v.nii")
    with pytest.raises(UnfitImageError, match="a.tif has"):
        read_picture(tmp_path / "a.tif", 1)
    for name in ("v.tif", "v.nii"):
        with open_image(tmp_path / name, InputSpec(1, 3)) as image, pytest.raises(UnfitImageError, match=name):
            image.read()


@pytest.mark.parametrize("name", ["v.tif", "v.nii"])
def test_a_window_is_refused_only_with_its_image(name: str, tmp_path: Path) -> None:
    values = np.stack([GREY[0] * 1.5, 1000 + GREY[0] / 1e5])
    tifffile.imwrite(tmp_path / "v.tif", values, photometric="minisblack")
    nibabel.save(nibabel.Nifti1Image(values.transpose(2, 1, 0), np.eye(4)), tmp_path / "v.nii")
    with open_image(tmp_path / name, InputSpec(1, 3)) as image:
        window = tuple(slice(side - 1, side) for side in image.space)
        np.testing.assert_array_equal(image.read(window=window).flatten()[0], np.float32(values[-1, -1, -1]))
