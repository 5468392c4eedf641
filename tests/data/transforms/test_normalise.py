from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.transforms import NormalizeIntensity
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from gequnet.data.preprocessing import Preprocessing
from gequnet.data.scene import Scene
from gequnet.data.transforms.normalise import _chunks, intensity_scale, pooled_scale
from gequnet.inference.streaming import scale_in_windows


def made(seed=0):
    generator = torch.Generator().manual_seed(seed)
    image = torch.randint(0, 256, (3, 20, 30), generator=generator, dtype=torch.uint8)
    valid = torch.rand(20, 30, generator=generator) < 0.6
    return Scene("made", image, torch.zeros(20, 30, dtype=torch.uint8), valid)


@pytest.fixture
def scene():
    return made()


@pytest.mark.parametrize(("how", "oracle"), [("instance", StandardScaler()), ("range", MinMaxScaler())])
def test_valid_pixels_are_scaled_as_by_scikit_learn(scene, how, oracle):
    inside = scene.image[:, scene.valid].numpy().T / 255
    scaled = intensity_scale(scene, how)(scene.image.float() / 255)[:, scene.valid].numpy().T
    np.testing.assert_allclose(scaled, oracle.fit_transform(inside), atol=1e-5)


@pytest.fixture
def brain():
    """Two modalities of a volume of which two thirds are cut away, in each a little differently."""
    generator = torch.Generator().manual_seed(1)
    image = 900 + 70 * torch.randn(2, 6, 7, 8, generator=generator)
    image[:, :4] = 0
    image[1, 4] = 0
    space = image.shape[1:]
    return Scene("brain", image, torch.zeros(space, dtype=torch.uint8), torch.ones(space, dtype=torch.bool))


def test_nonzero_voxels_are_scaled_as_by_monai_and_the_rest_stays_below(brain):
    scaled = intensity_scale(brain, "instance_nonzero")(brain.image)
    expected = NormalizeIntensity(nonzero=True, channel_wise=True)(brain.image)
    seen = brain.image != 0
    torch.testing.assert_close(scaled[seen], torch.as_tensor(expected)[seen], rtol=1e-4, atol=1e-4)
    for channel, inside in zip(scaled, seen, strict=True):
        assert channel[inside].std(correction=0) == pytest.approx(1, abs=1e-4)  # the divisor is not the variance
        assert channel[~inside].unique().numel() == 1
        assert channel[~inside].max() < channel[inside].min()


@pytest.mark.parametrize("nonzero", [False, True])
def test_pooled_statistics_are_those_of_all_pixels_together(nonzero):
    scenes = [made(seed) for seed in range(4)]
    together = torch.cat([scene.image[:, scene.valid].double() / 255 for scene in scenes], 1)
    scale = pooled_scale(scenes, nonzero)
    for channel, values in enumerate(together):
        values = values[values != 0] if nonzero else values
        assert scale.shift[channel].item() == pytest.approx(values.mean().item(), rel=1e-6)
        assert scale.unit[channel].item() == pytest.approx(values.std(correction=0).item(), rel=1e-6)


def test_a_small_deviation_does_not_drown_in_a_large_mean():
    grid = torch.randn(1, 32, 32, generator=torch.Generator().manual_seed(2))
    image = 1.7e6 + 8 * grid  # steps of float32 are 1/8 here
    mask, valid = torch.zeros(32, 32, dtype=torch.uint8), torch.ones(32, 32, dtype=torch.bool)
    scale = pooled_scale([Scene("far", image, mask, valid)] * 3, nonzero=False)
    assert scale.unit.item() == pytest.approx(np.std(image.numpy().astype(float)), rel=1e-6)


def test_none_keeps_the_intensities(scene):
    image = scene.image.float() / 255
    assert torch.equal(intensity_scale(scene, "none")(image), image)


@pytest.mark.parametrize("how", ["instance", "range", "instance_nonzero"])
@pytest.mark.parametrize("seen", [True, False])
def test_a_constant_image_or_one_without_valid_pixels_gives_zeros(how, seen):
    flat = Scene("flat", torch.full((1, 4, 4), 7.0), torch.zeros(4, 4, dtype=torch.uint8), torch.full((4, 4), seen))
    assert torch.equal(intensity_scale(flat, how)(flat.image), torch.zeros(1, 4, 4))


