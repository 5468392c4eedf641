"""Halving and doubling a grid so that turns and mirrors of the grid commute with it, at even and at odd sides.

A side of even length has its centre between two pixels, one of odd length on a pixel; an operator that respects the
centre exists for each, but not one for both. So the parity of each axis decides, by itself:

=====  ======================  ==============================  =====================
side   padded to               halved by                       doubled by
=====  ======================  ==============================  =====================
even   a multiple of 2^L       windows of 2, stride 2          half-pixel centres
odd    a multiple of 2^L, + 1  windows of 3, stride 2, pad 1   aligned corners
=====  ======================  ==============================  =====================

Both columns stand for the same continuous operation as nearly as the grid allows (binomial windows of 4 and 5 taps
for the blur, say). Padding and cropping take the same amount from both ends. A quarter turn exchanges the axes and
their parities with them, so the whole commutes with it exactly.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gequnet.errors import ConfigError

MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
CONVOLUTION = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
INTERPOLATION = {1: "linear", 2: "bilinear", 3: "trilinear"}


def padded_side(side: int, halvings: int) -> int:
    """The least side of the same parity that can be halved so often: a multiple of 2^halvings, or that plus 1."""
    unit = 2**halvings
    odd = side % 2 if halvings else 0
    return max(1, math.ceil((side - odd) / unit)) * unit + odd


def pad_to_grid(x: Float[Tensor, "b c *space"], halvings: int) -> Float[Tensor, "b c *padded"]:
    """Repeats the border, equally at both ends of each axis, until every side can be halved ``halvings`` times."""
    amounts: list[int] = []
    for side in reversed(x.shape[2:]):
        amounts += [(padded_side(side, halvings) - side) // 2] * 2
    return F.pad(x, amounts, mode="replicate") if any(amounts) else x


def crop_to(x: Float[Tensor, "b c *padded"], sides: Sequence[int]) -> Float[Tensor, "b c *space"]:
    """The middle of ``x``: takes the same amount from both ends of the last axes."""
    for axis, side in enumerate(sides, start=x.dim() - len(sides)):
        x = x.narrow(axis, (x.shape[axis] - side) // 2, side)
    return x


def binomial(taps: int) -> Tensor:
    """Binomial coefficients that sum to 1: a Gaussian on a grid."""
    return torch.tensor([math.comb(taps - 1, k) / 2 ** (taps - 1) for k in range(taps)])


def max_pool(x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c *half"]:
    """Halves each axis by the maximum over windows of 2 (even side) or 3 (odd side)."""
    odd = [side % 2 for side in x.shape[2:]]
    return MAX_POOL[len(odd)](x, [2 + o for o in odd], 2, odd)


def blur_pool(x: Float[Tensor, "b c *space"], taps: int, padded: bool = True) -> Float[Tensor, "b c *half"]:
    """Halves each axis by a binomial blur of ``taps`` taps (even side) or ``taps + 1`` (odd side).

    Beyond the border the image repeats its last pixel; not ``padded``, the result has only those pixels for which
    nothing beyond is needed, fewer by ``taps / 2 - 1``. ``taps=2`` is average pooling on an even side.
    """
    kernel = torch.ones((), dtype=x.dtype, device=x.device)
    padding: list[int] = []
    for side in x.shape[2:]:
        along = binomial(taps + 1 if side % 2 else taps).to(x)
        kernel = kernel[..., None] * along
        padding = [(len(along) - 1) // 2 if padded else 0] * 2 + padding
    channels = x.shape[1]
    blur = kernel.expand(channels, 1, *kernel.shape)
    return CONVOLUTION[x.dim() - 2](F.pad(x, padding, mode="replicate"), blur, stride=2, groups=channels)


def double(x: Float[Tensor, "b c *half"], sides: Sequence[int]) -> Float[Tensor, "b c *space"]:
    """Linear interpolation onto ``sides``, each the double of a side of ``x`` (even) or the double less 1 (odd)."""
    odd = [side % 2 for side in sides]
    mode = INTERPOLATION[len(odd)]
    for parity in sorted(set(odd)):
        size = [new if o == parity else old for new, old, o in zip(sides, x.shape[2:], odd, strict=True)]
        x = F.interpolate(x, size=size, mode=mode, align_corners=bool(parity))
    return x


class MaxPool(nn.Module):
    """Halves the grid by the maximum, see ``max_pool``."""

    def forward(self, x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c *half"]:
        """[B, C, *space] -> [B, C, *half]."""
        return max_pool(x)


class BlurPool(nn.Module):
    """Halves the grid after a binomial blur, see ``blur_pool``; less aliasing than the maximum, and linear."""

    def __init__(self, taps: int = 4, padded: bool = True) -> None:
        super().__init__()
        if taps % 2:
            raise ConfigError(f"taps is the number of taps on an even side and must be even, got {taps}")
        self.taps, self.padded = taps, padded

    def extra_repr(self) -> str:
        """The number of taps, and whether the border is left out."""
        return f"taps={self.taps}" + ("" if self.padded else ", padded=False")

    def forward(self, x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c *half"]:
        """[B, C, *space] -> [B, C, *half]."""
        return blur_pool(x, self.taps, self.padded)


class Double(nn.Module):
    """Doubles the grid by linear interpolation, see ``double``.

    Args:
        padded: False for the double less 2, whatever ``sides`` are: beyond the outermost pixels there is nothing to
            interpolate with.
    """

    def __init__(self, padded: bool = True) -> None:
        super().__init__()
        self.padded = padded

    def extra_repr(self) -> str:
        """Whether the border is left out."""
        return "" if self.padded else "padded=False"

    def forward(self, x: Float[Tensor, "b c *half"], sides: Sequence[int]) -> Float[Tensor, "b c *space"]:
        """[B, C, *half] -> [B, C, *sides]."""
        if self.padded:
            return double(x, sides)
        doubled = [2 * side for side in x.shape[2:]]
        return crop_to(double(x, doubled), [side - 2 for side in doubled])
