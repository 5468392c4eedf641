"""Conversion rules from the layers of this package to plain layers, by type.

``to_plain`` converts a layer to a plain one with copies of the weights. Maps [B, C, S, *space] on a window of scales
become maps [B, S * C, *space], in which the channels of a scale are adjacent. This file has the rules for plain layers
and for layers that contain others. The other rules are in ``gequnet.export.norms``, ``convert_steerable``,
``convert_scale`` and ``convert_nets``.
"""

import copy
from collections.abc import Iterator
from functools import singledispatch
from typing import TypeVar

import torch
from torch import Tensor, nn

from gequnet.errors import ConfigError
from gequnet.export import resampling
from gequnet.export.channel_layers import MapLayout
from gequnet.export.norm_constants import norm_scale_and_shift
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
def to_plain(module: nn.Module, maps: MapLayout) -> nn.Module:
    """A plain layer that equals ``module`` in evaluation mode.

    Args:
        module: a layer of a network.
        maps: layout of its input maps.

    Raises:
        ConfigError: there is no rule for this type of layer.
    """
    raise ConfigError(
        f"{type(module).__name__} cannot be converted to a plain layer: gequnet.export has no rule for it. Register a "
        "rule for a layer of your own with @gequnet.export.convert.to_plain.register."
    )


def _copied(module: nn.Module, maps: MapLayout) -> nn.Module:
    return copy.deepcopy(module)


def identity_rule(module: nn.Module, maps: MapLayout) -> nn.Module:
    """The rule for layers that are the identity in evaluation mode."""
    return nn.Identity()


for kind in KEPT:
    to_plain.register(kind, _copied)
for kind in DROPPED:
    to_plain.register(kind, identity_rule)


@to_plain.register
def _sequential(module: nn.Sequential, maps: MapLayout) -> nn.Module:
    """Convert the layers, drop identities, and fold norms with fixed statistics into the convolution before."""
    row: list[nn.Module] = []
    for layer in module:
        scale_and_shift = norm_scale_and_shift(layer, maps)
        if scale_and_shift is None:
            row += _flatten(to_plain(layer, maps))
        else:
            row[-1] = fold_affine(row[-1], *scale_and_shift)
    return row[0] if len(row) == 1 else nn.Sequential(*row)


def _flatten(module: nn.Module) -> Iterator[nn.Module]:
    """The layers of nested ``nn.Sequential``s, without identities."""
    if isinstance(module, nn.Sequential):
        for layer in module:
            yield from _flatten(layer)
    elif not isinstance(module, nn.Identity):
        yield module


@to_plain.register
def _block(module: ConvBlock, maps: MapLayout) -> nn.Module:
    shortcut = None if module.shortcut is None else to_plain(module.shortcut, maps)
    return Block(to_plain(module.units, maps), to_plain(module.activation, maps), shortcut)


@to_plain.register
def _blur_pool(module: resample.BlurPool, maps: MapLayout) -> nn.Module:
    return resampling.PlainBlurPool(module.taps, module.padded)


@to_plain.register
def _max_pool(module: resample.MaxPool, maps: MapLayout) -> nn.Module:
    return resampling.PlainMaxPool()


@to_plain.register
def _double(module: resample.Double, maps: MapLayout) -> nn.Module:
    return resampling.PlainDouble(module.padded)


@to_plain.register(TransposedConv)
@to_plain.register(UpConv)
def _transposed(module: TransposedConv | UpConv, maps: MapLayout) -> nn.Module:
    """A convolution with an output of at least twice the side; ``PlainTransposedConv`` crops it on odd sides."""
    conv = copy.deepcopy(module.conv)
    conv.output_padding = tuple(side % 2 for side in conv.kernel_size)
    return resampling.PlainTransposedConv(conv)


def fold_affine(conv: nn.Module, scale: Tensor, shift: Tensor) -> nn.Module:
    """Fold a scale and a shift of each channel into the convolution before them."""
    assert isinstance(conv, nn.Conv2d | nn.Conv3d), (
        f"a norm with fixed statistics must follow a convolution, not {conv}"
    )
    kernel = conv.weight.double() * scale.view(-1, *[1] * (conv.weight.dim() - 1))
    bias = shift if conv.bias is None else conv.bias * scale + shift
    padding = conv.padding[0]
    assert isinstance(padding, int)
    return make_conv(kernel, bias, conv.stride[0], padding, conv.padding_mode, conv.groups)


def make_conv(
    kernel: Tensor,
    bias: Tensor | None,
    stride: int = 1,
    padding: int = 0,
    padding_mode: PaddingMode = "zeros",
    groups: int = 1,
) -> Convolution:
    """A plain convolution with the kernel [C', C / groups, *k], in float32."""
    out_channels, in_channels, *sides = kernel.shape
    layer = CONV[len(sides)](
        in_channels * groups, out_channels, sides[0], stride, padding, groups=groups, bias=bias is not None,
        padding_mode=padding_mode, device="meta",
    )  # fmt: skip
    assert isinstance(layer, nn.Conv2d | nn.Conv3d)
    return _with_weights(layer, kernel, bias)


def make_transposed_conv(kernel: Tensor, bias: Tensor | None, groups: int = 1) -> resampling.PlainTransposedConv:
    """Upsampling by a transposed convolution of stride 2 with the kernel [C, C' / groups, *k] of odd side."""
    in_channels, out_channels, *sides = kernel.shape
    layer = CONV_TRANSPOSE[len(sides)](
        in_channels, out_channels * groups, sides[0], 2, sides[0] // 2, 1, groups, bias is not None, device="meta"
    )
    return resampling.PlainTransposedConv(_with_weights(layer, kernel, bias))


def _with_weights(layer: Layer, kernel: Tensor, bias: Tensor | None) -> Layer:
    """Set copies of these weights in the layer."""
    layer.register_parameter(
        "weight", nn.Parameter(kernel.detach().float().clone(memory_format=torch.contiguous_format))
    )
    layer.register_parameter("bias", None if bias is None else nn.Parameter(bias.detach().float().clone()))
    return layer
