"""Peak memory on the meta device equals that of a real run."""

import pytest
import torch
from torch import nn

from gequnet.nets.costs import activations
from gequnet.nets.e2unet import E2UNet
from gequnet.nets.peak_memory import MemoryTracker, peak_memory
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
    """x has 400 bytes, then y adds 400; x is freed before z adds 400, which is no new peak."""
    with MemoryTracker() as tracker:
        x = torch.zeros(100)
        y = x * 2
        del x
        z = y + 1
        view = z.view(10, 10)
    assert (tracker.peak, tracker.current) == (800, 800)
    del y, z
    assert tracker.current == 400
    del view
    assert tracker.current == 0


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("training", [True, False])
def test_meta_device_equals_real_memory(name: str, training: bool) -> None:
    net = NETS[name]().train(training)
    if training and hasattr(net, "use_all_scales"):
        net.use_all_scales()
    sides = [16] * net.spatial_dims
    with torch.set_grad_enabled(training), MemoryTracker() as tracker:
        logits = net(torch.zeros(1, net.in_channels, *sides).repeat_interleave(2, dim=0))
        if training:
            logits.sum().backward()
    # They differ by the running statistics of norms in evaluation mode, which the meta copy allocates again.
    assert peak_memory(net, 2, sides, training) == pytest.approx(tracker.peak, rel=1e-3)


def test_a_step_holds_the_saved_tensors_and_an_evaluation_does_not() -> None:
    net = UNet(1, 1, [8, 16])
    step, evaluation = (peak_memory(net, 1, [64, 64], training) for training in (True, False))
    assert evaluation < activations(net, [64, 64]) < step
    assert all(parameter.grad is None for parameter in net.parameters())
    assert net.training


def test_it_grows_with_the_images() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1))
    net.in_channels, net.spatial_dims = 1, 2  # type: ignore[assignment]
    first, second, third = (peak_memory(net, images, [32, 32], training=False) for images in (1, 2, 3))
    assert third - second == second - first == 32 * 32 * (1 + 4) * 4
