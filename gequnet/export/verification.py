"""Comparison of an exported network with the original one, at even and odd sizes of every axis."""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gequnet.export.padding import PlainMirroredFrame, RepeatedFrame
from gequnet.export.pyramid import Pyramid

Function = Callable[[Tensor], Tensor]


class LogitDifference(NamedTuple):
    """Largest difference of two networks' logits, relative to the largest logit, and the shape of its image."""

    error: float
    shape: tuple[int, ...]


@torch.no_grad()
def largest_difference(
    exported: Function, expected: nn.Module, plain: nn.Module, in_channels: int, dims: int
) -> LogitDifference:
    """Largest difference between a function and a network on random images.

    The images are single ones with sides that need padding, and pairs with sides that do not.

    Args:
        exported: the function, on the CPU.
        expected: the network, in evaluation mode.
        plain: its plain network, which determines the sizes.
        in_channels: channels of the images.
        dims: their number of axes of space.
    """
    generator = torch.Generator().manual_seed(0)
    worst = LogitDifference(0.0, ())
    for batch, sides in ((1, padded_sides(plain)), (2, grid_sides(plain))):
        for space in product(sides, repeat=dims):
            image = torch.randn(batch, in_channels, *space, generator=generator)
            logits, target = exported(image), expected(image)
            if logits.shape != target.shape:
                return LogitDifference(float("inf"), tuple(image.shape))
            error = ((logits - target).abs().max() / target.abs().max().clamp_min(1e-12)).item()
            if not error <= worst.error:
                worst = LogitDifference(error, tuple(image.shape))
    return worst


def requires_odd_size(plain: nn.Module) -> bool:
    """True if the network refuses even sides."""
    return any(isinstance(layer, RepeatedFrame) and layer.odd_only for layer in plain.modules())


def padded_sides(plain: nn.Module) -> list[int]:
    """An even and an odd side that need padding."""
    _, side = _smallest_side(plain)
    return [side + 3] if requires_odd_size(plain) else [side - 2, side + 3]


def grid_sides(plain: nn.Module) -> list[int]:
    """An even and an odd side that need no padding."""
    unit, side = _smallest_side(plain)
    return [side + 1] if requires_odd_size(plain) else [side, side + unit + 1]


def _smallest_side(plain: nn.Module) -> tuple[int, int]:
    """The unit of padded sides, and a small multiple of it whose coarsest grid is large enough for mirrored borders."""
    frames = [layer for layer in plain.modules() if isinstance(layer, RepeatedFrame | PlainMirroredFrame)]
    pitches = [pitch for layer in plain.modules() if isinstance(layer, Pyramid) for pitch in layer.pitches]
    kernels = [
        side
        for layer in plain.modules()
        if isinstance(layer, nn.Conv2d | nn.Conv3d) and layer.padding_mode in ("reflect", "circular")
        for side in layer.kernel_size
    ]
    unit = 2 ** max(frame.halvings for frame in frames)
    coarsest = (max(kernels, default=3) // 2 + 2) * max([1.0, *pitches])
    return unit, max(4, unit * round(coarsest))
