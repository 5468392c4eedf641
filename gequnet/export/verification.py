"""Whether two networks are the same function: asked at sizes of both parities of every axis."""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gequnet.export.padding import MirroredFrame, RepeatedFrame
from gequnet.export.pyramid import Pyramid

Function = Callable[[Tensor], Tensor]


class Difference(NamedTuple):
    """The largest difference of two networks' logits over the largest logit, and the shape of the image that has it."""

    error: float
    shape: tuple[int, ...]


@torch.no_grad()
def largest_difference(
    found: Function, expected: nn.Module, twin: nn.Module, in_channels: int, dims: int
) -> Difference:
    """How far a function is from a network on random images: single ones that have to be padded, pairs that have not.

    Args:
        found: the function, on the CPU.
        expected: the network, in evaluation mode.
        twin: the network's twin, which knows which sizes it takes.
        in_channels: of the images.
        dims: their axes of space.
    """
    generator = torch.Generator().manual_seed(0)
    worst = Difference(0.0, ())
    for batch, sides in ((1, padded_sides(twin)), (2, grid_sides(twin))):
        for space in product(sides, repeat=dims):
            image = torch.randn(batch, in_channels, *space, generator=generator)
            logits, wanted = found(image), expected(image)
            if logits.shape != wanted.shape:
                return Difference(float("inf"), tuple(image.shape))
            error = ((logits - wanted).abs().max() / wanted.abs().max().clamp_min(1e-12)).item()
            if not error <= worst.error:
                worst = Difference(error, tuple(image.shape))
    return worst


def requires_odd_size(twin: nn.Module) -> bool:
    """Whether even sides are not for this network."""
    return any(isinstance(layer, RepeatedFrame) and layer.odd_only for layer in twin.modules())


def padded_sides(twin: nn.Module) -> list[int]:
    """Sides, an even and an odd one, that are no multiples of anything."""
    _, side = _smallest(twin)
    return [side + 3] if requires_odd_size(twin) else [side - 2, side + 3]


def grid_sides(twin: nn.Module) -> list[int]:
    """Sides, an even and an odd one, that can be halved as they are."""
    unit, side = _smallest(twin)
    return [side + 1] if requires_odd_size(twin) else [side, side + unit + 1]


def _smallest(twin: nn.Module) -> tuple[int, int]:
    """What a side is a multiple of, and a small multiple on whose coarsest grid every kernel has room to mirror."""
    frames = [layer for layer in twin.modules() if isinstance(layer, RepeatedFrame | MirroredFrame)]
    pitches = [pitch for layer in twin.modules() if isinstance(layer, Pyramid) for pitch in layer.pitches]
    kernels = [
        side
        for layer in twin.modules()
        if isinstance(layer, nn.Conv2d | nn.Conv3d) and layer.padding_mode in ("reflect", "circular")
        for side in layer.kernel_size
    ]
    unit = 2 ** max(frame.halvings for frame in frames)
    coarsest = (max(kernels, default=3) // 2 + 2) * max([1.0, *pitches])
    return unit, max(4, unit * round(coarsest))
