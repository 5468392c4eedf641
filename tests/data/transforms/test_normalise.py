import numpy as np
import pytest
import torch
from monai.transforms import NormalizeIntensity
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from gequnet.data.scene import Scene
from gequnet.data.transforms.normalise import intensity_scale, pooled_scale


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
