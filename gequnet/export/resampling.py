"""Halving and doubling layers that depend on the parities of the sides only, not on the sides.

Outside ``torch.export`` they are PyTorch's operators, selected by the parity. While it records they are one operator
for both parities, see ``gequnet.export.symbolic_sizes``. The arguments are a map [B, C, *space] and ``odd``: for each
axis 1 if its side is odd, 0 if it is even.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from gequnet.export.symbolic_sizes import IntLike, recording, symbolic_blur_pool, symbolic_double, symbolic_max_pool
from gequnet.layers import resample
from gequnet.layers.separable import PAD_MODE


class PlainBlurPool(nn.Module):
    """Downsampling by 2 with a binomial blur.

    Args:
        taps: taps of the blur on an even side; one more on an odd side.
        padded: true to repeat the border; otherwise sides are even.
    """

    def __init__(self, taps: int, padded: bool = True) -> None:
        super().__init__()
        self.taps, self.padded = taps, padded

    def forward(self, x: Tensor, odd: Sequence[IntLike]) -> Tensor:
        """[B, C, *space] -> [B, C, *half]."""
        if recording():
            return symbolic_blur_pool(x, odd, self.taps, self.padded)
        return resample.blur_pool(x, self.taps, self.padded)


class PlainMaxPool(nn.Module):
    """Max pooling by 2."""

    def forward(self, x: Tensor, odd: Sequence[IntLike]) -> Tensor:
        """[B, C, *space] -> [B, C, *half]."""
        return symbolic_max_pool(x, odd) if recording() else resample.max_pool(x)


class PlainDouble(nn.Module):
    """Upsampling by 2 with linear interpolation.

    Args:
        padded: true to repeat the border; otherwise sides are even and lose a pixel at each end.
    """

    def __init__(self, padded: bool = True) -> None:
        super().__init__()
        self.padded = padded

    def forward(self, x: Tensor, odd: Sequence[IntLike]) -> Tensor:
        """[B, C, *half] -> [B, C, *space]."""
        sides = [2 * side - p for side, p in zip(x.shape[2:], odd, strict=True)]
        y = symbolic_double(x, odd) if recording() else resample.double(x, sides)
        for axis in range(2, x.dim()) if not self.padded else ():
            y = y.narrow(axis, 1, 2 * x.shape[axis] - 2)
        return y


class StridedConv(nn.Module):
    """Downsampling by a convolution of stride 2.

    Args:
        conv: convolution of stride 2 with a kernel of odd side and no padding.
        padding_mode: the values beyond the border.
    """

    def __init__(self, conv: nn.Conv2d | nn.Conv3d, padding_mode: str = "zeros") -> None:
        super().__init__()
        self.conv, self.padding_mode = conv, padding_mode

    def forward(self, x: Tensor, odd: Sequence[IntLike]) -> Tensor:
        """[B, C, *space] -> [B, C', *half]."""
        reach = self.conv.kernel_size[0] // 2
        x = F.pad(x, [reach] * 2 * len(odd), mode=PAD_MODE[self.padding_mode])
        # An even side needs one pixel less at the far end; then one formula gives the output side for both parities.
        for axis, p in enumerate(odd, start=2):
            x = x.narrow(axis, 0, x.shape[axis] - 1 + p)
        convolved: Tensor = self.conv(x)
        return convolved


class PlainTransposedConv(nn.Module):
    """Upsampling by a transposed convolution, to twice the side, minus 1 for an odd output side.

    Args:
        conv: transposed convolution of stride 2 whose output is at least twice the side.
    """

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor, odd: Sequence[IntLike]) -> Tensor:
        """[B, C, *half] -> [B, C', *space]."""
        y: Tensor = self.conv(x)
        for axis, p in enumerate(odd, start=2):
            y = y.narrow(axis, 0, 2 * x.shape[axis] - p)
        return y


class Resampled(nn.Module):
    """A halving or doubling layer, with plain layers before and after it."""

    def __init__(self, before: nn.Module, resample: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.before, self.resample, self.after = before, resample, after

    def forward(self, x: Tensor, odd: Sequence[IntLike]) -> Tensor:
        """[B, C, *space] -> [B, C', *resampled]."""
        y: Tensor = self.after(self.resample(self.before(x), odd))
        return y
