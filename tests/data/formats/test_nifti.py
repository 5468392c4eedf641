import gzip
from dataclasses import replace
from itertools import permutations, product

import nibabel
import numpy as np
import pytest

from gequnet.data.errors import UnreadableFileError
from gequnet.data.formats.nifti import read_geometry, read_nifti, write_labels
from gequnet.data.transforms.resample_volume import resample_labels
from helpers.volume_makers import SHAPE, affine, volume, write

ORIENTATIONS = ["".join(axes) for order in permutations(["LR", "PA", "IS"]) for axes in product(*order)]

OBLIQUE = np.array([[1.9, 0.2, 0.1, -30], [-0.3, 0.9, 0.0, 12], [-0.2, 0.1, 0.5, 7], [0, 0, 0, 1]])
"""Turned by some degrees, with voxels of about 2, 1 and .5 mm."""


def made(folder, orientation="LPS", upright=OBLIQUE, name="made.nii.gz"):
    _, labels = volume()
    return write(folder / name, labels, affine(orientation, SHAPE, upright)), labels


def test_there_are_48_orientations():
    assert len(set(ORIENTATIONS)) == 48


@pytest.mark.parametrize("upright", [np.eye(4), OBLIQUE], ids=["straight", "oblique"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_upright_is_what_nibabel_calls_canonical_and_back_is_where_it_was(tmp_path, orientation, upright):
    path, labels = made(tmp_path, orientation, upright)
    values, geometry = read_nifti(path)
    canonical = nibabel.as_closest_canonical(nibabel.load(path))
    turned = geometry.upright(values)
    np.testing.assert_array_equal(turned, canonical.dataobj)
    np.testing.assert_allclose(geometry.spacing(turned.shape), canonical.header.get_zooms(), rtol=1e-6)
    np.testing.assert_array_equal(geometry.restore(turned), labels)
    regions = np.stack([turned == 1, turned == 2]).astype(np.uint8)
    np.testing.assert_array_equal(geometry.restore(regions), np.stack([labels == 1, labels == 2]))


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "SRA", "IPR"])
def test_a_box_is_put_back_where_it_was_cut(tmp_path, orientation):
    path, labels = made(tmp_path, orientation)
    values, geometry = read_nifti(path)
    upright = geometry.upright(values)
    box = tuple((1, side - 2) for side in upright.shape)
    cut = replace(geometry, box=box)
    shown = cut.upright(values)
    np.testing.assert_array_equal(shown, upright[1:-2, 1:-2, 1:-2])
    inside = np.zeros_like(upright)
    inside[1:-2, 1:-2, 1:-2] = 1
    np.testing.assert_array_equal(cut.restore(shown), labels * geometry.restore(inside))


def test_labels_that_are_written_overlay_the_file(tmp_path):
    path, labels = made(tmp_path)
    values, geometry = read_nifti(path)
    written = tmp_path / "deeper" / "written.nii.gz"
    write_labels(written, geometry.upright(values), geometry)
    before, after = nibabel.load(path), nibabel.load(written)
    np.testing.assert_array_equal(after.dataobj, labels)
    np.testing.assert_array_equal(after.affine, before.affine)
    for field in ("qform_code", "sform_code", "xyzt_units", "descrip", "pixdim"):
        np.testing.assert_array_equal(after.header[field], before.header[field], err_msg=field)
    assert after.get_data_dtype() == np.uint8


def test_resampled_labels_come_back_but_for_their_surfaces(tmp_path):
    path, labels = made(tmp_path)
    values, geometry = read_nifti(path)
    upright = geometry.upright(values)
    finer = resample_labels(upright, [2 * side for side in upright.shape])
    assert np.mean(geometry.restore(finer) != labels) < 0.01
    assert geometry.spacing(finer.shape) == pytest.approx([mm / 2 for mm in geometry.voxel_mm])


def test_four_axes_are_space_and_channels(tmp_path):
    several = write(tmp_path / "four.nii.gz", np.zeros((*SHAPE, 4), np.float32), np.eye(4))
    assert read_nifti(several)[0].shape == (*SHAPE, 4)
    assert read_geometry(several).shape == SHAPE
    single = write(tmp_path / "one.nii.gz", np.zeros((*SHAPE, 1), np.float32), np.eye(4))
    assert read_nifti(single)[0].shape == SHAPE


def test_numbers_are_in_the_unit_that_the_header_says(tmp_path):
    image = nibabel.Nifti1Image(np.full(SHAPE, 3, np.int16), np.eye(4))
    image.header.set_slope_inter(2.0, 10.0)
    nibabel.save(image, tmp_path / "scaled.nii.gz")
    np.testing.assert_array_equal(
        read_nifti(tmp_path / "scaled.nii.gz")[0], nibabel.load(tmp_path / "scaled.nii.gz").get_fdata()
    )


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("cut", "cannot be read as an image"),
        ("checksum", "cannot be read as an image"),
        ("bytes", "cannot be read as an image .*it is damaged or incomplete"),
        ("words", "is no image but a text"),
        ("flat", "has an affine that is degenerate"),
        ("two axes", "has 4x4 voxels"),
        ("gone", "cannot be opened"),
        ("colours", "holds colours"),
        ("complex", "holds values of the type complex64"),
    ],
)
def test_a_file_that_is_no_volume_is_named(tmp_path, damage, words):
    path, _ = made(tmp_path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-40])
    elif damage == "words":
        path.write_bytes(b"no volume" * 50)
    elif damage == "checksum":
        path.write_bytes(path.read_bytes()[:-8] + bytes(4) + path.read_bytes()[-4:])
    elif damage == "bytes":
        path.write_bytes(path.read_bytes()[:40] + b"\xff" * 20 + path.read_bytes()[60:])
    elif damage in ("colours", "complex"):
        dtype = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]) if damage == "colours" else np.complex64
        nibabel.save(nibabel.Nifti1Image(np.zeros(SHAPE, dtype), np.eye(4)), path)
    elif damage == "gone":
        path.unlink()
    elif damage == "two axes":
        write(path, np.zeros((4, 4), np.uint8), np.eye(4))
    else:
        content = bytearray(gzip.decompress(path.read_bytes()))
        content[296:312] = bytes(16)  # the second row of the affine
        path.write_bytes(gzip.compress(content))
    with pytest.raises(UnreadableFileError, match=f"made.nii.gz {words}"):
        read_nifti(path)


def test_a_header_that_nibabel_would_correct_by_a_guess_is_refused(tmp_path, capfd):
    path, _ = made(tmp_path, name="made.nii")
    content = bytearray(path.read_bytes())
    content[80:84] = bytes(4)  # the side of a voxel
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=r"made.nii cannot be read as an image \(pixdim.* should be non-zero"):
        read_nifti(path)
    assert not capfd.readouterr().err
