"""Norms whose statistics are fixed, as those of a batch are in evaluation: two numbers for each channel."""

from functools import singledispatch

import torch
from torch import Tensor, nn

from gequnet.export.channel_layers import Maps
from gequnet.layers.field_norm import FieldBatchNorm
from gequnet.layers.scale_maps import AcrossScales

Constants = tuple[Tensor, Tensor]


@singledispatch
def constants(module: nn.Module, maps: Maps) -> Constants | None:
    """What a norm with fixed statistics multiplies and adds to each channel, in double precision; else ``None``."""
    return None


@constants.register(nn.BatchNorm2d)
@constants.register(nn.BatchNorm3d)
def _of_channels(module: nn.BatchNorm2d | nn.BatchNorm3d, maps: Maps) -> Constants:
    assert module.running_mean is not None
    assert module.running_var is not None
    scale = module.weight.double() * torch.rsqrt(module.running_var.double() + module.eps)
    shift = module.bias.double() - module.running_mean.double() * scale
    return scale.detach(), shift.detach()


@constants.register
def _of_fields(module: FieldBatchNorm, maps: Maps) -> Constants:
    """A field's mean is along the constant function: on Fourier coefficients, of the first alone."""
    scale = module.weight.double() * torch.rsqrt(module.running_var.double() + module.eps)
    shift = module.bias.double() - module.running_mean.double() * scale
    shifts = torch.outer(shift, module.constant.double()).flatten()
    return scale.repeat_interleave(len(module.constant)).detach(), shifts.detach()


@constants.register
def _of_all_scales(module: AcrossScales, maps: Maps) -> Constants | None:
    found = constants(module.module, maps)
    return found if found is None else (found[0].repeat(maps.scales), found[1].repeat(maps.scales))
