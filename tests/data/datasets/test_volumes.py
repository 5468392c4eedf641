import nibabel
import numpy as np
import pytest
import torch

from gequnet.data.datasets.volumes import VolumeFiles, VolumeSource, int16_if_exact
from gequnet.data.errors import GridMismatchError, SizeMismatchError, UnexpectedMaskValuesError
from gequnet.data.scene import pixels
from gequnet.errors import ConfigError
from helpers.volume_makers import SHAPE, affine, volume, write


class Made(VolumeSource):
    """Source with one volume in every split, made of the given files."""

    name = "made"
    paths: VolumeFiles

    def ids(self, split):
        return [split]

    def files(self, sample_id):
        return self.paths

    def mask_of(self, labels, path):
        return labels


def source(folder, image=None, labels=None, where=None, labels_where=None, **settings):
    usual = volume()
    where = affine("LPS", SHAPE, np.diag([2.0, 1, 0.5, 1])) if where is None else where
    made = Made(folder, **settings)
    made.paths = VolumeFiles(
        (write(folder / "image.nii.gz", usual[0] if image is None else image, where),),
        write(
            folder / "labels.nii",
            usual[1] if labels is None else labels,
            where if labels_where is None else labels_where,
        ),
    )
    return made


def test_a_scene_is_the_file_upright_and_knows_its_millimetres(tmp_path):
    made = source(tmp_path)
    made.check()
    scene = made.load("train")
    upright = nibabel.as_closest_canonical(nibabel.load(tmp_path / "image.nii.gz"))
    np.testing.assert_array_equal(scene.image[0], upright.get_fdata(dtype=np.float32))
    assert scene.spacing == (2.0, 1.0, 0.5)
    np.testing.assert_array_equal(scene.geometry.restore(scene.mask.numpy()), volume()[1])
    assert scene.valid.all()


def test_resampling_goes_to_the_spacing_that_is_asked_for(tmp_path):
    scene = source(tmp_path, spacing=1).load("train")
    assert scene.space == (18, 11, 4)
    assert scene.spacing == (1.0, 1.0, 1.0)
    assert set(scene.mask.unique().tolist()) == {0, 1, 2}
    restored = scene.geometry.restore(scene.mask.numpy())
    assert np.mean(restored != volume()[1]) < 0.1
    odd = source(tmp_path, spacing=[4, 2.0, 0.5]).load("train")
    assert odd.space == (4, 6, 8)  # 4.5 voxels become 4 of 4.5 mm each
    assert odd.spacing == (4.5, 11 / 6, 0.5)


@pytest.mark.parametrize("cubic", [False, True])
def test_means_are_kept_by_resampling(tmp_path, cubic):
    scene = source(tmp_path, spacing=0.7, cubic=cubic).load("train")
    assert scene.image.dtype == torch.float32
    assert scene.image.mean().item() == pytest.approx(volume()[0].mean(), rel=0.01)


def test_a_crop_holds_all_that_is_not_zero_and_is_put_back(tmp_path):
    image, labels = volume()
    image[labels == 0] = 0
    scene = source(tmp_path, image=image, crop=True).load("train")
    assert scene.space == (4, 6, 4)
    assert (scene.image != 0).all()
    np.testing.assert_array_equal(scene.geometry.restore(scene.mask.numpy()), labels)


def test_voxels_that_are_no_numbers_are_not_valid(tmp_path):
    image, _ = volume()
    image[1, 2, 3], image[4, 5, 6] = np.nan, np.inf
    scene = source(tmp_path, image=image, where=np.eye(4)).load("train")
    assert (~scene.valid).nonzero().tolist() == [[1, 2, 3], [4, 5, 6]]
    assert scene.image.isfinite().all()


def test_channels_of_one_file_are_channels(tmp_path):
    image = np.random.default_rng(0).integers(-900, 900, (*SHAPE, 2)).astype(np.int16)
    scene = source(tmp_path, image=image, where=np.eye(4)).load("train")
    assert scene.image.dtype == torch.int16
    np.testing.assert_array_equal(pixels(scene.image), image.transpose(3, 0, 1, 2))


@pytest.mark.parametrize("values", [[0.5, 1], [2.0**15, 0], [1.7e6, 3]])
def test_nothing_is_lost_to_compactness(values):
    image = np.array(values, np.float32).reshape(1, 1, 1, 2)
    assert int16_if_exact(image).dtype == torch.float32
    np.testing.assert_array_equal(int16_if_exact(image), image)
    assert int16_if_exact(np.round(np.minimum(image, 1000))).dtype == torch.int16


def test_labels_of_any_type_are_taken_and_fractions_refused(tmp_path):
    _, labels = volume()
    scene = source(tmp_path, labels=labels.astype(np.float64), where=np.eye(4)).load("train")
    np.testing.assert_array_equal(scene.mask, labels)
    for wrong in (labels + 0.5, labels.astype(np.int16) - 1, labels.astype(np.int16) * 200):
        with pytest.raises(UnexpectedMaskValuesError, match="whole numbers from 0 to 255"):
            source(tmp_path, labels=wrong).load("train")


def test_a_nan_among_labels_is_listed_once(tmp_path):
    labels = volume()[1].astype(np.float32)
    labels[:2] = np.nan
    with pytest.raises(UnexpectedMaskValuesError) as caught:
        source(tmp_path, labels=labels, where=np.eye(4)).load("train")
    assert str(caught.value).count("nan (") == 1
    assert f"nan ({np.isnan(labels).mean():.2%})" in str(caught.value)


def test_files_that_do_not_lie_over_each_other_are_refused(tmp_path):
    with pytest.raises(SizeMismatchError, match=r"labels\.nii has 9x11x7"):
        source(tmp_path, labels=volume()[1][:, :, 1:]).check()
    moved = np.diag([1.0, 1, 1, 1])
    moved[0, 3] = 0.6
    turned = affine("LAS")
    for wrong in (moved, turned):
        with pytest.raises(GridMismatchError, match="the same size and different affines"):
            source(tmp_path, where=np.eye(4), labels_where=wrong).check()
    moved[0, 3] = 0.01
    source(tmp_path, where=np.eye(4), labels_where=moved).check()


@pytest.mark.parametrize("spacing", [0, -1.0, [1.0, 1.0], [1.0, 0.0, 1.0]])
def test_a_spacing_that_is_none_is_refused(spacing):
    with pytest.raises(ConfigError, match="is no size of a voxel"):
        Made("nowhere", spacing=spacing)
