"""The U-Net of ordinary layers, and its parts."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gequnet.export.symbolic_sizes import Whole, middle, recording


class Block(nn.Module):
    """Layers one after the other; with a shortcut, the middle of what it gives is added before the activation.

    Shape:
        [B, C, *space] -> [B, C', *space], or less of it.
    """

    def __init__(self, units: nn.Module, activation: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.units, self.shortcut, self.activation = units, shortcut, activation

    def forward(self, x: Tensor) -> Tensor:
        """The convolved map."""
        y: Tensor = self.units(x)
        if self.shortcut is not None:
            y = y + centred(self.shortcut(x), y.shape[2:])
        activated: Tensor = self.activation(y)
        return activated


class UNet(nn.Module):
    """Encoder, bottleneck, decoder and skips, as ``gequnet.nets.topology`` has them.

    Args:
        frame: puts an image on a grid that can be halved, and says which.
        stem: before the first level.
        encoders: a block for each level, finest first.
        downs: between the levels.
        ups: on the way back, coarsest first, as are the following.
        skips: what is done to an encoder's map before it is put beside the decoder's.
        decoders: a block for each level but the coarsest.
        head: logits at each pixel.
        scales: how many parts a map has that are convolved by themselves; maps are put beside each other part by part.

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
        """Image to logits."""
        framed, grid = self.frame(image)
        logits = self.on_grid(framed, grid.odd)
        return middle(logits, image.shape[2:]) if recording() else centred(logits, image.shape[2:])

    def on_grid(self, image: Tensor, odd: Sequence[Whole]) -> Tensor:
        """The logits of an image whose sides can be halved."""
        x = self.encoders[0](self.stem(image))
        carried = [x]
        for down, encoder in zip(self.downs, self.encoders[1:], strict=True):
            x = encoder(down(x, odd))
            carried.append(x)
        carried.pop()
        for up, skip, decoder in zip(self.ups, self.skips, self.decoders, strict=True):
            x = up(x, odd)
            x = decoder(self._beside(skip(centred(carried.pop(), x.shape[2:])), x))
        logits: Tensor = self.head(x)
        return logits

    def _beside(self, first: Tensor, second: Tensor) -> Tensor:
        if self.scales == 1:
            return torch.cat([first, second], 1)
        parts = [x.unflatten(1, (self.scales, -1)) for x in (first, second)]
        return torch.cat(parts, 2).flatten(1, 2)


def centred(x: Tensor, sides: Sequence[Whole]) -> Tensor:
    """The middle of ``x``; what is lost is the same at all sizes, so a recorded graph knows the numbers."""
    for axis, side in enumerate(sides, start=2):
        x = x.narrow(axis, (x.shape[axis] - side) // 2, side)
    return x
