"""Plain layers on the channels that fields and scales become: repetition, selection, norms and projections."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn


class MapLayout(NamedTuple):
    """Layout of the maps of a network: the number of axes of space and of scales (1 without a window of scales)."""

    dims: int
    scales: int = 1


class RepeatChannels(nn.Module):
    """Repetition of the channels of a map.

    Args:
        times: number of repetitions.

    Shape:
        [B, C, *space] -> [B, times * C, *space].
    """

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def forward(self, x: Tensor) -> Tensor:
        """The repeated channels."""
        return torch.cat([x] * self.times, 1)


class SelectChannels(nn.Module):
    """Selection of channels of a map, in any order, with repetitions.

    Args:
        order: index of the input channel for each output channel.

    Shape:
        [B, C, *space] -> [B, len(order), *space].
    """

    places: Tensor

    def __init__(self, order: Sequence[int]) -> None:
        super().__init__()
        self.order = list(order)
        self.register_buffer("places", torch.tensor(self.order), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The selected channels."""
        return x.index_select(1, self.places)


class EachField(nn.Module):
    """A module for images, applied to each field (a block of adjacent channels) separately.

    Args:
        module: from [B, N, *space] to [B, N', *space].
        fields: number of fields.

    Shape:
        [B, fields * N, *space] -> [B, fields * N', *space].
    """

    def __init__(self, module: nn.Module, fields: int) -> None:
        super().__init__()
        self.module, self.fields = module, fields

    def forward(self, x: Tensor) -> Tensor:
        """The concatenated results of the module."""
        each: Tensor = self.module(x.unflatten(1, (self.fields, -1)).flatten(0, 1))
        return each.unflatten(0, (x.shape[0], self.fields)).flatten(1, 2)


class FourierNorm(nn.Module):
    """Instance or group normalisation of functions given by their Fourier coefficients.

    Args:
        groups: number of groups of whole fields, over each of which mean and variance are taken.
        channels: C.
        eps: added to the variance.

    Attributes:
        direction: coefficients of the constant function 1, [C].
        weight: scale of each channel, [C].
        bias: shift of each channel, [C].

    Shape:
        [B, C, *space] -> [B, C, *space].
    """

    direction: Tensor

    def __init__(self, groups: int, channels: int, eps: float) -> None:
        super().__init__()
        self.groups, self.channels, self.eps = groups, channels, eps
        self.register_buffer("direction", torch.ones(channels))
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """The normalised coefficients."""
        spread = [1] * (x.dim() - 2)
        direction = self.direction.view(self.groups, -1, *spread)
        # Mean square of the constant function over the channels of a group.
        square = self.direction.square().mean()
        grouped, axes = x.unflatten(1, (self.groups, -1)), tuple(range(2, x.dim() + 1))
        mean = (grouped * direction).mean(axes, keepdim=True) / square
        centred = grouped - mean * direction
        variance = centred.square().mean(axes, keepdim=True) / square
        normal = (centred * torch.rsqrt(variance + self.eps)).flatten(1, 2)
        return normal * self.weight.view(-1, *spread) + self.bias.view(-1, *spread)


class OverScales(nn.Module):
    """Projection of the maps at all scales to one map, see ``gequnet.layers.scale_projection``.

    Args:
        scales: S; the channels of a scale are adjacent, the finest scale first.
        how: ``mean``, ``max``, or ``choice``: weights from the last channel of each scale.

    Shape:
        [B, S * K, *space] -> [B, K, *space], for ``choice`` [B, K - 1, *space].
    """

    def __init__(self, scales: int, how: str) -> None:
        super().__init__()
        self.scales, self.how = scales, how

    def forward(self, x: Tensor) -> Tensor:
        """The projected map."""
        maps = x.unflatten(1, (self.scales, -1))
        if self.how == "mean":
            return maps.mean(1)
        if self.how == "max":
            return maps.amax(1)
        weights = maps[:, :, -1:].softmax(1)
        return (weights * maps[:, :, :-1]).sum(1)
