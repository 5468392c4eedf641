"""Plain U-Net, in two and three dimensions: the baseline of all comparisons."""

from collections.abc import Callable, Sequence

from jaxtyping import Float
from torch import Tensor, nn

from gequnet.errors import ConfigError
from gequnet.layers import plain
from gequnet.layers.frame import MirroredFrame
from gequnet.nets.kit import Downsample, Kit, Recipe, Upsample
from gequnet.nets.topology import UNetTopology, check_image, check_sizes
from gequnet.ranges import Count, Share


class TransposedConv(nn.Module):
    """Transposed convolution of kernel 3 and stride 2 to a given size, even or odd."""

    def __init__(self, dims: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = plain.CONV_TRANSPOSE[dims](in_channels, out_channels, 3, stride=2, padding=1)

    def forward(self, x: Float[Tensor, "b in *half"], sides: Sequence[int]) -> Float[Tensor, "b out *space"]:
        """[B, C, *half] -> [B, C', *sides]."""
        return self.conv(x, output_size=list(sides))


class UpConv(nn.Module):
    """Transposed convolution of kernel and stride 2, the "up-convolution" of Ronneberger et al.

    Each output pixel depends on one input pixel, so it needs nothing beyond the border. Output sides are even.
    """

    def __init__(self, dims: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = plain.CONV_TRANSPOSE[dims](in_channels, out_channels, 2, stride=2)

    def forward(self, x: Float[Tensor, "b in *half"], sides: Sequence[int]) -> Float[Tensor, "b out *space"]:
        """[B, C, *half] -> [B, C', *2 half]; ``sides`` are ignored, since the skip connection is cropped."""
        return self.conv(x)


class PlainKit(Kit[int]):
    """Plain layers; the type of a map is its number of channels."""

    def __init__(self, dims: int, recipe: Recipe) -> None:
        super().__init__(recipe)
        self.dims = dims

    def conv_norm(self, in_type: int, out_type: int, kernel_size: int, stride: int = 1) -> nn.Module:
        """A convolution, without bias if a norm follows."""
        mode, norm = self.recipe.padding_mode, self.recipe.norm
        if self.recipe.valid and stride > 1:
            raise ConfigError(
                "model.downsample=strided has a kernel of 3 with its centre on a pixel, and model.padding_mode=valid "
                "halves even sides: take downsample=max, average or blur."
            )
        conv = plain.conv(self.dims, in_type, out_type, kernel_size, stride, mode, bias=norm == "none")
        return nn.Sequential(conv, plain.norm(self.dims, norm, out_type))

    def up_conv(self, in_type: int, out_type: int) -> nn.Module:
        """A transposed convolution to any sides, or one without padding for valid convolutions."""
        layer = UpConv if self.recipe.valid else TransposedConv
        return layer(self.dims, in_type, out_type)

    def frame(self, halvings: int) -> Callable[[Tensor], Tensor]:
        """Function that pads an image to a grid, by repeating its border or, for valid layers, by mirror images."""
        if not self.recipe.valid:
            return super().frame(halvings)
        return MirroredFrame(
            halvings,
            block=self.recipe.convs * (self.recipe.kernel_size - 1),
            halving=1 if self.recipe.downsample == "blur" else 0,
            doubling=2 if self.recipe.upsample == "interpolate" else 0,
        )

    def activation(self, map_type: int) -> nn.Module:
        """The pointwise function."""
        return plain.activation(self.recipe.activation)

    def dropout(self, map_type: int, rate: float) -> nn.Module:
        """Dropout of channels."""
        return plain.DROPOUT[self.dims](rate)

    def concatenated(self, first: int, second: int) -> int:
        """The sum of the channels."""
        return first + second

    def describe_map(self, map_type: int) -> str:
        """The type of a map, as text: ``64 channels``."""
        return f"{map_type} channels"

    def sizes(self, halvings: int) -> str:
        """The sides of images that the network accepts, as text."""
        mirrored = "every size: the image is mirrored outward by the pixels that the valid convolutions take off"
        return mirrored if self.recipe.valid else super().sizes(halvings)

    def head(self, in_type: int, num_classes: int) -> nn.Module:
        """A convolution of kernel size 1."""
        return plain.conv(self.dims, in_type, num_classes, 1)


class UNet(UNetTopology):
    """A U-Net of plain convolutions.

    Args:
        in_channels: C of the image.
        num_classes: K, the number of logits at each pixel.
        widths: channels at each level, finest first; their number is the depth.
        spatial_dims: 2 or 3.
        depth: number of levels, to check ``widths`` against; unchecked if ``None``.
        kernel_size: side of the convolutions, odd.
        convs: number of convolutions in each block.
        norm: ``batch``, ``instance``, ``group`` or ``none``.
        activation: ``relu``, ``leaky_relu``, ``elu``, ``silu`` or ``gelu``.
        dropout: rate at which channels are dropped, for all levels or one for each.
        residual: true for a shortcut in each block.
        downsample: ``blur`` (binomial), ``average``, ``max`` or ``strided`` (learned).
        upsample: ``interpolate`` (linear) or ``transposed`` (learned; kernel 3, which fits even and odd sides, or
            kernel 2 with ``padding_mode=valid``).
        padding_mode: the values beyond the border in convolutions: ``zeros``, ``reflect``, ``replicate``, ``circular``.
            With ``valid`` no layer pads: skip connections are cropped, and the image is extended by mirror images. The
            relative cost of this margin grows as patches get smaller; for the network of the paper it is 92 pixels at
            each end. A tile with its true surroundings gets the same logits as in the whole image if its corner and the
            difference of the sides are multiples of 2^(depth - 1) and the norm does not depend on the image (``none``,
            or ``batch`` in evaluation mode).

    The network of Ronneberger et al. is ``widths=[64, 128, 256, 512, 1024], downsample="max", upsample="transposed",
    padding_mode="valid", norm="none", dropout=[0, 0, 0, 0, 0.5]``. These rates drop channels at the end of the
    contracting path only, in the bottleneck. A rate for a finer level applies to both of its blocks.

    Shape:
        [B, C, *space] -> logits [B, K, *space], for every size (see ``gequnet.layers.resample``).

    Raises:
        ConfigError: an argument is not one of those listed.

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
        depth: Count | None = None,
        kernel_size: Count = 3,
        convs: Count = 2,
        norm: plain.NormName = "batch",
        activation: plain.ActivationName = "relu",
        dropout: Share | Sequence[Share] = 0.0,
        residual: bool = False,
        downsample: Downsample = "blur",
        upsample: Upsample = "interpolate",
        padding_mode: plain.BorderMode = "zeros",
    ) -> None:
        if spatial_dims not in plain.CONV:
            raise ConfigError(f"spatial_dims={spatial_dims} is not 2 or 3")
        levels = check_sizes(widths, depth, kernel_size, in_channels, num_classes)
        recipe = Recipe(kernel_size, convs, norm, activation, dropout, residual, downsample, upsample, padding_mode)
        kit = PlainKit(spatial_dims, recipe)
        super().__init__(kit, in_channels, levels, levels[:-1], num_classes)
        self.in_channels, self.num_classes = in_channels, num_classes
        self.widths, self.spatial_dims = levels, spatial_dims

    def forward(self, image: Float[Tensor, "b c *space"]) -> Float[Tensor, "b k *space"]:
        """[B, C, *space] -> logits [B, K, *space]."""
        check_image(image, self.in_channels, self.spatial_dims)
        return super().forward(image)
