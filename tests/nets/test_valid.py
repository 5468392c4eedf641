"""The U-Net of valid convolutions, as published."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gequnet.errors import ConfigError
from gequnet.nets.e2unet import E2UNet
from gequnet.nets.scale_unet import ScaleUNet
from gequnet.nets.unet import UNet
from gequnet.symmetry.scale_group import ScaleGroup

PAPER = {"widths": [64, 128, 256, 512, 1024], "downsample": "max", "upsample": "transposed", "padding_mode": "valid"}
DOWN, UP = ("max", "average", "blur"), ("interpolate", "transposed")


def sides_seen(net, image):
    """Side of the output map of each block, in order."""
    seen = []
    for block in (*net.encoders, *net.decoders):
        block.register_forward_hook(lambda module, inputs, output: seen.append(output.shape[-1]))
    net(image)
    return seen


def test_maps_are_as_large_as_in_the_paper():
    with torch.device("meta"):
        net = UNet(1, 2, norm="none", dropout=[0.0, 0.0, 0.0, 0.0, 0.5], **PAPER)
        image = torch.zeros(1, 1, 388, 388)
        assert net.frame(image).shape == (1, 1, 572, 572)
        assert sides_seen(net, image) == [568, 280, 136, 64, 28, 52, 100, 196, 388]


def parameters(norm, num_classes):
    with torch.device("meta"):
        return sum(p.numel() for p in UNet(1, num_classes, norm=norm, **PAPER).parameters())


def test_as_many_parameters_as_the_paper_s_network():
    widths = PAPER["widths"]
    convolutions = sum(9 * (a + b) * b + 2 * b for a, b in zip([1, *widths], widths, strict=False))
    convolutions += sum(9 * (2 * b + b) * b + 2 * b for b in widths[:-1])
    raised = sum(4 * 2 * b * b + b for b in widths[:-1])
    assert parameters("none", 2) == convolutions + raised + 2 * 64 + 2 == 31_030_658


def test_parameters_with_batch_norm_differ_by_biases_without_effect():
    """31 042 369 is the commonly reported number for one class; a bias before a norm has no effect."""
    channels_normed = 2 * (1024 + 2 * (64 + 128 + 256 + 512))
    assert parameters("none", 1) + 2 * channels_normed == 31_042_369
    assert parameters("batch", 1) + channels_normed == 31_042_369


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.integers(1, 4),
    st.sampled_from(DOWN),
    st.sampled_from(UP),
    st.sampled_from([(3, 2), (5, 1), (1, 3)]),
    st.booleans(),
)
def test_any_size_has_logits_of_its_size(sides, depth, downsample, upsample, convolutions, residual):
    kernel_size, convs = convolutions
    net = UNet(
        2, 3, [2] * depth, downsample=downsample, upsample=upsample, padding_mode="valid", norm="none",
        kernel_size=kernel_size, convs=convs, residual=residual,
    )  # fmt: skip
    assert net(torch.randn(1, 2, *sides)).shape == (1, 3, *sides)


def test_volumes_too():
    net = UNet(1, 2, [2, 3, 4], spatial_dims=3, downsample="max", upsample="transposed", padding_mode="valid")
    assert net.eval()(torch.randn(1, 1, 9, 16, 1)).shape == (1, 2, 9, 16, 1)


def made(padding_mode="valid", **recipe):
    torch.manual_seed(0)
    return UNet(1, 2, [4] * 3, norm="none", padding_mode=padding_mode, **recipe).double()


@pytest.mark.parametrize("downsample", DOWN)
def test_away_from_the_border_it_is_the_padded_network(downsample):
    valid, padded = made(downsample=downsample), made("zeros", downsample=downsample)
    padded.load_state_dict(valid.state_dict())
    # Both halve pairs counted from the centre. The sides of their coarsest maps must have the same parity.
    side = next(side for side in range(120, 136, 2) if coarsest(valid, side) % 2 == coarsest(padded, side) % 2)
    image, reach = torch.randn(1, 1, side, side, dtype=torch.float64), 44
    inner = (..., slice(reach, -reach), slice(reach, -reach))
    ours, theirs = valid(image), padded(image)
    torch.testing.assert_close(ours[inner], theirs[inner], rtol=1e-10, atol=1e-10)
    assert not torch.isclose(ours[..., 0, :], theirs[..., 0, :]).all()


def coarsest(net, side):
    sides = sides_seen(net, torch.zeros(1, 1, side, side, dtype=torch.float64))
    return sides[len(net.encoders) - 1]


@pytest.mark.parametrize("downsample", DOWN)
@pytest.mark.parametrize("upsample", UP)
def test_a_tile_has_the_logits_of_the_whole_image(downsample, upsample):
    net = made(downsample=downsample, upsample=upsample)
    image = torch.randn(1, 1, 134, 151, dtype=torch.float64)
    whole, reach = net(image), 36
    for top, left in ((0, 0), (20, 8), (4, 36)):  # multiples of 2^(depth - 1), as the difference of the sides
        tile = net(image[..., top : top + 114, left : left + 115])
        there = whole[..., top + reach : top + 114 - reach, left + reach : left + 115 - reach]
        torch.testing.assert_close(tile[..., reach:-reach, reach:-reach], there, rtol=1e-10, atol=1e-10)


def test_the_border_is_computed_from_mirror_images():
    """The overlap-tile strategy: logits at the border are those inside the image extended by mirror images."""
    net = made(downsample="max", upsample="transposed")
    image = torch.randn(1, 1, 48, 52, dtype=torch.float64)
    wide = torch.nn.functional.pad(image, [40] * 4, mode="reflect")
    torch.testing.assert_close(net(wide)[..., 40:-40, 40:-40], net(image), rtol=1e-10, atol=1e-10)


def test_trains_at_every_downsampling():
    for downsample in DOWN:
        net = UNet(1, 1, [4, 6, 8], downsample=downsample, residual=True, dropout=0.1, padding_mode="valid")
        net(torch.randn(2, 1, 12, 13)).square().mean().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_dropout_of_the_bottleneck_is_in_no_other_block():
    net = UNet(1, 1, [2, 3, 4], dropout=[0.0, 0.0, 0.5], padding_mode="valid")
    dropping = [name for name, module in net.named_modules() if isinstance(module, torch.nn.Dropout2d)]
    assert dropping == [name for name in dropping if name.startswith("encoders.2.")]
    assert len(dropping) == 1


def test_equivariant_networks_refuse_valid_convolutions():
    for make in (
        lambda: E2UNet(1, 1, [1, 2], "c4", padding_mode="valid"),
        lambda: ScaleUNet(1, 1, [2, 3], ScaleGroup(2.0, 2), spatial_dims=2, padding_mode="valid"),
    ):
        with pytest.raises(ConfigError, match=r"padding_mode=valid .* is for model=unet and unet3d; take zeros"):
            make()
    with pytest.raises(ConfigError, match=r"downsample=strided has a kernel of 3.*take downsample=max"):
        UNet(1, 1, [2, 3], downsample="strided", padding_mode="valid")
