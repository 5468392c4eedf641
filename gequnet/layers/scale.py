r"""Scale-equivariant convolutions on plain tensors, in two and three dimensions.

A map on the window of scales is ``[B, C, S, *space]``: one number at each point for each of C channels and S scales.
Magnifying the image by the ratio of the group magnifies the map and moves it up by one scale:

.. math:: F'[s + 1](x) = F[s](x / r).

Kernels are combinations of Hermite functions (``gequnet.symmetry.hermite``) with the same coefficients at every scale,
so the layers satisfy this as far as the grid resolves the functions, except at the ends of the window. At the coarse
end the last scale is repeated, which differs from the values of a wider window. Only with ``scale_extent=1`` no scale
from outside the window is needed.

Norms, dropout and pooling of such maps are in ``gequnet.layers.scale_maps``, the projection to one image is in
``gequnet.layers.scale_projection``.

References:
    Sosnovik, Szmaja and Smeulders, arXiv:1910.11093.
    Wimmer et al., arXiv:2304.05864.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gequnet.errors import ConfigError, ShapeError
from gequnet.layers.memory_format import NoMemoryFormat
from gequnet.layers.plain import PaddingMode, he_normal_
from gequnet.layers.scale_maps import every_scale
from gequnet.layers.separable import PAD_MODE, separable_conv
from gequnet.symmetry.hermite import HermiteBasis

Method = Literal["dense", "separable"]
CONV = {2: F.conv2d, 3: F.conv3d}
CONV_TRANSPOSE = {2: F.conv_transpose2d, 3: F.conv_transpose3d}
CHANNELS_LAST = {2: torch.channels_last, 3: torch.channels_last_3d}


class ScaleConv(NoMemoryFormat):
    r"""Convolution of maps on the window of scales.

    .. math:: G_o[s] = \sum_{c, e} \psi_{oce, s} * F_c[s + e], \qquad \psi_{oce, s} = \sum_n w_{ocen} b_{n, s}

    for the Hermite functions b and e = 0, …, E - 1. Beyond the coarsest scale the last one is repeated.

    Args:
        in_channels: C.
        out_channels: C'.
        basis: the functions at each of the S scales.
        scale_extent: E, the number of neighbouring input scales for one output scale.
        stride: in pixels; for the transposed convolution the upsampling factor.
        padding: pixels added at each border; half the kernel if ``None``, which keeps the size.
        bias: true for an offset for each channel.
        padding_mode: the values beyond the border.
        transposed: true for the transposed convolution (zeros beyond the border only).
        method: ``dense`` expands the kernels and convolves once; ``separable`` convolves along one axis after the
            other. Both are the same function; ``separable`` is cheaper for large kernels, see
            docs/scale_equivariance.md.

    Shape:
        [B, C, S, *space] -> [B, C', S, *space'].

    Raises:
        ConfigError: the arguments do not fit together.
        ShapeError: the map does not have C channels and S scales.
    """

    basis: Tensor
    lines: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        basis: HermiteBasis,
        scale_extent: int = 1,
        stride: int = 1,
        padding: int | None = None,
        bias: bool = True,
        padding_mode: PaddingMode = "zeros",
        transposed: bool = False,
        method: Method = "dense",
    ) -> None:
        super().__init__()
        if transposed and padding_mode != "zeros":
            raise ConfigError(
                f"a transposed convolution has nothing to pad with {padding_mode}: use padding_mode=zeros."
            )
        if not 1 <= scale_extent <= len(basis.sigmas):
            raise ConfigError(
                f"scale_extent={scale_extent} must lie between 1 and the number of scales, {len(basis.sigmas)}."
            )
        if method not in ("dense", "separable"):
            raise ConfigError(f"method={method!r} is not known; choose one of dense, separable")
        self.in_channels, self.out_channels, self.scale_extent = in_channels, out_channels, scale_extent
        self.scales, self.dims, self.side = len(basis.sigmas), basis.dims, basis.side
        self.stride, self.padding = stride, basis.side // 2 if padding is None else padding
        self.padding_mode, self.transposed, self.method = padding_mode, transposed, method
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, scale_extent, len(basis)))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        if method == "dense":
            self.register_buffer("basis", basis.dense().contiguous(), persistent=False)
        else:
            self.register_buffer("lines", basis.lines().contiguous(), persistent=False)
            self.factors = basis.factors()
        # The functions have norm 1 and are nearly orthogonal: each coefficient counts as one tap in the fan-in.
        he_normal_(self.weight, fan_in=in_channels * scale_extent * len(basis))

    def extra_repr(self) -> str:
        """The arguments that distinguish the layer."""
        return (
            f"{self.in_channels}, {self.out_channels}, scales={self.scales}, scale_extent={self.scale_extent}, "
            f"side={self.side}, stride={self.stride}, transposed={self.transposed}, method={self.method}"
        )

    def forward(
        self, x: Float[Tensor, "b in s *space"], output_padding: int | list[int] = 0
    ) -> Float[Tensor, "b out s *new"]:
        """The convolved map; ``output_padding`` adds pixels at the far border of a transposed convolution."""
        if x.dim() != self.dims + 3 or x.shape[1:3] != (self.in_channels, self.scales):
            raise ShapeError(
                f"expected a map [B, {self.in_channels}, {self.scales}, *space] with {self.dims} axes of space, "
                f"got {list(x.shape)}"
            )
        y = self._convolve_offset(x, 0, output_padding)
        for step in range(1, self.scale_extent):
            y = y + self._convolve_offset(shift_scales(x, step), step, output_padding)
        return y if self.bias is None else y + self.bias.view(-1, *[1] * (self.dims + 1))

    def _convolve_offset(
        self, x: Float[Tensor, "b in s *space"], step: int, output_padding: int | list[int]
    ) -> Float[Tensor, "b out s *new"]:
        weight = self.weight[:, :, step]
        if self.method == "separable":
            return separable_conv(
                x, weight, self.lines, self.factors, self.stride, self.padding, self.padding_mode, self.transposed,
                output_padding,
            )  # fmt: skip
        kernels = torch.einsum("ocn,ns...->soc...", weight, self.basis)
        return self._dense(x, kernels, output_padding)

    def _dense(
        self, x: Float[Tensor, "b in s *space"], kernels: Float[Tensor, "s out in *k"], output_padding: int | list[int]
    ) -> Float[Tensor, "b out s *new"]:
        # One group for each scale. PyTorch's grouped convolution is twice as fast with channels last on a CPU.
        layout = CHANNELS_LAST[self.dims]
        x = x.transpose(1, 2).flatten(1, 2)
        if self.transposed:
            kernel = kernels.transpose(1, 2).flatten(0, 1).contiguous(memory_format=layout)
            y = CONV_TRANSPOSE[self.dims](
                x.contiguous(memory_format=layout), kernel, None, self.stride, self.padding, output_padding, self.scales
            )
        else:
            x, padding = pad_border(x, self.padding, self.padding_mode)
            kernel = kernels.flatten(0, 1).contiguous(memory_format=layout)
            y = CONV[self.dims](x.contiguous(memory_format=layout), kernel, None, self.stride, padding, 1, self.scales)
        return y.unflatten(1, (self.scales, -1)).transpose(1, 2)


class ScaleLift(ScaleConv):
    """Convolution of an image with the kernels of every scale: the first layer of a network.

    Args:
        in_channels: C of the image.
        out_channels: C'.
        basis: the functions at each of the S scales.
        stride, padding, bias, padding_mode, transposed, method: as of ``ScaleConv``.

    Shape:
        [B, C, *space] -> [B, C', S, *space'].

    Raises:
        ConfigError: the arguments do not fit together.
        ShapeError: the image does not have C channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        basis: HermiteBasis,
        stride: int = 1,
        padding: int | None = None,
        bias: bool = True,
        padding_mode: PaddingMode = "zeros",
        transposed: bool = False,
        method: Method = "dense",
    ) -> None:
        super().__init__(in_channels, out_channels, basis, 1, stride, padding, bias, padding_mode, transposed, method)

    def forward(
        self, x: Float[Tensor, "b in *space"], output_padding: int | list[int] = 0
    ) -> Float[Tensor, "b out s *new"]:
        """The image convolved with the kernels of every scale."""
        if x.dim() != self.dims + 2:
            raise ShapeError(f"expected an image [B, C, *space] with {self.dims} axes of space, got {list(x.shape)}")
        return super().forward(every_scale(x, self.scales), output_padding)


