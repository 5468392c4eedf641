"""Test-time augmentation: logits of the transformed copies of an image, their mean and their deviation."""

import numpy as np
import pytest
import torch

from gequnet.errors import ConfigError
from gequnet.inference.test_time_augmentation import OrbitAverage, OrbitLogits, RunningMeanAndDeviation, orbit_networks
from gequnet.nets.e2unet import E2UNet
from gequnet.nets.unet import UNet

IMAGE = torch.rand(2, 1, 21, 16, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def spread_of(nets, image):
    spread = RunningMeanAndDeviation()
    for net in nets:
        spread.add(net(image))
    return spread


@pytest.mark.parametrize("name", ["c4", "d4", "d8"])
def test_the_mean_over_a_group_is_the_orbit_average(name):
    net = UNet(1, 2, [2, 3]).eval()
    nets = orbit_networks(net, name, 2)
    spread = spread_of(nets, IMAGE)
    with torch.no_grad():
        torch.testing.assert_close(spread.mean, OrbitAverage(net, name)(IMAGE), atol=1e-5, rtol=1e-5)
        assert OrbitLogits(nets)(IMAGE).shape == (2, 2 * len(nets), 21, 16)
        each = torch.stack([one(IMAGE) for one in nets])
    torch.testing.assert_close(spread.deviation, each.std(0, correction=0), atol=1e-5, rtol=1e-4)
    assert spread.deviation.max() > 1e-3


def test_a_network_that_commutes_with_the_group_agrees_with_itself():
    nets = orbit_networks(E2UNet(1, 2, [2, 3], group="d4").eval(), "d4", 2)
    assert spread_of(nets, IMAGE).deviation.max() < 1e-5


def test_the_mirrors_of_a_volume_are_eight():
    net = UNet(1, 1, [2, 3], spatial_dims=3).eval()
    volume = torch.rand(1, 1, 8, 7, 6)
    nets = orbit_networks(net, "mirrors", 3)
    assert len(nets) == 8
    spread = spread_of(nets, volume)
    mirrored = spread_of(nets, volume.flip((2, 4)))
    torch.testing.assert_close(mirrored.mean, spread.mean.flip((2, 4)), atol=1e-5, rtol=1e-5)
    assert len(orbit_networks(net, None, 3)) == 1


def test_of_a_single_answer_there_is_no_deviation():
    spread = RunningMeanAndDeviation()
    spread.add(torch.tensor([0.25, 1.0]))
    assert spread.deviation.tolist() == [0, 0]
    spread.add(torch.tensor([0.75, 1.0]))
    np.testing.assert_allclose(spread.deviation, [0.25, 0])


@pytest.mark.parametrize(
    ("name", "dims", "said"), [("d4", 3, "use mirrors"), ("so2", 2, "infinitely many"), ("x3", 2, "x3")]
)
def test_what_is_no_orbit_is_said_in_words(name, dims, said):
    with pytest.raises(ConfigError, match=said):
        orbit_networks(UNet(1, 1, [2, 3]), name, dims)
