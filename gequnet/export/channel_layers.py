"""What is left of fields and scales once their layers are ordinary: channels in a certain order."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Maps(NamedTuple):
    """What the maps of a network are: their axes of space, and their scales, which are 1 where there is no window."""

    dims: int
    scales: int = 1


class Repeated(nn.Module):
    """The channels of a map, again and again.

    Args:
        times: how often.

    Shape:
        [B, C, *space] -> [B, times * C, *space].
    """

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def forward(self, x: Tensor) -> Tensor:
        """The channels."""
        return torch.cat([x] * self.times, 1)


class Channels(nn.Module):
    """The channels of a map in another order, some perhaps several times.

    Args:
        order: the channel that each channel of the result is.

    Shape:
        [B, C, *space] -> [B, len(order), *space].
    """

    places: Tensor

    def __init__(self, order: Sequence[int]) -> None:
        super().__init__()
        self.order = list(order)
        self.register_buffer("places", torch.tensor(self.order), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The channels."""
        return x.index_select(1, self.places)


class EachField(nn.Module):
    """Lets a module for images work on each field, some neighbouring channels, as on an image of its own.

    Args:
        module: from [B, N, *space] to [B, N', *space].
        fields: their number.

    Shape:
        [B, fields * N, *space] -> [B, fields * N', *space].
    """

    def __init__(self, module: nn.Module, fields: int) -> None:
        super().__init__()
        self.module, self.fields = module, fields

    def forward(self, x: Tensor) -> Tensor:
        """The module's results, side by side."""
        each: Tensor = self.module(x.unflatten(1, (self.fields, -1)).flatten(0, 1))
        return each.unflatten(0, (x.shape[0], self.fields)).flatten(1, 2)


class FourierNorm(nn.Module):
    """Instance or group normalisation of functions that are given by Fourier coefficients.

    Args:
        groups: of whole fields, over which mean and variance are taken.
        channels: C.
        eps: added to the variance.

    Attributes:
        direction: of each channel, what the constant function 1 has there, [C].
        weight: of each channel, [C].
        bias: of each channel, [C].

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
        # The square of the constant function: how much of a group's channels one function is.
        square = self.direction.square().mean()
        grouped, axes = x.unflatten(1, (self.groups, -1)), tuple(range(2, x.dim() + 1))
        mean = (grouped * direction).mean(axes, keepdim=True) / square
        centred = grouped - mean * direction
        variance = centred.square().mean(axes, keepdim=True) / square
        normal = (centred * torch.rsqrt(variance + self.eps)).flatten(1, 2)
        return normal * self.weight.view(-1, *spread) + self.bias.view(-1, *spread)


class OverScales(nn.Module):
    """One map of the maps at all scales, see ``gequnet.layers.scale_projection``.

    Args:
        scales: S; the channels of a scale are side by side, the finest first.
        how: ``mean``, ``max``, or ``choice``, by the last channel of each scale.

    Shape:
        [B, S * K, *space] -> [B, K, *space], of a choice K - 1.
    """

    def __init__(self, scales: int, how: str) -> None:
        super().__init__()
        self.scales, self.how = scales, how

    def forward(self, x: Tensor) -> Tensor:
        """One map."""
        maps = x.unflatten(1, (self.scales, -1))
        if self.how == "mean":
            return maps.mean(1)
        if self.how == "max":
            return maps.amax(1)
        weights = maps[:, :, -1:].softmax(1)
        return (weights * maps[:, :, :-1]).sum(1)
