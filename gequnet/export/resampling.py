"""Halving and doubling, as layers that are told the parities and not the size.

Outside of ``torch.export`` they are PyTorch's own operators, chosen by the parity; inside, one operator for both, see
``gequnet.export.symbolic_sizes``. All are called with a map [B, C, *space] and, for each axis, whether its side is odd.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from gequnet.export.symbolic_sizes import Whole, blurred, doubled, maximal, recording
from gequnet.layers import resample
from gequnet.layers.separable import PAD_MODE


class BlurPool(nn.Module):
    """Halves by a binomial blur.

    Args:
        taps: of the blur on an even side; one more on an odd one.
        padded: whether the border is repeated; if not, sides are even.
    """

    def __init__(self, taps: int, padded: bool = True) -> None:
        super().__init__()
        self.taps, self.padded = taps, padded

    def forward(self, x: Tensor, odd: Sequence[Whole]) -> Tensor:
        """[B, C, *space] -> [B, C, *half]."""
        if recording():
            return blurred(x, odd, self.taps, self.padded)
        return resample.blur_pool(x, self.taps, self.padded)


class MaxPool(nn.Module):
    """Halves by the maximum."""

    def forward(self, x: Tensor, odd: Sequence[Whole]) -> Tensor:
        """[B, C, *space] -> [B, C, *half]."""
        return maximal(x, odd) if recording() else resample.max_pool(x)


class Double(nn.Module):
    """Doubles by linear interpolation.

    Args:
        padded: whether the border is repeated; if not, sides are even and lose a pixel at each end.
    """

    def __init__(self, padded: bool = True) -> None:
        super().__init__()
        self.padded = padded

    def forward(self, x: Tensor, odd: Sequence[Whole]) -> Tensor:
        """[B, C, *half] -> [B, C, *space]."""
        sides = [2 * side - p for side, p in zip(x.shape[2:], odd, strict=True)]
        y = doubled(x, odd) if recording() else resample.double(x, sides)
        for axis in range(2, x.dim()) if not self.padded else ():
            y = y.narrow(axis, 1, 2 * x.shape[axis] - 2)
        return y


class StridedConv(nn.Module):
    """Halves by a convolution of stride 2.

    Args:
        conv: with stride 2 and a kernel of odd side; it pads nothing itself.
        padding_mode: what is beyond the border.
    """

    def __init__(self, conv: nn.Conv2d | nn.Conv3d, padding_mode: str = "zeros") -> None:
        super().__init__()
        self.conv, self.padding_mode = conv, padding_mode

    def forward(self, x: Tensor, odd: Sequence[Whole]) -> Tensor:
        """[B, C, *space] -> [B, C', *half]."""
        reach = self.conv.kernel_size[0] // 2
        x = F.pad(x, [reach] * 2 * len(odd), mode=PAD_MODE[self.padding_mode])
        # At the far end of an even side a pixel less is needed: then the side of the result is one for both parities.
        for axis, p in enumerate(odd, start=2):
            x = x.narrow(axis, 0, x.shape[axis] - 1 + p)
        convolved: Tensor = self.conv(x)
        return convolved


class TransposedConv(nn.Module):
    """Doubles by a transposed convolution: to the double, less 1 where that is odd.

    Args:
        conv: with stride 2; what it makes is at least the double.
    """

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor, odd: Sequence[Whole]) -> Tensor:
        """[B, C, *half] -> [B, C', *space]."""
        y: Tensor = self.conv(x)
        for axis, p in enumerate(odd, start=2):
            y = y.narrow(axis, 0, 2 * x.shape[axis] - p)
        return y


class Resampled(nn.Module):
    """A layer that halves or doubles, with ordinary ones before and after it."""

    def __init__(self, before: nn.Module, resample: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.before, self.resample, self.after = before, resample, after

    def forward(self, x: Tensor, odd: Sequence[Whole]) -> Tensor:
        """[B, C, *space] -> [B, C', *resampled]."""
        y: Tensor = self.after(self.resample(self.before(x), odd))
        return y
