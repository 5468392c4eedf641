"""Topology of the U-Net: levels, skip connections and a head, for the layers of any kit.

A network is the topology with a kit of one kind of layer (plain, steerable, …). All families share this file, so that a
comparison between them compares the layers only.

References:
    Ronneberger, Fischer and Brox, U-Net, arXiv:1505.04597.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gequnet.errors import ConfigError, ShapeError
from gequnet.layers.resample import crop_to
from gequnet.nets.kit import Kit, Type

MOST_LEVELS, MOST_CHANNELS, LARGEST_KERNEL = 12, 8192, 63


class UNetTopology(nn.Module):
    """Encoder, bottleneck, decoder and skip connections on a grid of any size.

    Args:
        kit: builder of the layers.
        in_type: type of the image.
        encoder: type of the maps of each encoder level, finest first; the last is the bottleneck.
        decoder: type of the maps of each decoder level, finest first; one fewer.
        num_classes: K, the number of logits at each pixel.

    Shape:
        [B, C, *space] -> logits [B, K, *space], for every size.
    """

    types: dict[str, str]
    """Type of the map of each level, as text, by the name of its module, in the order of the forward pass."""
    sizes: str
    """The sides of images that the network accepts, as text."""

    parts: ClassVar = {
        "encoder": ("stem", "encoders", "downs"), "decoder": ("skips", "ups", "decoders"), "head": ("head",),
    }  # fmt: skip

    def __init__(
        self,
        kit: Kit[Type],
        in_type: Type,
        encoder: Sequence[Type],
        decoder: Sequence[Type],
        num_classes: int,
    ) -> None:
        super().__init__()
        self.halvings = len(decoder)
        self.frame = kit.frame(self.halvings)
        self.stem = kit.stem()
        self.encoders, self.downs = nn.ModuleList(), nn.ModuleList()
        self.skips, self.ups, self.decoders = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.types, self.sizes = {}, kit.sizes(self.halvings)
        current = in_type
        for level, level_type in enumerate(encoder):
            if level:
                down, current = kit.down(current, level_type)
                self.downs.append(down)
            self.encoders.append(kit.block(current, level_type, level))
            self.types[f"encoders.{level}"] = kit.describe_map(level_type)
            current = level_type
        for level in reversed(range(self.halvings)):
            up, raised = kit.up(current, decoder[level])
            skip, carried = kit.skip(encoder[level], decoder[level])
            self.ups.append(up)
            self.skips.append(skip)
            self.decoders.append(kit.block(kit.concatenated(carried, raised), decoder[level], level))
            self.types[f"decoders.{len(self.decoders) - 1}"] = kit.describe_map(decoder[level])
            current = decoder[level]
        self.head = kit.head(current, num_classes)

    def forward(self, image: Float[Tensor, "b c *space"]) -> Float[Tensor, "b k *maps"]:
        """[B, C, *space] -> output of the head: logits at each pixel (a map of the kit's kind)."""
        dims = image.dim() - 2
        x = self.encoders[0](self.stem(self.frame(image)))
        carried = [x]
        for down, encoder in zip(self.downs, self.encoders[1:], strict=True):
            x = encoder(down(x))
            carried.append(x)
        carried.pop()
        for up, skip, decoder in zip(self.ups, self.skips, self.decoders, strict=True):
            same_level = carried.pop()
            x = up(x, same_level.shape[-dims:])
            x = decoder(self._concatenate(skip(crop_to(same_level, x.shape[-dims:])), x))
        return crop_to(self.head(x), image.shape[2:])

    @staticmethod
    def _concatenate(first: Float[Tensor, "b c1 *m"], second: Float[Tensor, "b c2 *m"]) -> Float[Tensor, "b c *m"]:
        return torch.cat([first, second], dim=1)


def check_sizes(
    widths: Sequence[int], depth: int | None, kernel_size: int, in_channels: int, num_classes: int
) -> tuple[int, ...]:
    """Check the sizes of a network; one beyond reason would fill the memory before it fails.

    Args:
        widths: one number for each of ``depth`` levels, or of any number of levels if that is ``None``.
        depth: number of levels.
        kernel_size: side of the convolutions in pixels.
        in_channels: channels of an image.
        num_classes: number of logits.

    Returns:
        The widths.

    Raises:
        ConfigError: one of the sizes is below 1 or too large, or there are more or fewer widths than levels.
    """
    levels = len(widths) if depth is None else depth
    _check_number("depth", levels, MOST_LEVELS)
    if len(widths) != levels:
        raise ConfigError(f"model.widths has {len(widths)} numbers, and needs one for each of {levels} levels.")
    channels = {"widths": widths, "in_channels": [in_channels], "num_classes": [num_classes]}
    for name, numbers in channels.items():
        for number in numbers:
            _check_number(name, number, MOST_CHANNELS)
    _check_number("kernel_size", kernel_size, LARGEST_KERNEL)
    return tuple(int(width) for width in widths)


def _check_number(name: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise ConfigError(f"model.{name}={value} must lie between 1 and {most}.")


def check_image(image: Float[Tensor, "b c *space"], in_channels: int, spatial_dims: int) -> None:
    """Raise ShapeError unless the image is [B, in_channels, *space] with ``spatial_dims`` axes of space."""
    if image.dim() != spatial_dims + 2 or image.shape[1] != in_channels:
        axes = "H, W" if spatial_dims == 2 else "D, H, W"
        raise ShapeError(f"expected an image [B, {in_channels}, {axes}], got {list(image.shape)}")
