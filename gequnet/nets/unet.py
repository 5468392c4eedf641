"""The plain U-Net, in two and three dimensions: the baseline that the others are compared with."""

from collections.abc import Callable, Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from gequnet.errors import ConfigError
from gequnet.layers import plain
from gequnet.layers.block import ConvBlock
from gequnet.layers.resample import BlurPool, Double, MaxPool
from gequnet.nets.topology import UNetTopology, check_image, check_widths, rate_at

Downsample = Literal["max", "average", "blur", "strided"]
Upsample = Literal["interpolate", "transposed"]


class TransposedConv(nn.Module):
    """A transposed convolution of kernel 3 and stride 2 that reaches a given size, even or odd."""

    def __init__(self, dims: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = plain.CONV_TRANSPOSE[dims](in_channels, out_channels, 3, stride=2, padding=1)

    def forward(self, x: Float[Tensor, "b in *half"], sides: Sequence[int]) -> Float[Tensor, "b out *space"]:
        """[B, C, *half] -> [B, C', *sides]."""
        return self.conv(x, output_size=list(sides))


class PlainKit:
    """Ordinary layers; the type of a map is its number of channels. Arguments as for ``UNet``."""

    def __init__(
        self,
        dims: int,
        kernel_size: int,
        convs: int,
        norm: plain.NormName,
        activation: plain.ActivationName,
        dropout: float | Sequence[float],
        residual: bool,
        downsample: Downsample,
        upsample: Upsample,
        padding_mode: plain.PaddingMode,
    ) -> None:
        self.dims, self.kernel_size, self.convs = dims, kernel_size, convs
        self.norm, self.activation, self.dropout = norm, activation, dropout
        self.residual, self.downsample, self.upsample = residual, downsample, upsample
        self.padding_mode = padding_mode

    def _conv_norm(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> nn.Sequential:
        conv = plain.conv(
            self.dims,
            in_channels,
            out_channels,
            kernel_size,
            stride,
            self.padding_mode,
            bias=self.norm == "none",
        )
        return nn.Sequential(conv, plain.norm(self.dims, self.norm, out_channels))

    def block(self, in_type: int, out_type: int, level: int) -> nn.Module:
        """``convs`` convolutions, each normalised and activated, channels dropped before the last."""
        units: list[nn.Module] = []
        for index in range(self.convs):
            if index:
                units.append(plain.activation(self.activation))
            if index == self.convs - 1:
                units.append(plain.dropout(self.dims, rate_at(self.dropout, level)))
            units.append(self._conv_norm(out_type if index else in_type, out_type, self.kernel_size))
        return ConvBlock(units, plain.activation(self.activation), self._shortcut(in_type, out_type))

    def _shortcut(self, in_type: int, out_type: int) -> nn.Module | None:
        if not self.residual:
            return None
        return nn.Identity() if in_type == out_type else self._conv_norm(in_type, out_type, 1)

    def down(self, in_type: int, level_type: int) -> tuple[nn.Module, int]:
        """Pooling, or a convolution of stride 2 with as many channels as it is given."""
        makers: dict[str, Callable[[], nn.Module]] = {
            "max": MaxPool,
            "average": lambda: BlurPool(2),
            "blur": lambda: BlurPool(4),
            "strided": lambda: self._conv_norm(in_type, in_type, 3, stride=2),
        }
        return plain.choose(makers, self.downsample, "downsample")(), in_type

    def up(self, in_type: int, level_type: int) -> tuple[nn.Module, int]:
        """Interpolation, or a transposed convolution to the level's channels."""
        makers = {
            "interpolate": lambda: (Double(), in_type),
            "transposed": lambda: (TransposedConv(self.dims, in_type, level_type), level_type),
        }
        return plain.choose(makers, self.upsample, "upsample")()

    def skip(self, in_type: int, level_type: int) -> tuple[nn.Module, int]:
        """The map itself."""
        return nn.Identity(), in_type

    def concatenated(self, first: int, second: int) -> int:
        """The sum of the channels."""
        return first + second

    def head(self, in_type: int, num_classes: int) -> nn.Module:
        """A convolution of kernel size 1."""
        return plain.conv(self.dims, in_type, num_classes, 1)


class UNet(UNetTopology):
    """A U-Net of ordinary convolutions.

    Args:
        in_channels: C of the image.
        num_classes: K, the number of logits at each pixel.
        widths: channels at each level, finest first; their number is the depth.
        spatial_dims: 2 or 3.
        depth: number of levels, if it is to be checked against ``widths``.
        kernel_size: side of the convolutions, odd.
        convs: convolutions in each block.
        norm: ``batch``, ``instance``, ``group`` or ``none``.
        activation: ``relu``, ``leaky_relu``, ``elu``, ``silu`` or ``gelu``.
        dropout: rate at which channels are dropped, for all levels or one for each.
        residual: whether each block has a shortcut.
        downsample: ``blur`` (binomial), ``average``, ``max`` or ``strided`` (learned).
        upsample: ``interpolate`` (linear) or ``transposed`` (learned).
        padding_mode: what the convolutions see beyond the border: ``zeros``, ``reflect``, ``replicate``, ``circular``.

    Shape:
        [B, C, *space] -> logits [B, K, *space], for every size (see ``gequnet.layers.resample``).

    Raises:
        ConfigError: where an argument is none of those listed.

    >>> import torch
    >>> UNet(in_channels=3, num_classes=1, widths=[8, 16, 32])(torch.zeros(1, 3, 65, 94)).shape
    torch.Size([1, 1, 65, 94])
    """

    group = None

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        widths: Sequence[int],
        spatial_dims: int = 2,
        depth: int | None = None,
        kernel_size: int = 3,
        convs: int = 2,
        norm: plain.NormName = "batch",
        activation: plain.ActivationName = "relu",
        dropout: float | Sequence[float] = 0.0,
        residual: bool = False,
        downsample: Downsample = "blur",
        upsample: Upsample = "interpolate",
        padding_mode: plain.PaddingMode = "zeros",
    ) -> None:
        if spatial_dims not in plain.CONV:
            raise ConfigError(f"spatial_dims={spatial_dims} is not 2 or 3")
        levels = check_widths(widths, depth)
        kit = PlainKit(
            spatial_dims,
            kernel_size,
            convs,
            norm,
            activation,
            dropout,
            residual,
            downsample,
            upsample,
            padding_mode,
        )
        super().__init__(kit, in_channels, levels, levels[:-1], num_classes)
        self.in_channels, self.num_classes = in_channels, num_classes
        self.widths, self.spatial_dims = levels, spatial_dims

    def forward(self, image: Float[Tensor, "b c *space"]) -> Float[Tensor, "b k *space"]:
        """Image to logits."""
        check_image(image, self.in_channels, self.spatial_dims)
        return super().forward(image)