def test_an_image_of_zeros_stays_one():
    empty = Scene("0", torch.zeros(1, 4, 4), torch.zeros(4, 4, dtype=torch.uint8), torch.ones(4, 4, dtype=torch.bool))
    assert torch.equal(intensity_scale(empty, "instance_nonzero")(empty.image), empty.image)


def times(scene, constant):
    return replace(scene, image=scene.image * constant)


def measured(seed):
    """A float image of two channels with pixels that are 0 or not valid."""
    generator = torch.Generator().manual_seed(seed)
    image = 3 + torch.randn(2, 9, 7, generator=generator)
    image[:, 3] = 0
    return Scene(f"{seed}", image, torch.zeros(9, 7, dtype=torch.uint8), torch.rand(9, 7, generator=generator) < 0.8)


constants = st.floats(-12, 12).map(lambda power: 10**power)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99), constant=constants, how=st.sampled_from(["range", "instance", "instance_nonzero"]))
def test_an_image_in_another_unit_is_the_same_image(seed, constant, how):
    scene = measured(seed)
    other = times(scene, constant)
    expected = intensity_scale(scene, how)(scene.image)
    assert expected[:, scene.valid].std() > 0.1
    torch.testing.assert_close(intensity_scale(other, how)(other.image), expected, rtol=0, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99), constant=constants, how=st.sampled_from(["range", "instance", "instance_nonzero"]))
def test_a_new_image_in_another_unit_is_the_same_image(seed, constant, how):
    image, preprocessing = measured(seed).image, Preprocessing(how)
    expected = preprocessing(image).image
    torch.testing.assert_close(preprocessing(image * constant).image, expected, rtol=0, atol=1e-5)
    scale = scale_in_windows(preprocessing, lambda part: image[(slice(None), *part)] * constant, (9, 7), (4, 3))
    torch.testing.assert_close(scale(image * constant), expected, rtol=0, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99), constant=constants, nonzero=st.booleans())
def test_images_that_are_all_in_another_unit_are_the_same_images(seed, constant, nonzero):
    scenes = [measured(seed + number) for number in range(3)]
    others = [times(scene, constant) for scene in scenes]
    scale, other_scale = pooled_scale(scenes, nonzero), pooled_scale(others, nonzero)
    for scene, other in zip(scenes, others, strict=True):
        torch.testing.assert_close(other_scale(other.image), scale(scene.image), rtol=0, atol=1e-5)


@pytest.mark.parametrize("how", ["range", "instance", "instance_nonzero"])
@pytest.mark.parametrize("value", [1e-30, 0.1, 3.3e30])
def test_a_channel_of_one_value_is_shifted_only(how, value):
    image = torch.stack([torch.full((5, 7), value), value * torch.arange(1.0, 36).view(5, 7)])
    scene = Scene("half", image, torch.zeros(5, 7, dtype=torch.uint8), torch.ones(5, 7, dtype=torch.bool))
    scale = intensity_scale(scene, how)
    assert scale.unit[0] == 1
    assert torch.equal(scale(image)[0], torch.zeros(5, 7))
    assert scale(image)[1].std() > 0.2


def test_a_channel_is_constant_where_its_counted_pixels_are():
    image = torch.tensor([[[5.0, 5.0, 0.0, 9.0]]])
    scene = Scene("few", image, torch.zeros(1, 4, dtype=torch.uint8), torch.tensor([[True, True, True, False]]))
    scale = intensity_scale(scene, "instance_nonzero")
    assert (scale.shift.item(), scale.unit.item()) == (5, 1)


def test_an_image_is_converted_a_few_rows_at_a_time(monkeypatch):
    scene = measured(0)
    expected = intensity_scale(scene, "instance_nonzero")
    monkeypatch.setattr("gequnet.data.transforms.normalise.CHUNK", 30)
    sizes = [values.numel() for values in _chunks([scene])]
    assert max(sizes) <= 30
    assert sum(sizes) == 2 * scene.valid.sum()
    few = intensity_scale(scene, "instance_nonzero")
    torch.testing.assert_close(few.shift, expected.shift)
    torch.testing.assert_close(few.unit, expected.unit)
