"""The average over an orbit: it commutes with the group and equals the mean of the transformed logits."""

import pytest
import torch
from torch import nn

from gequnet.inference.test_time_augmentation import OrbitAverage
from gequnet.nets.unet import UNet
from gequnet.symmetry.actions import act_on_image
from gequnet.symmetry.equivariance import equivariance_error
from gequnet.symmetry.gspace import PlaneGroup


@pytest.mark.parametrize("group", ["c4", "d4", "d1"])
@pytest.mark.parametrize("sides", [(16, 16), (17, 24), (31, 9)])
def test_the_average_of_a_plain_network_commutes_with_the_group(group: str, sides: tuple[int, int]) -> None:
    torch.manual_seed(0)
    plain = UNet(2, 1, [4, 6]).eval()
    average = OrbitAverage(plain, group).eval()
    image = torch.randn(1, 2, *sides)
    for element in PlaneGroup.parse(group).elements()[1:]:
        assert equivariance_error(average, image, lambda x, g=element: act_on_image(x, g)) < 1e-5
        assert equivariance_error(plain, image, lambda x, g=element: act_on_image(x, g)) > 0.05


def test_it_is_the_mean_over_flips_by_hand() -> None:
    net = nn.Conv2d(1, 1, 3, padding=1)
    image = torch.randn(1, 1, 6, 7)
    by_hand = (net(image) + net(image.flip(-2)).flip(-2)) / 2
    assert torch.allclose(OrbitAverage(net, "d1")(image), by_hand, atol=1e-6)


def test_an_eighth_of_a_turn_keeps_the_size_and_leaves_a_smooth_image_nearly_alone() -> None:
    """For the identity network, the only error is that of two interpolations, in the corners too."""
    axis = torch.linspace(0, 1, 40)
    image = (torch.sin(3 * axis)[:, None] + torch.cos(2 * torch.linspace(0, 1, 30)))[None, None]
    average = OrbitAverage(nn.Identity(), "c8")(image)
    assert average.shape == image.shape
    assert (average - image).abs().max() < 0.03
    assert (average - image)[..., 4:-4, 4:-4].abs().max() < 1e-3
