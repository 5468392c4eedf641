"""The U-Net that commutes with magnification, in two and three dimensions."""

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
from gequnet.layers.scale_projection import ProjectionName, projection_of
from gequnet.nets.kit import Downsample, Kit, Recipe, Upsample
from gequnet.nets.topology import UNetTopology, check_image, check_widths
from gequnet.symmetry.hermite import HermiteBasis, orders_up_to
from gequnet.symmetry.scale_group import ScaleGroup

Form = Literal["resampled", "kernels"]
FORMS = ("resampled", "kernels")


class ScaleUpConv(nn.Module):
    """A transposed scale convolution of stride 2 that reaches given sides, even or odd."""

    def __init__(self, conv: ScaleConv) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Float[Tensor, "b in s *half"], sides: Sequence[int]) -> Float[Tensor, "b out s *space"]:
        """[B, C, S, *half] -> [B, C', S, *sides]."""
        return self.conv(x, [side - (2 * half - 1) for side, half in zip(sides, x.shape[3:], strict=True)])


class ScaleKit(Kit[int]):
    """Layers between maps [B, C, S, *space] on a window of scales; the type of a map is its number of channels.

    Args:
        recipe: the choices that every kind of layer shares.
        sigmas: of the Hermite functions at each scale, in pixels.
        orders: the highest sum of the orders of a function.
        dims: axes of space.
        scale_extent: how many neighbouring scales are convolved together.
        method: of the convolutions, ``dense`` or ``separable``.
    """

    def __init__(
        self, recipe: Recipe, sigmas: Sequence[float], orders: int, dims: int, scale_extent: int, method: Method
    ) -> None:
        super().__init__(recipe)
        self.sigmas, self.basis = sigmas, HermiteBasis(orders_up_to(orders, dims), sigmas, recipe.kernel_size)
        self.dims, self.scale_extent, self.method = dims, scale_extent, method

    def stem(self) -> nn.Module:
        """The image at every scale: convolving that is the lifting."""
        return EveryScale(len(self.sigmas))

    def spatial(self, module: nn.Module) -> nn.Module:
        """The module at each scale by itself."""
        return AtEachScale(module)

    def conv_norm(self, in_type: int, out_type: int, kernel_size: int, stride: int = 1) -> nn.Module:
        """A scale convolution, without bias where a norm follows."""
        bias = self.recipe.norm == "none"
        if kernel_size == 1:
            return nn.Sequential(ScalePointwise(in_type, out_type, stride, bias), self._norm(out_type))
        return nn.Sequential(self._conv(in_type, out_type, stride, bias), self._norm(out_type))

    def _conv(
        self, in_type: int, out_type: int, stride: int = 1, bias: bool = True, transposed: bool = False
    ) -> ScaleConv:
        mode: plain.PaddingMode = "zeros" if transposed else self.recipe.padding_beyond()
        return ScaleConv(
            in_type, out_type, self.basis, self.scale_extent, stride, None, bias, mode, transposed, self.method
        )

    def _norm(self, channels: int) -> nn.Module:
        # What is learned is the same for all scales. The statistics of a batch are, too; those of an image are each
        # scale's own, as they move with it.
        adapter = AcrossScales if self.recipe.norm == "batch" else AtEachScale
        norm = plain.norm(self.dims, self.recipe.norm, channels)
        return norm if self.recipe.norm == "none" else adapter(norm)

    def up_conv(self, in_type: int, out_type: int) -> nn.Module:
        """A transposed scale convolution to any sides."""
        return ScaleUpConv(self._conv(in_type, out_type, stride=2, transposed=True))

    def activation(self, map_type: int) -> nn.Module:
        """The function itself."""
        return plain.activation(self.recipe.activation)

    def dropout(self, map_type: int, rate: float) -> nn.Module:
        """Drops channels, each at all scales."""
        return AcrossScales(plain.DROPOUT[self.dims](rate))

    def concatenated(self, first: int, second: int) -> int:
        """The sum of the channels."""
        return first + second

    def said(self, map_type: int) -> str:
        """``8 channels at each scale``."""
        return f"{map_type} channels at each scale"

    def head(self, in_type: int, num_classes: int) -> nn.Module:
        """The same matrix at every scale and point."""
        return ScalePointwise(in_type, num_classes)


