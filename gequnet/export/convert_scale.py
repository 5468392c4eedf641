"""The rules for maps on a window of scales: [B, C, S, *space] as [B, S * C, *space], each scale a group of channels."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gequnet.export.channel_layers import Channels, Maps, OverScales, Repeated
from gequnet.export.convert import convolution, to_plain, transposed
from gequnet.layers.scale import ScaleConv, ScaleLift, ScalePointwise
from gequnet.layers.scale_maps import AcrossScales, AtEachScale, EveryScale
from gequnet.layers.scale_projection import PROJECTIONS, ChoiceOfScale, MaxOverScales, MeanOverScales
from gequnet.nets.scale_unet import ScaleUpConv

NAMES = {kind: name for name, kind in PROJECTIONS.items()}


@to_plain.register(AtEachScale)
@to_plain.register(AcrossScales)
def _adapted(module: AtEachScale | AcrossScales, maps: Maps) -> nn.Module:
    """What is inside: its rule knows how many scales there are."""
    return to_plain(module.module, maps)


@to_plain.register
def _every_scale(module: EveryScale, maps: Maps) -> nn.Module:
    return Repeated(maps.scales) if maps.scales > 1 else nn.Identity()


@to_plain.register
def _convolution(module: ScaleConv, maps: Maps) -> nn.Module:
    """A convolution with one group for each scale, of the scales that it is made of."""
    if module.transposed:
        kernels = _kernels(module).transpose(1, 2).flatten(0, 1)
        made: nn.Module = transposed(kernels, _bias(module.bias, maps.scales), maps.scales)
    else:
        made = convolution(
            _kernels(module).flatten(0, 1), _bias(module.bias, maps.scales), module.stride, module.padding,
            module.padding_mode, maps.scales,
        )  # fmt: skip
    extent = module.scale_extent
    return made if extent == 1 else nn.Sequential(_neighbours(module.in_channels, maps.scales, extent), made)


@to_plain.register
def _lift(module: ScaleLift, maps: Maps) -> nn.Module:
    return nn.Sequential(Repeated(maps.scales), _convolution(module, maps))


@to_plain.register
def _pointwise(module: ScalePointwise, maps: Maps) -> nn.Module:
    """The same matrix in every group."""
    kernel = module.weight.repeat(maps.scales, 1)[(..., *[None] * maps.dims)]
    return convolution(kernel, _bias(module.bias, maps.scales), module.stride, groups=maps.scales)


@to_plain.register
def _up_convolution(module: ScaleUpConv, maps: Maps) -> nn.Module:
    return to_plain(module.conv, maps)


@to_plain.register(ChoiceOfScale)
@to_plain.register(MaxOverScales)
@to_plain.register(MeanOverScales)
def _projection(module: nn.Module, maps: Maps) -> nn.Module:
    return OverScales(maps.scales, NAMES[type(module)])


def _kernels(module: ScaleConv) -> Tensor:
    """The kernels of each scale, [S, C', E * C, *k], those of its neighbours side by side."""
    basis = module.basis if module.method == "dense" else _products(module.lines, module.factors)
    kernels = torch.einsum("ocen,ns...->soec...", module.weight.double(), basis.double())
    return kernels.flatten(2, 3)


def _products(lines: Tensor, factors: Sequence[tuple[int, ...]]) -> Tensor:
    """The functions of a separable basis on the whole grid, [N, S, *k]."""
    chosen = torch.tensor(factors)
    letters = "xyz"[: chosen.shape[1]]
    terms = ",".join(f"ns{letter}" for letter in letters)
    return torch.einsum(f"{terms}->ns{letters}", *[lines[along] for along in chosen.T])


def _bias(bias: Tensor | None, scales: int) -> Tensor | None:
    return None if bias is None else bias.repeat(scales)


def _neighbours(channels: int, scales: int, extent: int) -> Channels:
    """For each scale the channels of the next ones, itself the first; beyond the coarsest the last is repeated."""
    chosen = [min(scale + step, scales - 1) for scale in range(scales) for step in range(extent)]
    return Channels([scale * channels + channel for scale in chosen for channel in range(channels)])
