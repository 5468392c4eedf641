"""Scale and shift of each channel for norms with fixed statistics (batch norms in evaluation mode)."""

from functools import singledispatch

import torch
from torch import Tensor, nn

from gequnet.export.channel_layers import MapLayout
from gequnet.layers.field_norm import FieldBatchNorm
from gequnet.layers.scale_maps import AcrossScales

Constants = tuple[Tensor, Tensor]


@singledispatch
def norm_scale_and_shift(module: nn.Module, maps: MapLayout) -> Constants | None:
    """Scale and shift of each channel in double precision; ``None`` for a layer without fixed statistics."""
    return None


@norm_scale_and_shift.register(nn.BatchNorm2d)
@norm_scale_and_shift.register(nn.BatchNorm3d)
def _of_channels(module: nn.BatchNorm2d | nn.BatchNorm3d, maps: MapLayout) -> Constants:
    assert module.running_mean is not None
    assert module.running_var is not None
    scale = module.weight.double() * torch.rsqrt(module.running_var.double() + module.eps)
    shift = module.bias.double() - module.running_mean.double() * scale
    return scale.detach(), shift.detach()


@norm_scale_and_shift.register
def _of_fields(module: FieldBatchNorm, maps: MapLayout) -> Constants:
    """The shift of a field is along the constant function: on Fourier coefficients, the first one only."""
    scale = module.weight.double() * torch.rsqrt(module.running_var.double() + module.eps)
    shift = module.bias.double() - module.running_mean.double() * scale
    shifts = torch.outer(shift, module.constant.double()).flatten()
    return scale.repeat_interleave(len(module.constant)).detach(), shifts.detach()


@norm_scale_and_shift.register
def _of_all_scales(module: AcrossScales, maps: MapLayout) -> Constants | None:
    inner = norm_scale_and_shift(module.module, maps)
    return inner if inner is None else (inner[0].repeat(maps.scales), inner[1].repeat(maps.scales))
