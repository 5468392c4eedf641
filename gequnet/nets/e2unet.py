"""E(2)-steerable U-Net: it commutes with a group of rotations and mirrors of the plane."""

from collections.abc import Mapping, Sequence

from jaxtyping import Float
from torch import Tensor, nn

from gequnet.errors import ConfigError
from gequnet.layers import plain
from gequnet.layers.field_norm import field_norm
from gequnet.layers.steerable import FieldDropout, Restriction, SteerableConv, SteerableUpConv, field_activation
from gequnet.nets.kit import Downsample, Kit, Recipe, Upsample
from gequnet.nets.topology import UNetTopology, check_image, check_sizes
from gequnet.ranges import Count, Share
from gequnet.symmetry.gspace import FieldType, PlaneGroup


class SteerableKit(Kit[FieldType]):
    """Steerable layers between fields of a group of the plane."""

    def conv_norm(self, in_type: FieldType, out_type: FieldType, kernel_size: int, stride: int = 1) -> nn.Module:
        """A steerable convolution, without bias if a norm follows."""
        mode, norm = self.recipe.same_padding_mode(), self.recipe.norm
        conv = SteerableConv(in_type, out_type, kernel_size, stride, mode, bias=norm == "none")
        return nn.Sequential(conv, field_norm(norm, out_type))

    def up_conv(self, in_type: FieldType, out_type: FieldType) -> nn.Module:
        """A transposed steerable convolution to odd sides."""
        return SteerableUpConv(in_type, out_type)

    def activation(self, map_type: FieldType) -> nn.Module:
        """The function itself on values of a finite group, through samples on Fourier coefficients."""
        return field_activation(map_type, plain.activation(self.recipe.activation))

    def dropout(self, map_type: FieldType, rate: float) -> nn.Module:
        """Dropout of whole fields."""
        return FieldDropout(map_type, rate)

    def skip(self, in_type: FieldType, level_type: FieldType) -> tuple[nn.Module, FieldType]:
        """The map itself, restricted to the subgroup if the level has a smaller group."""
        if in_type.group == level_type.group:
            return nn.Identity(), in_type
        restriction = Restriction(in_type, level_type.group)
        return restriction, restriction.out_type

    def concatenated(self, first: FieldType, second: FieldType) -> FieldType:
        """The type of the concatenated fields."""
        return first + second

    def describe_map(self, map_type: FieldType) -> str:
        """The type of a map, as text: ``8 fields of C8 regular = 64 channels``."""
        fields, group = map_type.fields, map_type.group
        limit = f" up to frequency {group.max_frequency}" if group.continuous else ""
        kind = f"{str(group).upper()} {map_type.representation.kind}{limit}"
        return f"{fields} fields of {kind} = {map_type.channels} channels"

    def sizes(self, halvings: int) -> str:
        """Sides of the input, as text; learned resampling keeps the centre of odd sides only."""
        learned = self.recipe.downsample == "strided" or self.recipe.upsample == "transposed"
        return f"odd sides, padded to a multiple of {2**halvings} plus 1" if learned else super().sizes(halvings)

    def head(self, in_type: FieldType, num_classes: int) -> nn.Module:
        """Invariant logits: a steerable convolution of kernel size 1 to trivial fields."""
        return SteerableConv(in_type, FieldType(in_type.group.trivial, num_classes), 1, bias=True)


class E2UNet(UNetTopology):
    """A U-Net whose logits rotate (and mirror) with the image.

    The network commutes with the elements that map the pixel grid to itself (quarter turns if 4 divides N, mirrors in
    D_N and O(2)). This is exact to rounding, at every size, in training and in evaluation mode. For other angles it is
    as exact as 3x3 kernels, pooling and the sampled nonlinearity allow; ``gequnet.symmetry.equivariance`` measures the
    error. With ``downsample=strided`` or ``upsample=transposed`` the kernels keep the centre of odd sides only, and the
    network refuses even sides.

    Args:
        in_channels: C of the image; each channel is a trivial field.
        num_classes: K, the number of logits at each pixel.
        widths: regular fields at each level, finest first; a field is ``group.regular.size`` channels.
        group: the group, or its name.
        restrict: subgroups by the level from which they act, as ``{2: "d4"}``; a field becomes as many fields of
            the subgroup as keep its channels, and the whole decoder stays in the smallest group.
        depth, kernel_size, convs, norm, activation, residual: as for ``UNet``.
        dropout: rate at which whole fields are dropped, for all levels or one for each.
        downsample: ``blur`` (binomial), ``average``, ``max`` (finite groups only) or ``strided`` (learned).
        upsample: ``interpolate`` or ``transposed``.
        padding_mode: the values beyond the border in convolutions: ``zeros``, ``reflect``, ``replicate``, ``circular``.

    Shape:
        [B, C, H, W] -> logits [B, K, H, W].

    Raises:
        ConfigError: an argument does not fit the group.
        ShapeError: in ``forward``, for even sides with learned resampling.

    References:
        Weiler and Cesa, arXiv:1911.08251.

    >>> import torch
    >>> E2UNet(in_channels=3, num_classes=1, widths=[2, 4], group="d4")(torch.zeros(1, 3, 33, 40)).shape
    torch.Size([1, 1, 33, 40])
    """

    spatial_dims = 2

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        widths: Sequence[int],
        group: PlaneGroup | str,
        restrict: Mapping[int, PlaneGroup | str] | None = None,
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
        levels = check_sizes(widths, depth, kernel_size, in_channels, num_classes)
        start = as_group(group)
        encoder = encoder_types(levels, start, restrict or {})
        smallest = encoder[-1].group
        decoder = [restricted(level_type, smallest) for level_type in encoder[:-1]]
        if downsample == "max" and not start.regular.is_permutation:
            raise ConfigError(
                "downsample=max takes the maximum of single channels, which is not equivariant for the Fourier "
                f"coefficients of {start}; choose downsample=blur or average"
            )
        recipe = Recipe(kernel_size, convs, norm, activation, dropout, residual, downsample, upsample, padding_mode)
        kit = SteerableKit(recipe)
        super().__init__(kit, FieldType(start.trivial, in_channels), encoder, decoder, num_classes)
        self.in_channels, self.num_classes, self.widths = in_channels, num_classes, levels
        self.group, self.exact_group = start, smallest

    def forward(self, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """[B, C, H, W] -> logits [B, K, H, W]."""
        check_image(image, self.in_channels, self.spatial_dims)
        return super().forward(image)


def as_group(group: PlaneGroup | str) -> PlaneGroup:
    """The group, from a group or its name."""
    return PlaneGroup.parse(group) if isinstance(group, str) else group


def restricted(field_type: FieldType, subgroup: PlaneGroup) -> FieldType:
    """The type of the same fields under a subgroup."""
    return field_type if field_type.group == subgroup else Restriction(field_type, subgroup).out_type


def encoder_types(
    widths: Sequence[int], group: PlaneGroup, restrict: Mapping[int, PlaneGroup | str]
) -> list[FieldType]:
    """Field type of each level: ``restrict`` makes the group smaller at some levels and keeps the channels."""
    if unknown := [level for level in restrict if not 0 < level < len(widths)]:
        raise ConfigError(f"restrict has level {unknown[0]}, but the group can change at levels 1 to {len(widths) - 1}")
    types, acting = [], group
    for level, width in enumerate(widths):
        smaller = as_group(restrict.get(level, acting))
        if not smaller.is_subgroup_of(acting):
            raise ConfigError(f"restrict at level {level}: {smaller} is not a subgroup of {acting}")
        acting = smaller
        types.append(restricted(FieldType(group.regular, width), acting))
    return types
