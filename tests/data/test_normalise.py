import numpy as np
import pytest
import torch
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from gequnet.data.scene import Scene
from gequnet.data.transforms.normalise import scale_of


@pytest.fixture
def scene():
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (3, 20, 30), generator=generator, dtype=torch.uint8)
    valid = torch.rand(20, 30, generator=generator) < 0.6
    return Scene("made", image, torch.zeros(20, 30, dtype=torch.uint8), valid)


@pytest.mark.parametrize(("how", "oracle"), [("image", StandardScaler()), ("range", MinMaxScaler())])
def test_valid_pixels_are_scaled_as_by_scikit_learn(scene, how, oracle):
    inside = scene.image[:, scene.valid].numpy().T / 255
    scaled = scale_of(scene, how)(scene.image.float() / 255)[:, scene.valid].numpy().T
    np.testing.assert_allclose(scaled, oracle.fit_transform(inside), atol=1e-5)


def test_none_keeps_the_intensities(scene):
    image = scene.image.float() / 255
    assert torch.equal(scale_of(scene, "none")(image), image)


@pytest.mark.parametrize("how", ["image", "range"])
@pytest.mark.parametrize("seen", [True, False])
def test_a_constant_image_or_one_without_valid_pixels_gives_zeros(how, seen):
    flat = Scene("flat", torch.full((1, 4, 4), 7.0), torch.zeros(4, 4, dtype=torch.uint8), torch.full((4, 4), seen))
    assert torch.equal(scale_of(flat, how)(flat.image), torch.zeros(1, 4, 4))