class ScaleUNet(nn.Module):
    r"""A U-Net that looks at an image at several scales with the same weights.

    Before its last step it holds, for each scale, a map of logits, and magnifying the image by the ratio of the group
    magnifies the maps and moves each to the next scale: :math:`F_{i+1}(s \cdot x) = s \cdot F_i(x)`. This *chain* is as
    good as the grid allows, see docs/scale_equivariance.md. The projection makes one map of them. It is invariant if it
    does not matter which scales are in the window, and that is what the network is trained for: each batch is seen at
    one scale, drawn by lot, so each scale has to be right by itself. The mean of all is what is used in the end.

    Without interaction between scales the same function can be had in two forms:

    - ``resampled``: a U-Net of kernels of one size, on the image made smaller and smaller. Further scales cost less
      and less, and pooling and interpolation keep in step with the scale.
    - ``kernels``: kernels of several sizes on the image as it is. It is the form in the literature, costs the more the
      coarser the scale, and is the one in which scales can interact.

    Args:
        in_channels: C of the image.
        num_classes: K, the number of logits at each pixel.
        widths: channels of each scale at each level, finest first.
        group: the window of scales.
        spatial_dims: 2 or 3.
        projection: ``mean``, ``max`` or ``choice``, see ``gequnet.layers.scale_projection``.
        train_scales: in training each batch is seen at so many of the scales, drawn by lot; at all of them if ``None``,
            which is the only way for ``form=kernels``.
        finest: pixels of the image that are one pixel of the finest scale's grid; below 1 the image is made larger.
        form: ``resampled`` or ``kernels``.
        scale_extent: how many neighbouring scales a scale is made of in each convolution; 1 for no interaction.
        sigma: of the Hermite functions, in pixels of the scale's grid.
        orders: the highest sum of the orders of a function.
        kernel_size: side of the convolutions in pixels of the scale's grid, odd.
        method: ``dense`` or ``separable``, how to convolve; the function is the same.
        depth, convs, norm, activation, dropout, residual, downsample, upsample: as for ``UNet``.
        padding_mode: what the convolutions see beyond the border: ``zeros``, ``reflect``, ``replicate``, ``circular``.

    Shape:
        [B, C, *space] -> logits [B, K, *space], for every size.

    Raises:
        ConfigError: where an argument is none of those listed, or two do not fit together.

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
        kernel_size: int = 3,
        method: Method = "dense",
        depth: int | None = None,
        convs: int = 2,
        norm: plain.NormName = "instance",
        activation: plain.ActivationName = "silu",
        dropout: float | Sequence[float] = 0.0,
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
                "model.projection=choice learns to choose by comparing scales, and with model.train_scales=1 there is "
                "nothing to compare: take model.train_scales=2."
            )
        levels = check_widths(widths, depth)
        self.pitches = [finest * scale for scale in group.scales]
        grid = [1.0] if form == "resampled" else self.pitches
        side = odd_side(kernel_size * max(grid))
        recipe = Recipe(side, convs, norm, activation, dropout, residual, downsample, upsample, padding_mode)
        kit = ScaleKit(recipe, [sigma * pitch for pitch in grid], orders, spatial_dims, scale_extent, method)
        self.projection, per_class = projection_of(projection, num_classes)
        self.chain = UNetTopology(kit, in_channels, levels, levels[:-1], per_class)
        self.in_channels, self.num_classes, self.spatial_dims = in_channels, num_classes, spatial_dims
        self.widths, self.group, self.form, self.train_scales = levels, group, form, train_scales
        self._decided: list[int] | None = None

    @property
    def types(self) -> dict[str, str]:
        """What there is at each level, by the name of the module that makes it."""
        return {f"chain.{name}": said for name, said in self.chain.types.items()}

    @property
    def sizes(self) -> str:
        """Which sides the network takes."""
        return self.chain.sizes

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """The modules of encoder, decoder and head; what the projection learns is part of the head."""
        parts = {part: tuple(f"chain.{name}" for name in names) for part, names in self.chain.parts.items()}
        return parts | {"head": (*parts["head"], "projection")}

    def forward(self, image: Float[Tensor, "b c *space"]) -> Float[Tensor, "b k *space"]:
        """Image to logits."""
        logits: Tensor = self.projection(self.maps(image, self._lot() if self.training else None))
        return logits

    def maps(
        self, image: Float[Tensor, "b c *space"], scales: Sequence[int] | None = None
    ) -> Float[Tensor, "b k s *space"]:
        """What there is at each scale before the projection: the logits, and what the projection chooses by.

        Args:
            image: what the network is for.
            scales: which of the scales, the finest is 0; all if ``None``.
        """
        check_image(image, self.in_channels, self.spatial_dims)
        if self.form == "kernels":
            maps: Tensor = self.chain(image)
            return maps if scales is None else maps[:, :, list(scales)]
        pitches = self.pitches if scales is None else [self.pitches[scale] for scale in scales]
        return torch.cat([self._at_pitch(image, pitch) for pitch in pitches], dim=2)

    def use_all_scales(self) -> None:
        """From now on training sees no lot but the finest scales, which is what costs most: for measuring."""
        self._decided = list(range(self.train_scales or len(self.pitches)))

    def _lot(self) -> list[int] | None:
        if self._decided is not None or self.train_scales is None:
            return self._decided
        return sorted(torch.randperm(len(self.pitches))[: self.train_scales].tolist())

    def _at_pitch(self, image: Float[Tensor, "b c *space"], pitch: float) -> Float[Tensor, "b k 1 *space"]:
        if pitch == 1:
            return self.chain(image)
        sides = image.shape[2:]
        smaller = resample(image, sides_at(sides, pitch, self.chain.halvings), pitch)
        return resample(self.chain(smaller), sides, 1 / pitch)


def check_form(form: str, scale_extent: int, norm: str, train_scales: int | None, count: int) -> None:
    """Raises ConfigError where a form does not exist, or cannot do what it is asked for."""
    plain.choose(dict.fromkeys(FORMS), form, "form")
    if train_scales is not None and not 1 <= train_scales <= count:
        raise ConfigError(
            f"model.train_scales={train_scales} must lie between 1 and the number of scales, {count}; null for all."
        )
    if form == "kernels" and train_scales is not None:
        raise ConfigError(
            f"model.train_scales={train_scales} trains on some of the scales, and form=kernels computes all of them at "
            "once: take model.train_scales=null, or model.form=resampled."
        )
    if form == "resampled" and scale_extent != 1:
        raise ConfigError(
            f"model.scale_extent={scale_extent} lets scales interact, which those of form=resampled, on grids of their "
            "own, cannot: take model.form=kernels and model.train_scales=null."
        )
    if form == "resampled" and norm == "batch":
        raise ConfigError(
            "model.norm=batch needs all scales at once, and form=resampled goes through one after the other: take "
            "model.norm=instance (or group), or model.form=kernels and model.train_scales=null."
        )


def odd_side(side: int | float) -> int:
    """The nearest odd number of pixels.

    >>> [odd_side(side) for side in (5, 7.1, 14.14)]
    [5, 7, 15]
    """
    return 2 * round((side - 1) / 2) + 1
