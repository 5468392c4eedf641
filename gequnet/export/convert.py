"""Which ordinary layer stands for which layer of ours: the rules, looked up by type.

``to_plain`` is told a layer and what its maps are, and gives an ordinary one with copies of the weights.
Maps [B, C, S, *space] on a window of scales become maps [B, S * C, *space] whose scales lie side by side. This file has
the rules for what is ordinary already, or holds other layers; the others are registered where they belong:
``gequnet.export.norms``, ``steerable``, ``scales`` and ``nets``.
"""

import copy
from collections.abc import Iterator
from functools import singledispatch
from typing import TypeVar

import torch
from torch import Tensor, nn

from gequnet.errors import ConfigError
from gequnet.export import resampling
from gequnet.export.channel_layers import Maps
from gequnet.export.norm_constants import constants
from gequnet.export.unet import Block
from gequnet.layers import resample
from gequnet.layers.block import ConvBlock
from gequnet.layers.plain import ACTIVATIONS, CONV, CONV_TRANSPOSE, DROPOUT, PaddingMode
from gequnet.nets.unet import TransposedConv, UpConv

KEPT = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d, *ACTIVATIONS.values())
DROPPED = (nn.Identity, *DROPOUT.values())
Convolution = nn.Conv2d | nn.Conv3d
Layer = TypeVar("Layer", bound=nn.Module)


@singledispatch
def to_plain(module: nn.Module, maps: Maps) -> nn.Module:
    """An ordinary layer that does in evaluation what ``module`` does.

    Args:
        module: a layer of a network.
        maps: what it works on.

    Raises:
        ConfigError: there is no rule for it.
    """
    raise ConfigError(
        f"{type(module).__name__} cannot be made an ordinary layer: gequnet.export knows no rule for it. A layer of "
        "your own needs one: @to_plain.register in a file of gequnet.export."
    )


def _as_it_is(module: nn.Module, maps: Maps) -> nn.Module:
    return copy.deepcopy(module)


def nothing(module: nn.Module, maps: Maps) -> nn.Module:
    """The rule for what does nothing in evaluation."""
    return nn.Identity()


for kind in KEPT:
    to_plain.register(kind, _as_it_is)
for kind in DROPPED:
    to_plain.register(kind, nothing)


@to_plain.register
def _sequential(module: nn.Sequential, maps: Maps) -> nn.Module:
    """The layers that do something, in a row; a norm with fixed statistics goes into the convolution before it."""
    row: list[nn.Module] = []
    for layer in module:
        fixed = constants(layer, maps)
        if fixed is None:
            row += _flat(to_plain(layer, maps))
        else:
            row[-1] = rescaled(row[-1], *fixed)
    return row[0] if len(row) == 1 else nn.Sequential(*row)


def _flat(module: nn.Module) -> Iterator[nn.Module]:
    """The layers of rows within rows."""
    if isinstance(module, nn.Sequential):
        for layer in module:
            yield from _flat(layer)
    elif not isinstance(module, nn.Identity):
        yield module


@to_plain.register
def _block(module: ConvBlock, maps: Maps) -> nn.Module:
    shortcut = None if module.shortcut is None else to_plain(module.shortcut, maps)
    return Block(to_plain(module.units, maps), to_plain(module.activation, maps), shortcut)


@to_plain.register
def _blur_pool(module: resample.BlurPool, maps: Maps) -> nn.Module:
    return resampling.BlurPool(module.taps, module.padded)


@to_plain.register
def _max_pool(module: resample.MaxPool, maps: Maps) -> nn.Module:
    return resampling.MaxPool()


@to_plain.register
def _double(module: resample.Double, maps: Maps) -> nn.Module:
    return resampling.Double(module.padded)


@to_plain.register(TransposedConv)
@to_plain.register(UpConv)
def _transposed(module: TransposedConv | UpConv, maps: Maps) -> nn.Module:
    """The convolution made to end a pixel later than on odd sides: that is cut off again."""
    conv = copy.deepcopy(module.conv)
    conv.output_padding = tuple(side % 2 for side in conv.kernel_size)
    return resampling.TransposedConv(conv)


def rescaled(conv: nn.Module, scale: Tensor, shift: Tensor) -> nn.Module:
    """The convolution followed by a scaling and a shift of each channel, as one convolution."""
    assert isinstance(conv, nn.Conv2d | nn.Conv3d), f"a norm with fixed statistics follows a convolution, not {conv}"
    kernel = conv.weight.double() * scale.view(-1, *[1] * (conv.weight.dim() - 1))
    bias = shift if conv.bias is None else conv.bias * scale + shift
    padding = conv.padding[0]
    assert isinstance(padding, int)
    return convolution(kernel, bias, conv.stride[0], padding, conv.padding_mode, conv.groups)


def convolution(
    kernel: Tensor,
    bias: Tensor | None,
    stride: int = 1,
    padding: int = 0,
    padding_mode: PaddingMode = "zeros",
    groups: int = 1,
) -> Convolution:
    """An ordinary convolution with the kernel [C', C / groups, *k], in float32."""
    out_channels, in_channels, *sides = kernel.shape
    layer = CONV[len(sides)](
        in_channels * groups, out_channels, sides[0], stride, padding, groups=groups, bias=bias is not None,
        padding_mode=padding_mode, device="meta",
    )  # fmt: skip
    assert isinstance(layer, nn.Conv2d | nn.Conv3d)
    return _filled(layer, kernel, bias)


def transposed(kernel: Tensor, bias: Tensor | None, groups: int = 1) -> resampling.TransposedConv:
    """Doubling by the transposed convolution of stride 2 with the kernel [C, C' / groups, *k] of odd side."""
    in_channels, out_channels, *sides = kernel.shape
    layer = CONV_TRANSPOSE[len(sides)](
        in_channels, out_channels * groups, sides[0], 2, sides[0] // 2, 1, groups, bias is not None, device="meta"
    )
    return resampling.TransposedConv(_filled(layer, kernel, bias))


def _filled(layer: Layer, kernel: Tensor, bias: Tensor | None) -> Layer:
    """The layer with copies of these weights."""
    layer.register_parameter(
        "weight", nn.Parameter(kernel.detach().float().clone(memory_format=torch.contiguous_format))
    )
    layer.register_parameter("bias", None if bias is None else nn.Parameter(bias.detach().float().clone()))
    return layer
