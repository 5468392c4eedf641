"""U-Net of plain layers, and its parts."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gequnet.export.symbolic_sizes import IntLike, center_crop_or_pad, recording


class Block(nn.Module):
    """Layers in a row; the central crop of the shortcut's output, if there is one, is added before the activation.

    Shape:
        [B, C, *space] -> [B, C', *space], or smaller with valid convolutions.
    """

    def __init__(self, units: nn.Module, activation: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.units, self.shortcut, self.activation = units, shortcut, activation

    def forward(self, x: Tensor) -> Tensor:
        """The convolved map."""
        y: Tensor = self.units(x)
        if self.shortcut is not None:
            y = y + center_crop(self.shortcut(x), y.shape[2:])
        activated: Tensor = self.activation(y)
        return activated


class PlainUNet(nn.Module):
    """Encoder, bottleneck, decoder and skip connections, as in ``gequnet.nets.topology``.

    Args:
        frame: pads an image to a grid that can be halved; returns the image and the grid.
        stem: layer before the first level.
        encoders: a block for each level, finest first.
        downs: downsampling between the levels.
        ups: upsampling between the levels, coarsest first, as are ``skips`` and ``decoders``.
        skips: layer for an encoder's map before it is concatenated with the decoder's.
        decoders: a block for each level but the coarsest.
        head: logits at each pixel.
        scales: number of parts of a map with separate convolutions; maps are concatenated part by part.

    Shape:
        [B, C, *space] -> [B, K, *space].
    """

    def __init__(
        self,
        frame: nn.Module,
        stem: nn.Module,
        encoders: nn.ModuleList,
        downs: nn.ModuleList,
        ups: nn.ModuleList,
        skips: nn.ModuleList,
        decoders: nn.ModuleList,
        head: nn.Module,
        scales: int = 1,
    ) -> None:
        super().__init__()
        self.frame, self.stem, self.head, self.scales = frame, stem, head, scales
        self.encoders, self.downs = encoders, downs
        self.ups, self.skips, self.decoders = ups, skips, decoders

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, *space] -> logits [B, K, *space]."""
        framed, grid = self.frame(image)
        logits = self.on_grid(framed, grid.odd)
        return center_crop_or_pad(logits, image.shape[2:]) if recording() else center_crop(logits, image.shape[2:])

    def on_grid(self, image: Tensor, odd: Sequence[IntLike]) -> Tensor:
        """Logits of an image whose sides can be halved."""
        x = self.encoders[0](self.stem(image))
        carried = [x]
        for down, encoder in zip(self.downs, self.encoders[1:], strict=True):
            x = encoder(down(x, odd))
            carried.append(x)
        carried.pop()
        for up, skip, decoder in zip(self.ups, self.skips, self.decoders, strict=True):
            x = up(x, odd)
            x = decoder(self._concatenate(skip(center_crop(carried.pop(), x.shape[2:])), x))
        logits: Tensor = self.head(x)
        return logits

    def _concatenate(self, first: Tensor, second: Tensor) -> Tensor:
        if self.scales == 1:
            return torch.cat([first, second], 1)
        parts = [x.unflatten(1, (self.scales, -1)) for x in (first, second)]
        return torch.cat(parts, 2).flatten(1, 2)


def center_crop(x: Tensor, sides: Sequence[IntLike]) -> Tensor:
    """Central crop; the pixels taken off are the same at all sizes, so they are constants of a recorded graph."""
    for axis, side in enumerate(sides, start=2):
        x = x.narrow(axis, (x.shape[axis] - side) // 2, side)
    return x
