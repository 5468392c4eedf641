"""Conversion rules for maps on a window of scales: [B, C, S, *space] becomes [B, S * C, *space]."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gequnet.export.channel_layers import MapLayout, OverScales, RepeatChannels, SelectChannels
from gequnet.export.convert import make_conv, make_transposed_conv, to_plain
from gequnet.layers.scale import ScaleConv, ScaleLift, ScalePointwise
from gequnet.layers.scale_maps import AcrossScales, AtEachScale, EveryScale
from gequnet.layers.scale_projection import PROJECTIONS, ChoiceOfScale, MaxOverScales, MeanOverScales
from gequnet.nets.scale_unet import ScaleUpConv

NAMES = {kind: name for name, kind in PROJECTIONS.items()}


@to_plain.register(AtEachScale)
@to_plain.register(AcrossScales)
def _adapted(module: AtEachScale | AcrossScales, maps: MapLayout) -> nn.Module:
    """Convert the inner module; its rule gets the number of scales from ``maps``."""
    return to_plain(module.module, maps)


@to_plain.register
def _every_scale(module: EveryScale, maps: MapLayout) -> nn.Module:
    return RepeatChannels(maps.scales) if maps.scales > 1 else nn.Identity()


@to_plain.register
def _convolution(module: ScaleConv, maps: MapLayout) -> nn.Module:
    """A grouped convolution with one group for each output scale; its input are the neighbouring scales."""
    if module.transposed:
        kernels = _kernels(module).transpose(1, 2).flatten(0, 1)
        conv: nn.Module = make_transposed_conv(kernels, _bias(module.bias, maps.scales), maps.scales)
    else:
        conv = make_conv(
            _kernels(module).flatten(0, 1), _bias(module.bias, maps.scales), module.stride, module.padding,
            module.padding_mode, maps.scales,
        )  # fmt: skip
    extent = module.scale_extent
    return conv if extent == 1 else nn.Sequential(_neighbours(module.in_channels, maps.scales, extent), conv)


@to_plain.register
def _lift(module: ScaleLift, maps: MapLayout) -> nn.Module:
    return nn.Sequential(RepeatChannels(maps.scales), _convolution(module, maps))


@to_plain.register
def _pointwise(module: ScalePointwise, maps: MapLayout) -> nn.Module:
    """A grouped convolution with the same matrix in every group."""
    kernel = module.weight.repeat(maps.scales, 1)[(..., *[None] * maps.dims)]
    return make_conv(kernel, _bias(module.bias, maps.scales), module.stride, groups=maps.scales)


@to_plain.register
def _up_convolution(module: ScaleUpConv, maps: MapLayout) -> nn.Module:
    return to_plain(module.conv, maps)


@to_plain.register(ChoiceOfScale)
@to_plain.register(MaxOverScales)
@to_plain.register(MeanOverScales)
def _projection(module: nn.Module, maps: MapLayout) -> nn.Module:
    return OverScales(maps.scales, NAMES[type(module)])


def _kernels(module: ScaleConv) -> Tensor:
    """The kernels of each scale, [S, C', E * C, *k], with the kernels of its neighbours concatenated."""
    basis = module.basis if module.method == "dense" else _products(module.lines, module.factors)
    kernels = torch.einsum("ocen,ns...->soec...", module.weight.double(), basis.double())
    return kernels.flatten(2, 3)


def _products(lines: Tensor, factors: Sequence[tuple[int, ...]]) -> Tensor:
    """The functions of a separable basis on the full grid, [N, S, *k]."""
    chosen = torch.tensor(factors)
    letters = "xyz"[: chosen.shape[1]]
    terms = ",".join(f"ns{letter}" for letter in letters)
    return torch.einsum(f"{terms}->ns{letters}", *[lines[along] for along in chosen.T])


def _bias(bias: Tensor | None, scales: int) -> Tensor | None:
    return None if bias is None else bias.repeat(scales)


def _neighbours(channels: int, scales: int, extent: int) -> SelectChannels:
    """For each scale its channels and those of the next scales; beyond the coarsest the last is repeated."""
    chosen = [min(scale + step, scales - 1) for scale in range(scales) for step in range(extent)]
    return SelectChannels([scale * channels + channel for scale in chosen for channel in range(channels)])
