"""The rules for fields of a group of the plane: kernels put together, functions sampled by kernels of one pixel."""

import torch
from torch import Tensor, nn

from gequnet.export.channel_layers import Channels, EachField, Maps
from gequnet.export.convert import convolution, nothing, to_plain, transposed
from gequnet.layers.steerable import (
    FieldBias,
    FieldDropout,
    FourierActivation,
    Restriction,
    SteerableConv,
    SteerableUpConv,
    expand_kernel,
)

to_plain.register(FieldDropout, nothing)


@to_plain.register
def _convolution(module: SteerableConv, maps: Maps) -> nn.Module:
    side = module.kernel_size
    return convolution(_kernel(module), _bias(module.bias), module.stride, side // 2, module.padding_mode)


@to_plain.register
def _up_convolution(module: SteerableUpConv, maps: Maps) -> nn.Module:
    kernel = _kernel(module.conv).flip(-1, -2).transpose(0, 1)
    return transposed(kernel, _bias(module.conv.bias))


def _kernel(module: SteerableConv) -> Tensor:
    return expand_kernel(module.weight.double(), module.basis.double())


def _bias(module: FieldBias | None) -> Tensor | None:
    return None if module is None else torch.outer(module.bias, module.constant).flatten()


@to_plain.register
def _sampled(module: FourierActivation, maps: Maps) -> nn.Module:
    """Coefficients to samples, the function, and back."""
    there, back = convolution(_pointwise(module.synthesis), None), convolution(_pointwise(module.analysis), None)
    return EachField(nn.Sequential(there, to_plain(module.function, maps), back), module.fields)


@to_plain.register
def _restriction(module: Restriction, maps: Maps) -> nn.Module:
    """Channels in another order; between a continuous group and a finite one a matrix."""
    matrix, fields = module.matrix, module.in_type.fields
    if torch.equal(matrix.sort(1).values, torch.eye(matrix.shape[1])[[-1]].expand_as(matrix)):
        chosen = matrix.argmax(1)
        return Channels((torch.arange(fields)[:, None] * matrix.shape[1] + chosen.cpu()).flatten().tolist())
    return EachField(convolution(_pointwise(matrix), None), fields)


def _pointwise(matrix: Tensor) -> Tensor:
    return matrix[..., None, None]
