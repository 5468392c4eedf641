"""Pixels without a measured intensity: in a scene, in every loader, in a verification and in a new image."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from gequnet.data.dataset import SceneCache
from gequnet.data.download.verify import verify
from gequnet.data.errors import NoValidPixelError
from gequnet.data.formats.gdal_nodata import gdal_nodata
from gequnet.data.nodata import mark_nodata
from gequnet.data.preprocessing import Preprocessing
from gequnet.data.scene import Scene
from gequnet.data.source import Source
from gequnet.data.transforms.normalise import Scale, intensity_scale
from gequnet.data.views.rescaled import Rescaled
from gequnet.inference.streaming import scale_in_windows
from helpers.data_modules import module, samples

LOWEST = -3.4028234663852886e38  # as GDAL writes the lowest number of float32


class Holes(Source):
    """The images of another dataset with two pixels that are not finite; those in ``everywhere`` have no others."""

    def __init__(self, source, everywhere=()):
        self.source, self.name, self.everywhere = source, source.name, everywhere

    def ids(self, split):
        return self.source.ids(split)

    def load(self, sample_id):
        scene = self.source.load(sample_id)
        image = scene.image.clone()
        image[..., 5, 7], image[..., 20, 30] = torch.nan, -torch.inf
        image = torch.full_like(image, torch.nan) if sample_id in self.everywhere else image
        return replace(scene, image=image, not_finite=None)

    def check(self):
        self.source.check()


def with_holes(everywhere=(), **changes):
    made = module(**changes)
    made.source = Holes(made.source, everywhere)
    made.scenes = SceneCache(made.source, made._scale_of)
    return made


def scene_of(image):
    space = image.shape[1:]
    return Scene("made", image, torch.zeros(space, dtype=torch.uint8), torch.ones(space, dtype=torch.bool))


def test_a_scene_has_finite_intensities_only():
    image = torch.arange(24.0).view(2, 3, 4)
    image[1, 0, 2], image[0, 2, 3] = torch.nan, torch.inf
    scene = scene_of(image)
    assert scene.not_finite == 2
    assert (~scene.valid).nonzero().tolist() == [[0, 2], [2, 3]]
    assert torch.equal(scene.image, torch.where(scene.valid, image, 0))
    assert scene.crop("part", (0, 0), (2, 3)).valid.sum() == 5
    assert image.isnan().any()  # the array that was given is unchanged


@pytest.mark.parametrize("how", ["range", "instance", "instance_nonzero", "full"])
def test_training_validation_and_test_leave_them_out(how, caplog):
    made = with_holes(normalisation=how)
    with caplog.at_level(logging.WARNING):
        made.setup()
        loaded = [
            samples(loader) for loader in (made.train_dataloader(), made.val_dataloader(), made.test_dataloader())
        ]
    for _, image, _, _ in (sample for part in loaded for sample in part):
        assert image.isfinite().all()
    for _, _, _, valid in (*loaded[1], *loaded[2]):
        assert not valid[5, 7]
        assert not valid[20, 30]
        assert valid.sum() == valid.numel() - 2
    assert [record.message for record in caplog.records] == [
        "phantom_vessels: 2 pixels of train-000 are not finite (nan or infinite); in this and all other images they "
        "are neither trained on nor scored, and `python -m gequnet.data verify` counts them."
    ]


def test_their_intensity_is_not_in_the_scale():
    image = torch.rand(1, 6, 8, generator=torch.Generator().manual_seed(0))
    for how in ("range", "instance"):
        holes = image.clone()
        holes[0, 2, 3] = torch.inf
        scene = scene_of(holes)
        expected = intensity_scale(replace(scene_of(image), valid=scene.valid), how)
        assert torch.equal(intensity_scale(scene, how).unit, expected.unit)


def test_they_do_not_spread_where_an_image_is_magnified():
    made = with_holes()
    scene = Rescaled(made.source, 1.5).load("test-000")
    assert scene.image.isfinite().all()
    assert scene.not_finite == 0
    assert 0.99 < scene.valid.float().mean() < 1


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_an_image_without_a_valid_pixel_is_refused_by_name(split):
    made = with_holes([f"{split}-000"])
    loaders = {"train": made.train_dataloader, "val": made.val_dataloader, "test": made.test_dataloader}
    with pytest.raises(NoValidPixelError, match=rf"^phantom_vessels: {split}-000 has no valid pixel \(.*leave it out"):
        samples(loaders[split]())


def test_a_verification_counts_them():
    found = verify(with_holes(["test-001"]))
    assert "12 pixels in 6 of 6 images are not finite (nan or infinite) and not valid." in found.notes
    assert [(problem.id, problem.kind) for problem in found.problems] == [("test-001", "damaged")]
    assert found.verdict == "broken"


@pytest.mark.parametrize("how", ["range", "instance", "none", "full"])
def test_a_new_image_without_a_value_is_refused(how):
    fixed = Scale(torch.zeros(1), torch.ones(1)) if how == "full" else None
    empty = torch.full((1, 6, 8), torch.nan)
    with pytest.raises(NoValidPixelError, match="new.tif has no valid pixel"):
        Preprocessing(how, fixed)(empty, name="new.tif")
    if how in ("range", "instance"):
        with pytest.raises(NoValidPixelError, match="new.tif has no valid pixel"):
            scale_in_windows(Preprocessing(how), lambda part: empty[(slice(None), *part)], (6, 8), (4, 4), "new.tif")


@pytest.mark.parametrize(
    ("dtype", "value"),
    [(torch.uint8, 255), (torch.int16, -9999), (torch.float32, -9999.9), (torch.float32, LOWEST)],
)
def test_a_nodata_value_in_any_channel_is_not_valid(dtype, value):
    image = torch.arange(24).view(2, 3, 4).to(dtype)
    image[1, 0, 2] = torch.tensor(value, dtype=dtype)
    scene = mark_nodata(scene_of(image), [value, 77])
    assert (~scene.valid).nonzero().tolist() == [[0, 2]]
    assert torch.equal(scene.image, torch.where(scene.valid, image, 0))
    assert scene.image.dtype == dtype
    assert scene.not_finite == 0


@pytest.mark.parametrize("how", ["range", "instance", "instance_nonzero"])
def test_a_new_image_and_its_windows_leave_nodata_out(how):
    image = 40 + torch.randn(1, 9, 8, generator=torch.Generator().manual_seed(0))
    image[0, :2, :5] = -9999
    seen = image != -9999
    preprocessing = Preprocessing(how, nodata=(-9999.0,))
    inside = preprocessing(image).image[seen]
    assert inside.std() < 1.1
    assert inside.min() > -5
    scale = scale_in_windows(preprocessing, lambda part: image[(slice(None), *part)], (9, 8), (4, 3))
    torch.testing.assert_close(scale(image)[seen], inside)


@pytest.mark.parametrize(
    ("text", "value"), [("-9999", -9999.0), ("-3.4028234663852886e+38 ", LOWEST), ("n/a", None), (None, None)]
)
def test_the_tag_of_gdal_is_a_number(text, value, tmp_path: Path):
    tags = [] if text is None else [(42113, "s", 0, text, True)]
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5), np.float32), extratags=tags)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert gdal_nodata(file.pages.first) == value
