import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.networks.nets import BasicUNet

from gequnet.errors import ConfigError
from gequnet.layers import plain
from gequnet.nets.unet import UNet


@settings(max_examples=20, deadline=None)
@given(st.tuples(st.integers(1, 40), st.integers(1, 40)), st.integers(1, 4))
def test_any_size_in_two_dimensions(sides, depth):
    net = UNet(2, 3, [2] * depth).eval()
    assert net(torch.zeros(1, 2, *sides)).shape == (1, 3, *sides)


@pytest.mark.parametrize("sides", [(8, 8, 8), (9, 10, 13), (5, 16, 3)])
@pytest.mark.parametrize("downsample", ["max", "average", "blur", "strided"])
@pytest.mark.parametrize("upsample", ["interpolate", "transposed"])
def test_any_size_in_three_dimensions(sides, downsample, upsample):
    net = UNet(1, 2, [2, 3, 4], spatial_dims=3, norm="group", downsample=downsample, upsample=upsample)
    assert net(torch.zeros(1, 1, *sides)).shape == (1, 2, *sides)


@pytest.mark.parametrize("norm", ["batch", "instance", "group", "none"])
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "silu", "gelu"])
def test_every_recipe_trains(norm, residual, activation):
    net = UNet(1, 1, [4, 6], norm=norm, residual=residual, activation=activation, dropout=0.1, padding_mode="reflect")
    net(torch.randn(2, 1, 12, 13)).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_widths_and_convs_count_parameters_as_by_hand():
    # 3x3 without bias and batch norm: 1->4, 4->4 | 4->6, 6->6 | 6+4->4, 4->4; the head 4->1 with bias.
    convolutions = 9 * (4 + 16 + 24 + 36 + 40 + 16)
    norms = 2 * (4 + 4 + 6 + 6 + 4 + 4)
    assert sum(p.numel() for p in UNet(1, 1, [4, 6]).parameters()) == convolutions + norms + 4 + 1


def test_learns_as_well_as_monai_s_u_net():
    """This U-Net and MONAI's learn the sign of a blurred image in the same number of steps."""
    torch.manual_seed(0)
    image = torch.randn(4, 1, 32, 32)
    target = (torch.nn.functional.avg_pool2d(image, 5, 1, 2) > 0).float()
    losses = []
    for net in (UNet(1, 1, [8, 16]), BasicUNet(2, 1, 1, features=(8, 8, 16, 16, 16, 8))):
        optimizer = torch.optim.Adam(net.parameters(), 1e-2)
        for _ in range(30):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(net(image), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    assert losses[0] < max(1.2 * losses[1], 0.25)


def test_wrong_arguments_are_named():
    with pytest.raises(ConfigError, match="norm='layer' is not known; choose one of batch"):
        plain.norm(2, "layer", 4)
    with pytest.raises(ConfigError, match="spatial_dims=4 is not 2 or 3"):
        UNet(1, 1, [4], spatial_dims=4)
    with pytest.raises(ConfigError, match=r"model\.widths=0 must lie between 1 and 8192"):
        UNet(1, 1, [4, 0])
    with pytest.raises(ValueError, match=r"\[B, 1, D, H, W\], got \[1, 1, 8, 8\]"):
        UNet(1, 1, [4], spatial_dims=3)(torch.zeros(1, 1, 8, 8))
