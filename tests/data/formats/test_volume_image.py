"""NIfTI files and DICOM series: upright as in training, with aligned maps."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from gequnet.data.errors import DataError, GridMismatchError
from gequnet.data.formats.image_file import InputSpec
from gequnet.data.formats.nifti import read_nifti
from gequnet.data.formats.open_image import open_image
from helpers.image_makers import OBLIQUE, make_series, noise
from helpers.volume_makers import affine, volume, write

VOLUME = InputSpec(1, 3)
WINDOW = (slice(2, 7), slice(0, 11), slice(3, 8))


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "SRP", "AIL"])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_windows_are_cut_from_the_upright_volume(orientation: str, ending: str, tmp_path: Path) -> None:
    shape = tuple(dict(zip("RASLPI", (9, 11, 8) * 2, strict=True))[letter] for letter in orientation)
    path = write(tmp_path / f"a{ending}", volume(shape=(9, 11, 8))[0].reshape(shape), affine(orientation, shape))
    values, geometry = read_nifti(path)
    expected = torch.from_numpy(geometry.upright(values)[None].copy())
    with open_image(path, VOLUME) as image:
        assert image.windowed == (ending == ".nii")
        assert image.space == (9, 11, 8)
        assert image.spacing_mm == geometry.voxel_mm
        assert torch.equal(image.read(), expected)
        assert torch.equal(image.read(window=WINDOW), expected[(slice(None), *WINDOW)])


def test_answers_lie_over_the_file(tmp_path: Path) -> None:
    upright = affine("LPS", (9, 11, 8)) @ np.diag([0.5, 2, 1, 1])
    path = write(tmp_path / "a.nii.gz", volume()[0], upright)
    values, geometry = read_nifti(path)
    labels = (geometry.upright(values) > 120).astype(np.uint8)
    shares = noise(1, 3, 9, 11, 8, dtype=np.float32)
    with open_image(path, VOLUME) as image:
        image.write(tmp_path / "mask.nii.gz", labels[None, None])
        image.write(tmp_path / "shares.nii", shares)
    mask = nibabel.load(tmp_path / "mask.nii.gz")
    assert np.array_equal(np.asarray(mask.dataobj), values > 120)
    assert mask.get_data_dtype() == np.uint8
    assert np.array_equal(mask.affine, nibabel.load(path).affine)
    assert bytes(mask.header["descrip"]).startswith(b"made")
    assert mask.header.get_xyzt_units()[0] == "mm"
    written = np.asarray(nibabel.load(tmp_path / "shares.nii").dataobj)
    assert np.array_equal(geometry.upright(np.moveaxis(written, -1, 0)), shares[0])


def test_whole_numbers_of_a_packed_file_are_kept_small(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii.gz", noise(9, 11, 8), np.eye(4))
    with open_image(path, VOLUME) as image:
        assert image.read().dtype == torch.int16  # never uint8, whose range is 0 to 1


def test_channels_in_a_fourth_axis_or_in_a_file_each(tmp_path: Path) -> None:
    values = noise(9, 11, 8, 2, dtype=np.float32)
    one = write(tmp_path / "one.nii", values, affine("LAS"))
    each = [write(tmp_path / f"a_000{k}.nii", values[..., k], affine("LAS")) for k in (0, 1)]
    with open_image(one, InputSpec(2, 3)) as together, open_image(each, InputSpec(2, 3)) as apart:
        assert torch.equal(together.read(), apart.read())
        assert torch.equal(together.read(window=WINDOW), apart.read()[(slice(None), *WINDOW)])
    with pytest.raises(DataError, match="has 1 channel and the network takes 2 channels.*a_0000.nii.gz"):
        open_image(write(tmp_path / "a.nii", values[..., 0], np.eye(4)), InputSpec(2, 3))
    moved = write(tmp_path / "moved.nii", values[..., 0], affine("LAS") @ np.diag([2, 1, 1, 1]))
    with pytest.raises(GridMismatchError):
        open_image([each[0], moved], InputSpec(2, 3))


def test_a_volume_is_no_picture(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", volume()[0], np.eye(4))
    with pytest.raises(DataError, match="is a volume and the network takes pictures"):
        open_image(path, InputSpec(1, 2))


def test_a_series_is_sorted_rescaled_and_has_its_place(tmp_path: Path) -> None:
    hounsfield = np.random.default_rng(0).integers(-1000, 1000, (12, 7, 9)).astype(np.float32)
    files = make_series(tmp_path / "ct", hounsfield)
    (tmp_path / "ct" / "notes.txt").write_text("no slice")
    with open_image([*files, tmp_path / "ct" / "notes.txt"], VOLUME, tmp_path / "ct") as image:
        seen = image.read()
        assert image.space == (9, 7, 12)
        image.write(tmp_path / "same.nii.gz", seen.numpy().astype(np.float32)[None])
        assert torch.equal(image.read(window=WINDOW[:1] + WINDOW[2:] + WINDOW[2:]), seen[:, 2:7, 3:8, 3:8])
    written = nibabel.load(tmp_path / "same.nii.gz")
    values = np.asarray(written.dataobj)
    # A voxel in DICOM's coordinates: millimetres to the left and back, along rows, columns and the normal.
    across, down, step = 0.75, 0.5, 2.0
    for column, row, number in ((0, 0, 0), (3, 5, 11), (8, 6, 4)):
        lps = np.array([-20.0, 11.5, 100.0]) + OBLIQUE[0] * across * column + OBLIQUE[1] * down * row
        lps = lps + number * step * np.cross(*OBLIQUE)
        found = np.linalg.inv(written.affine) @ [-lps[0], -lps[1], lps[2], 1]
        assert np.allclose(found, np.round(found), atol=1e-4)
        assert values[tuple(np.round(found[:3]).astype(int))] == hounsfield[number, row, column]
    assert np.allclose(sorted(written.header.get_zooms()), sorted([across, down, step]))
    assert nibabel.aff2axcodes(written.affine) == ("L", "P", "S")


def test_a_series_is_upright_whatever_way_it_was_scanned(tmp_path: Path) -> None:
    values = noise(6, 7, 9, dtype=np.uint8).astype(np.float32)
    axial = np.array([[1.0, 0, 0], [0, 1, 0]])
    with open_image(make_series(tmp_path / "a", values, axial), VOLUME) as image:
        seen = image.read()[0].numpy()
    # Rows run to the left, columns to the back, slices to the head: right, front, head turns two of the three.
    assert np.array_equal(seen, values.transpose(2, 1, 0)[::-1, ::-1])


@pytest.mark.parametrize("what", ["two series", "a hole", "twice", "sizes", "nothing"])
def test_what_is_no_series_is_said_in_words(what: str, tmp_path: Path) -> None:
    files = make_series(tmp_path / "a", np.zeros((6, 7, 9)))
    if what == "two series":
        files += make_series(tmp_path / "b", np.zeros((6, 7, 9)), corner=(0, 0, 0))
    elif what == "a hole":
        files = sorted(files)
        del files[2]
    elif what == "twice":
        files += make_series(tmp_path / "b", np.zeros((6, 7, 9)), uid=_uid(files[0]))
    elif what == "sizes":
        files += make_series(tmp_path / "b", np.zeros((1, 8, 9)), uid=_uid(files[0]), corner=(-20, 11.5, 90))
    else:
        (tmp_path / "text.dcm").write_text("no slice")
        files = [tmp_path / "text.dcm"]
    words = {"two series": "folder of its own", "a hole": "apart and between", "twice": "position of another slice",
             "sizes": "another size", "nothing": "no DICOM slice"}  # fmt: skip
    with pytest.raises(DataError, match=words[what]):
        open_image(files, VOLUME, tmp_path)


def _uid(path: Path) -> str:
    import pydicom

    return str(pydicom.dcmread(path).SeriesInstanceUID)
