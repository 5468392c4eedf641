"""Conversion rules for fields of a group of the plane: kernels are expanded, functions sampled by 1x1 kernels."""

import torch
from torch import Tensor, nn

from gequnet.export.channel_layers import EachField, MapLayout, SelectChannels
from gequnet.export.convert import identity_rule, make_conv, make_transposed_conv, to_plain
from gequnet.layers.steerable import (
    FieldBias,
    FieldDropout,
    FourierActivation,
    Restriction,
    SteerableConv,
    SteerableUpConv,
    expand_kernel,
)

to_plain.register(FieldDropout, identity_rule)


@to_plain.register
def _convolution(module: SteerableConv, maps: MapLayout) -> nn.Module:
    side = module.kernel_size
    return make_conv(_kernel(module), _bias(module.bias), module.stride, side // 2, module.padding_mode)


@to_plain.register
def _up_convolution(module: SteerableUpConv, maps: MapLayout) -> nn.Module:
    kernel = _kernel(module.conv).flip(-1, -2).transpose(0, 1)
    return make_transposed_conv(kernel, _bias(module.conv.bias))


def _kernel(module: SteerableConv) -> Tensor:
    return expand_kernel(module.weight.double(), module.basis.double())


def _bias(module: FieldBias | None) -> Tensor | None:
    return None if module is None else torch.outer(module.bias, module.constant).flatten()


@to_plain.register
def _sampled(module: FourierActivation, maps: MapLayout) -> nn.Module:
    """From coefficients to samples, the pointwise function, and back."""
    synthesis, analysis = make_conv(_pointwise(module.synthesis), None), make_conv(_pointwise(module.analysis), None)
    return EachField(nn.Sequential(synthesis, to_plain(module.function, maps), analysis), module.fields)


@to_plain.register
def _restriction(module: Restriction, maps: MapLayout) -> nn.Module:
    """A permutation of channels; from a continuous to a finite group a matrix."""
    matrix, fields = module.matrix, module.in_type.fields
    if torch.equal(matrix.sort(1).values, torch.eye(matrix.shape[1])[[-1]].expand_as(matrix)):
        chosen = matrix.argmax(1)
        return SelectChannels((torch.arange(fields)[:, None] * matrix.shape[1] + chosen.cpu()).flatten().tolist())
    return EachField(make_conv(_pointwise(matrix), None), fields)


def _pointwise(matrix: Tensor) -> Tensor:
    return matrix[..., None, None]