class ScalePointwise(nn.Module):
    """Convolution of kernel size 1: the same matrix at every scale and point.

    Args:
        in_channels: C.
        out_channels: C'.
        stride: in pixels; the points in between are left out.
        bias: true for an offset for each channel.
        transposed: true for the transposed convolution; the points in between are 0, plus the offset.

    Shape:
        [B, C, S, *space] -> [B, C', S, *space'].
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int = 1, bias: bool = True, transposed: bool = False
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.stride, self.transposed = stride, transposed
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        he_normal_(self.weight, fan_in=in_channels)

    def extra_repr(self) -> str:
        """The arguments that distinguish the layer."""
        return f"{self.in_channels}, {self.out_channels}, stride={self.stride}, transposed={self.transposed}"

    def forward(self, x: Float[Tensor, "b in s *space"]) -> Float[Tensor, "b out s *new"]:
        """The linear combinations of the channels."""
        if self.stride > 1 and not self.transposed:
            x = take_every(x, self.stride)
        y = torch.einsum("oc,bc...->bo...", self.weight, x)
        if self.stride > 1 and self.transposed:
            y = insert_zeros(y, self.stride)
        return y if self.bias is None else y + self.bias.view(-1, *[1] * (x.dim() - 2))


def shift_scales(x: Float[Tensor, "b c s *space"], steps: int) -> Float[Tensor, "b c s *space"]:
    """Shift the map by ``steps`` scales: each scale gets the values of a coarser one; the coarsest is repeated."""
    last = x[:, :, -1:].expand(-1, -1, steps, *x.shape[3:])
    return torch.cat([x[:, :, steps:], last], dim=2)


def pad_border(
    x: Float[Tensor, "b c *space"], padding: int, mode: PaddingMode
) -> tuple[Float[Tensor, "b c *padded"], int]:
    """The padded image, and the zero padding that is left to the convolution."""
    if mode == "zeros" or padding == 0:
        return x, padding
    return F.pad(x, [padding] * 2 * (x.dim() - 2), mode=PAD_MODE[mode]), 0


def insert_zeros(x: Float[Tensor, "b c s *space"], stride: int) -> Float[Tensor, "b c s *new"]:
    """The map with zeros inserted, so that its points are ``stride`` apart."""
    sides = [(side - 1) * stride + 1 for side in x.shape[3:]]
    y = x.new_zeros([*x.shape[:3], *sides])
    take_every(y, stride).copy_(x)
    return y


def take_every(x: Float[Tensor, "b c s *space"], stride: int) -> Float[Tensor, "b c s *fewer"]:
    """Every ``stride``-th point along each axis of space, from the first on."""
    steps = [slice(None)] * 3 + [slice(None, None, stride)] * (x.dim() - 3)
    return x[tuple(steps)]
