"""Scale-equivariant U-Net, in two and three dimensions: it commutes with magnification."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gequnet.errors import ConfigError
from gequnet.layers import plain
from gequnet.layers.pyramid import resample, sides_at
from gequnet.layers.scale import Method, ScaleConv, ScalePointwise
from gequnet.layers.scale_maps import AcrossScales, AtEachScale, EveryScale
from gequnet.layers.scale_projection import ProjectionName, make_projection
from gequnet.nets.kit import Downsample, Kit, Recipe, Upsample
from gequnet.nets.topology import UNetTopology, check_image, check_sizes
from gequnet.ranges import Count, Share
from gequnet.symmetry.hermite import HermiteBasis, orders_up_to
from gequnet.symmetry.scale_group import ScaleGroup

Form = Literal["resampled", "kernels"]
FORMS = ("resampled", "kernels")


class ScaleUpConv(nn.Module):
    """Transposed scale convolution of stride 2 to given sides, even or odd."""

    def __init__(self, conv: ScaleConv) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Float[Tensor, "b in s *half"], sides: Sequence[int]) -> Float[Tensor, "b out s *space"]:
        """[B, C, S, *half] -> [B, C', S, *sides]."""
        return self.conv(x, [side - (2 * half - 1) for side, half in zip(sides, x.shape[3:], strict=True)])


class ScaleKit(Kit[int]):
    """Layers between maps [B, C, S, *space] on a window of scales; the type of a map is its number of channels.

    Args:
        recipe: the options that every kind of layer shares.
        sigmas: sigma of the Hermite functions at each scale, in pixels.
        orders: the highest sum of the orders of a function.
        dims: number of axes of space.
        scale_extent: number of neighbouring scales that are convolved together.
        method: ``dense`` or ``separable`` convolutions.
    """

    def __init__(
        self, recipe: Recipe, sigmas: Sequence[float], orders: int, dims: int, scale_extent: int, method: Method
    ) -> None:
        super().__init__(recipe)
        self.sigmas, self.basis = sigmas, HermiteBasis(orders_up_to(orders, dims), sigmas, recipe.kernel_size)
        self.dims, self.scale_extent, self.method = dims, scale_extent, method

    def stem(self) -> nn.Module:
        """The image repeated at every scale; the first convolution of it is the lifting."""
        return EveryScale(len(self.sigmas))

    def spatial(self, module: nn.Module) -> nn.Module:
        """The module at each scale separately."""
        return AtEachScale(module)

    def conv_norm(self, in_type: int, out_type: int, kernel_size: int, stride: int = 1) -> nn.Module:
        """A scale convolution, without bias if a norm follows."""
        bias = self.recipe.norm == "none"
        if kernel_size == 1:
            return nn.Sequential(ScalePointwise(in_type, out_type, stride, bias), self._norm(out_type))
        return nn.Sequential(self._conv(in_type, out_type, stride, bias), self._norm(out_type))

    def _conv(
        self, in_type: int, out_type: int, stride: int = 1, bias: bool = True, transposed: bool = False
    ) -> ScaleConv:
        mode: plain.PaddingMode = "zeros" if transposed else self.recipe.same_padding_mode()
        return ScaleConv(
            in_type, out_type, self.basis, self.scale_extent, stride, None, bias, mode, transposed, self.method
        )

    def _norm(self, channels: int) -> nn.Module:
        # Parameters are shared by all scales, and so are batch statistics. Statistics of an image are separate for each
        # scale, since they move with it.
        adapter = AcrossScales if self.recipe.norm == "batch" else AtEachScale
        norm = plain.norm(self.dims, self.recipe.norm, channels)
        return norm if self.recipe.norm == "none" else adapter(norm)

    def up_conv(self, in_type: int, out_type: int) -> nn.Module:
        """A transposed scale convolution to any sides."""
        return ScaleUpConv(self._conv(in_type, out_type, stride=2, transposed=True))

    def activation(self, map_type: int) -> nn.Module:
        """The pointwise function."""
        return plain.activation(self.recipe.activation)

    def dropout(self, map_type: int, rate: float) -> nn.Module:
        """Dropout of channels, each at all scales."""
        return AcrossScales(plain.DROPOUT[self.dims](rate))

    def concatenated(self, first: int, second: int) -> int:
        """The sum of the channels."""
        return first + second

    def describe_map(self, map_type: int) -> str:
        """The type of a map, as text: ``8 channels at each scale``."""
        return f"{map_type} channels at each scale"

    def head(self, in_type: int, num_classes: int) -> nn.Module:
        """The same matrix at every scale and point."""
        return ScalePointwise(in_type, num_classes)


class ScaleUNet(nn.Module):
    r"""A U-Net that processes an image at several scales with the same weights.

    Before its last layer the network has a map of logits for each scale. Magnifying the image by the ratio of the group
    magnifies the maps and moves each to the next scale: :math:`F_{i+1}(s \cdot x) = s \cdot F_i(x)`. This *chain* is as
    exact as the grid allows, see docs/scale_equivariance.md. The projection combines the maps into one. It is invariant
    if the result does not depend on the scales in the window. Training aims at this: each batch is processed at one
    random scale, so that every scale learns the task. In evaluation the mean over all scales is used.

    Without interaction between scales there are two forms of the same function:

    - ``resampled``: a U-Net with kernels of one size, on smaller and smaller copies of the image. Coarser scales cost
      less, and pooling and interpolation scale with the image.
    - ``kernels``: kernels of several sizes on the image at its own size. This is the form in the literature. It costs
      more at coarser scales, and it is the only form in which scales can interact.

    Args:
        in_channels: C of the image.
        num_classes: K, the number of logits at each pixel.
        widths: channels of each scale at each level, finest first.
        group: the window of scales.
        spatial_dims: 2 or 3.
        projection: ``mean``, ``max`` or ``choice``, see ``gequnet.layers.scale_projection``.
        train_scales: number of random scales at which each batch is processed in training; all if ``None``, the only
            choice for ``form=kernels``.
        finest: pitch of the grid of the finest scale, in pixels of the image; below 1 the image is made larger.
        form: ``resampled`` or ``kernels``.
        scale_extent: number of neighbouring input scales of one output scale in each convolution; 1 for no interaction.
        sigma: sigma of the Hermite functions, in pixels of the scale's grid.
        orders: the highest sum of the orders of a function.
        kernel_size: side of the convolutions in pixels of the scale's grid, odd.
        method: ``dense`` or ``separable`` convolutions; the function is the same.
        depth, convs, norm, activation, dropout, residual, downsample, upsample: as for ``UNet``.
        padding_mode: the values beyond the border in convolutions: ``zeros``, ``reflect``, ``replicate``, ``circular``.

    Shape:
        [B, C, *space] -> logits [B, K, *space], for every size.

    Raises:
        ConfigError: an argument is not one of those listed, or two arguments do not fit together.

    References:
        Sosnovik, Szmaja and Smeulders, arXiv:1910.11093; Wimmer et al., arXiv:2304.05864.

    >>> net = ScaleUNet(in_channels=1, num_classes=2, widths=[2, 4], group=ScaleGroup(2.0, 3), spatial_dims=2)
    >>> image = torch.zeros(1, 1, 33, 40)
    >>> net(image).shape, net.maps(image).shape
    (torch.Size([1, 2, 33, 40]), torch.Size([1, 2, 3, 33, 40]))
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        widths: Sequence[int],
        group: ScaleGroup,
        spatial_dims: int = 3,
        projection: ProjectionName = "mean",
        train_scales: int | None = 1,
        finest: float = 1.0,
        form: Form = "resampled",
        scale_extent: int = 1,
        sigma: float = 0.7,
        orders: int = 2,
        kernel_size: Count = 3,
        method: Method = "dense",
        depth: Count | None = None,
        convs: Count = 2,
        norm: plain.NormName = "instance",
        activation: plain.ActivationName = "silu",
        dropout: Share | Sequence[Share] = 0.0,
        residual: bool = False,
        downsample: Downsample = "blur",
        upsample: Upsample = "interpolate",
        padding_mode: plain.BorderMode = "replicate",
    ) -> None:
        super().__init__()
        if spatial_dims not in plain.CONV:
            raise ConfigError(f"spatial_dims={spatial_dims} is not 2 or 3")
        check_form(form, scale_extent, norm, train_scales, group.count)
        if projection == "choice" and train_scales == 1 < group.count:
            raise ConfigError(
                "model.projection=choice learns weights that compare scales, and model.train_scales=1 computes a "
                "single scale: take model.train_scales=2."
            )
        levels = check_sizes(widths, depth, kernel_size, in_channels, num_classes)
        self.pitches = [finest * scale for scale in group.scales]
        grid = [1.0] if form == "resampled" else self.pitches
        side = odd_side(kernel_size * max(grid))
        recipe = Recipe(side, convs, norm, activation, dropout, residual, downsample, upsample, padding_mode)
        kit = ScaleKit(recipe, [sigma * pitch for pitch in grid], orders, spatial_dims, scale_extent, method)
        self.projection, per_class = make_projection(projection, num_classes)
        self.chain = UNetTopology(kit, in_channels, levels, levels[:-1], per_class)
        self.in_channels, self.num_classes, self.spatial_dims = in_channels, num_classes, spatial_dims
        self.widths, self.group, self.form, self.train_scales = levels, group, form, train_scales
        self._fixed_scales: list[int] | None = None

    @property
    def types(self) -> dict[str, str]:
        """Type of the map at each level, as text, by the name of the module that computes it."""
        return {f"chain.{name}": text for name, text in self.chain.types.items()}

    @property
    def sizes(self) -> str:
        """The sides of images that the network accepts, as text."""
        return self.chain.sizes

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """Names of the modules of encoder, decoder and head; the projection is part of the head."""
        parts = {part: tuple(f"chain.{name}" for name in names) for part, names in self.chain.parts.items()}
        return parts | {"head": (*parts["head"], "projection")}

    def forward(self, image: Float[Tensor, "b c *space"]) -> Float[Tensor, "b k *space"]:
        """[B, C, *space] -> logits [B, K, *space]."""
        logits: Tensor = self.projection(self.maps(image, self._random_scales() if self.training else None))
        return logits

    def maps(
        self, image: Float[Tensor, "b c *space"], scales: Sequence[int] | None = None
    ) -> Float[Tensor, "b k s *space"]:
        """Maps at each scale before the projection: the logits, and the scores for ``projection=choice``.

        Args:
            image: [B, C, *space].
            scales: indices of the scales, the finest is 0; all if ``None``.
        """
        check_image(image, self.in_channels, self.spatial_dims)
        if self.form == "kernels":
            maps: Tensor = self.chain(image)
            return maps if scales is None else maps[:, :, list(scales)]
        pitches = self.pitches if scales is None else [self.pitches[scale] for scale in scales]
        return torch.cat([self._at_pitch(image, pitch) for pitch in pitches], dim=2)

    def use_all_scales(self) -> None:
        """Use the finest ``train_scales`` scales in every training step from now on; for measuring the highest cost."""
        self._fixed_scales = list(range(self.train_scales or len(self.pitches)))

    def _random_scales(self) -> list[int] | None:
        if self._fixed_scales is not None or self.train_scales is None:
            return self._fixed_scales
        return sorted(torch.randperm(len(self.pitches))[: self.train_scales].tolist())

    def _at_pitch(self, image: Float[Tensor, "b c *space"], pitch: float) -> Float[Tensor, "b k 1 *space"]:
        if pitch == 1:
            return self.chain(image)
        sides = image.shape[2:]
        smaller = resample(image, sides_at(sides, pitch, self.chain.halvings), pitch)
        return resample(self.chain(smaller), sides, 1 / pitch)


def check_form(form: str, scale_extent: int, norm: str, train_scales: int | None, count: int) -> None:
    """Raise ConfigError if the form does not exist or does not fit the other arguments."""
    plain.lookup(dict.fromkeys(FORMS), form, "form")
    if train_scales is not None and not 1 <= train_scales <= count:
        raise ConfigError(
            f"model.train_scales={train_scales} must lie between 1 and the number of scales, {count}; null for all."
        )
    if form == "kernels" and train_scales is not None:
        raise ConfigError(
            f"model.train_scales={train_scales} trains on some of the scales, and form=kernels computes all scales "
            "together: take model.train_scales=null, or model.form=resampled."
        )
    if form == "resampled" and scale_extent != 1:
        raise ConfigError(
            f"model.scale_extent={scale_extent} makes scales interact, and those of form=resampled are on separate "
            "grids: take model.form=kernels and model.train_scales=null."
        )
    if form == "resampled" and norm == "batch":
        raise ConfigError(
            "model.norm=batch needs all scales together, and form=resampled computes them one by one: take "
            "model.norm=instance (or group), or model.form=kernels and model.train_scales=null."
        )


def odd_side(side: int | float) -> int:
    """The nearest odd number of pixels.

    >>> [odd_side(side) for side in (5, 7.1, 14.14)]
    [5, 7, 15]
    """
    return 2 * round((side - 1) / 2) + 1
