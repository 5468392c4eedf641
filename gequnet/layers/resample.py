"""Halving and doubling of a grid that commute with its rotations and mirrors, at even and at odd sides.

A side of even length has its centre between two pixels, a side of odd length on a pixel. There is an operator that
keeps the centre for each of them, but no common one. So the parity of each axis selects the operator:

=====  ======================  ==============================  =====================
side   padded to               halved by                       doubled by
=====  ======================  ==============================  =====================
even   a multiple of 2^L       windows of 2, stride 2          half-pixel centres
odd    a multiple of 2^L, + 1  windows of 3, stride 2, pad 1   aligned corners
=====  ======================  ==============================  =====================

Both rows discretise the same continuous operation as nearly as the grid allows (for example binomial windows of 4 and 5
taps for the blur). Padding and cropping change both ends by the same amount. A quarter turn exchanges the axes together
with their parities, so it commutes with all of this exactly.
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
    """The smallest padded side of the same parity: a multiple of 2^halvings, plus 1 if ``side`` is odd."""
    unit = 2**halvings
    odd = side % 2 if halvings else 0
    return max(1, math.ceil((side - odd) / unit)) * unit + odd


def pad_to_grid(x: Float[Tensor, "b c *space"], halvings: int) -> Float[Tensor, "b c *padded"]:
    """Repeat the border, equally at both ends of each axis, until every side can be halved ``halvings`` times."""
    amounts: list[int] = []
    for side in reversed(x.shape[2:]):
        amounts += [(padded_side(side, halvings) - side) // 2] * 2
    return F.pad(x, amounts, mode="replicate") if any(amounts) else x


def crop_to(x: Float[Tensor, "b c *padded"], sides: Sequence[int]) -> Float[Tensor, "b c *space"]:
    """Central crop of the last axes: the same amount is taken off both ends."""
    for axis, side in enumerate(sides, start=x.dim() - len(sides)):
        x = x.narrow(axis, (x.shape[axis] - side) // 2, side)
    return x


def binomial(taps: int) -> Tensor:
    """Binomial coefficients, normalised to sum 1: a Gaussian on a grid."""
    return torch.tensor([math.comb(taps - 1, k) / 2 ** (taps - 1) for k in range(taps)])


def max_pool(x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c *half"]:
    """Halve each axis by the maximum over windows of 2 (even side) or 3 (odd side)."""
    odd = [side % 2 for side in x.shape[2:]]
    return MAX_POOL[len(odd)](x, [2 + o for o in odd], 2, odd)


def blur_pool(x: Float[Tensor, "b c *space"], taps: int, padded: bool = True) -> Float[Tensor, "b c *half"]:
    """Halve each axis by a binomial blur of ``taps`` taps (even side) or ``taps + 1`` (odd side).

    Beyond the border the image repeats its last pixel. If not ``padded``, the result has only the pixels that need
    nothing beyond the border, ``taps / 2 - 1`` fewer. ``taps=2`` is average pooling on an even side.
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
    """Linear interpolation to ``sides``, each twice a side of ``x`` (even) or twice that side minus 1 (odd)."""
    odd = [side % 2 for side in sides]
    mode = INTERPOLATION[len(odd)]
    for parity in sorted(set(odd)):
        size = [new if o == parity else old for new, old, o in zip(sides, x.shape[2:], odd, strict=True)]
        x = F.interpolate(x, size=size, mode=mode, align_corners=bool(parity))
    return x


class MaxPool(nn.Module):
    """Max pooling by 2, see ``max_pool``."""

    def forward(self, x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c *half"]:
        """[B, C, *space] -> [B, C, *half]."""
        return max_pool(x)


class BlurPool(nn.Module):
    """Binomial blur and subsampling by 2, see ``blur_pool``; linear, with less aliasing than max pooling."""

    def __init__(self, taps: int = 4, padded: bool = True) -> None:
        super().__init__()
        if taps % 2:
            raise ConfigError(f"taps is the number of taps on an even side and must be even, got {taps}")
        self.taps, self.padded = taps, padded

    def extra_repr(self) -> str:
        """The number of taps, and the padding if there is none."""
        return f"taps={self.taps}" + ("" if self.padded else ", padded=False")

    def forward(self, x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c *half"]:
        """[B, C, *space] -> [B, C, *half]."""
        return blur_pool(x, self.taps, self.padded)


class Double(nn.Module):
    """Upsampling by 2 with linear interpolation, see ``double``.

    Args:
        padded: False for twice the side minus 2, whatever ``sides`` are: without padding there is nothing to
            interpolate with beyond the outermost pixels.
    """

    def __init__(self, padded: bool = True) -> None:
        super().__init__()
        self.padded = padded

    def extra_repr(self) -> str:
        """The padding if there is none."""
        return "" if self.padded else "padded=False"

    def forward(self, x: Float[Tensor, "b c *half"], sides: Sequence[int]) -> Float[Tensor, "b c *space"]:
        """[B, C, *half] -> [B, C, *sides]."""
        if self.padded:
            return double(x, sides)
        doubled = [2 * side for side in x.shape[2:]]
        return crop_to(double(x, doubled), [side - 2 for side in doubled])
