"""On paper there is as much as in memory."""

import pytest
import torch
from torch import nn

from gequnet.nets.costs import activations
from gequnet.nets.e2unet import E2UNet
from gequnet.nets.peak_memory import Alive, peak_memory
from gequnet.nets.scale_unet import ScaleUNet
from gequnet.nets.unet import UNet
from gequnet.symmetry.scale_group import ScaleGroup

NETS = {
    "unet": lambda: UNet(3, 2, [4, 8]),
    "unet3d": lambda: UNet(1, 1, [3, 5], spatial_dims=3, norm="instance"),
    "e2unet": lambda: E2UNet(1, 1, [2, 3], "so2"),
    "scale": lambda: ScaleUNet(1, 1, [3, 4], ScaleGroup(2.0, 2), spatial_dims=2),
}


def test_by_hand() -> None:
    """400 bytes are made, then 400 of their double, then the first go and 400 of the sum come, which is no new peak."""
    with Alive() as alive:
        x = torch.zeros(100)
        y = x * 2
        del x
        z = y + 1
        view = z.view(10, 10)
    assert (alive.most, alive.now) == (800, 800)
    del y, z
    assert alive.now == 400
    del view
    assert alive.now == 0


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("training", [True, False])
def test_on_paper_as_in_memory(name: str, training: bool) -> None:
    net = NETS[name]().train(training)
    if training and hasattr(net, "use_all_scales"):
        net.use_all_scales()
    sides = [16] * net.spatial_dims
    with torch.set_grad_enabled(training), Alive() as alive:
        logits = net(torch.zeros(1, net.in_channels, *sides).repeat_interleave(2, dim=0))
        if training:
            logits.sum().backward()
    # but for the statistics of a norm that looks without learning, which on paper are made anew
    assert peak_memory(net, 2, sides, training) == pytest.approx(alive.most, rel=1e-3)


def test_a_step_holds_what_the_way_back_needs_and_a_look_does_not() -> None:
    net = UNet(1, 1, [8, 16])
    step, look = (peak_memory(net, 1, [64, 64], training) for training in (True, False))
    assert look < activations(net, [64, 64]) < step
    assert all(parameter.grad is None for parameter in net.parameters())
    assert net.training


def test_it_grows_with_the_images() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1))
    net.in_channels, net.spatial_dims = 1, 2  # type: ignore[assignment]
    first, second, third = (peak_memory(net, images, [32, 32], training=False) for images in (1, 2, 3))
    assert third - second == second - first == 32 * 32 * (1 + 4) * 4
