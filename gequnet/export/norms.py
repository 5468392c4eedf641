"""Conversion rules for norms with statistics of each image: they become group norms of channels."""

import torch
from torch import Tensor, nn

from gequnet.export.channel_layers import FourierNorm, MapLayout
from gequnet.export.convert import to_plain
from gequnet.export.symbolic_sizes import recording
from gequnet.layers.field_norm import FieldGroupNorm


@to_plain.register(nn.InstanceNorm2d)
@to_plain.register(nn.InstanceNorm3d)
def _instance(module: nn.InstanceNorm2d | nn.InstanceNorm3d, maps: MapLayout) -> nn.Module:
    """A group norm: each group is one channel of one scale."""
    weight, bias = module.weight.repeat(maps.scales), module.bias.repeat(maps.scales)
    return group_norm(module.num_features * maps.scales, module.eps, weight, bias)


@to_plain.register
def _group(module: nn.GroupNorm, maps: MapLayout) -> nn.Module:
    """A group norm with separate groups for each scale."""
    weight, bias = module.weight.repeat(maps.scales), module.bias.repeat(maps.scales)
    return group_norm(module.num_groups * maps.scales, module.eps, weight, bias)


@to_plain.register
def _fields(module: FieldGroupNorm, maps: MapLayout) -> nn.Module:
    """A group norm of whole fields; the shift is along the constant function (every channel of a permutation)."""
    size = len(module.constant)
    weight, bias = module.weight.repeat_interleave(size), torch.outer(module.bias, module.constant).flatten()
    if module.permutation:
        return group_norm(module.groups, module.eps, weight, bias)
    norm = FourierNorm(module.groups, len(weight), module.eps)
    norm.direction = module.constant.repeat(module.fields)
    norm.weight, norm.bias = nn.Parameter(weight.detach().clone()), nn.Parameter(bias.detach().clone())
    return norm


class GroupNorm(nn.GroupNorm):
    """Group norm: PyTorch's own, or its formula while ``torch.export`` records.

    PyTorch's own checks the number of pixels, which a recorded graph for every size does not know.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, *space] -> [B, C, *space]."""
        if not recording():
            return torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)
        grouped, axes = x.unflatten(1, (self.num_groups, -1)), tuple(range(2, x.dim() + 1))
        centred = grouped - grouped.mean(axes, keepdim=True)
        variance = centred.square().mean(axes, keepdim=True)
        normal = (centred * torch.rsqrt(variance + self.eps)).flatten(1, 2)
        spread = [1] * (x.dim() - 2)
        return normal * self.weight.view(-1, *spread) + self.bias.view(-1, *spread)


def group_norm(groups: int, eps: float, weight: Tensor, bias: Tensor) -> GroupNorm:
    """A group norm with these weights."""
    norm = GroupNorm(groups, len(weight), eps, device="meta")
    norm.weight, norm.bias = nn.Parameter(weight.detach().clone()), nn.Parameter(bias.detach().clone())
    return norm
