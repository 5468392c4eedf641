"""Steerable convolutions between fields of a group of the plane, on plain tensors.

A map of type ``FieldType`` is a tensor [B, fields * size, H, W]; the channels of a field are adjacent. A layer holds a
weight for each pair of fields and each element of the kernel basis, and the basis as a buffer that is not saved. Every
forward pass expands their product to a plain kernel (its cost does not grow with the image) and calls a plain
convolution. So no derived tensor can be out of date, and the layer can be copied, pickled, compiled and exported like
any other.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gequnet.errors import ConfigError, ShapeError
from gequnet.layers.memory_format import NoMemoryFormat
from gequnet.layers.plain import PaddingMode, he_normal_
from gequnet.symmetry.gspace import FieldType, PlaneGroup
from gequnet.symmetry.kernel_basis import kernel_basis


def expand_kernel(
    weight: Float[Tensor, "fields_out fields_in basis"], basis: Float[Tensor, "basis out in k k"]
) -> Float[Tensor, "channels_out channels_in k k"]:
    """The plain kernel Σ_n weight[·, ·, n] basis[n], with the axes of fields and of their channels merged."""
    kernel = torch.einsum("fgn,noikl->fogikl", weight, basis)
    return kernel.flatten(0, 1).flatten(1, 2)


class SteerableConv(NoMemoryFormat):
    """Convolution that commutes with the group of its field types.

    It is exact (to rounding) for the elements that map the pixel grid to itself, at every size if ``stride`` is 1. For
    other angles it is as exact as the sampled kernel. With ``stride=2`` a kernel of odd size keeps the centre of an odd
    side only.

    Args:
        in_type: type of the input map.
        out_type: type of the output map, of the same group.
        kernel_size: an odd number of pixels.
        stride: 1, or 2 to halve odd sides to (side + 1) / 2.
        padding_mode: the values beyond the border.
        bias: true to add a learned constant to each field.

    Raises:
        ConfigError: the types are of different groups, or the kernel size is even.
        ShapeError: in ``forward``, if ``stride`` is 2 and a side is even.

    Shape:
        [B, in_type.channels, H, W] -> [B, out_type.channels, H, W] (or [.., (H + 1) / 2, (W + 1) / 2]).

    References:
        Weiler and Cesa, arXiv:1911.08251.
    """

    basis: Tensor

    def __init__(
        self,
        in_type: FieldType,
        out_type: FieldType,
        kernel_size: int = 3,
        stride: int = 1,
        padding_mode: PaddingMode = "zeros",
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.in_type, self.out_type = in_type, out_type
        self.kernel_size, self.stride, self.padding_mode = kernel_size, stride, padding_mode
        basis = kernel_basis(in_type.representation, out_type.representation, kernel_size)
        self.register_buffer("basis", basis.contiguous(), persistent=False)
        self.weight = nn.Parameter(torch.empty(out_type.fields, in_type.fields, len(basis)))
        self.bias = FieldBias(out_type) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """He's initialisation; a basis element keeps the variance, so the fan-in is fields_in * basis elements."""
        he_normal_(self.weight, fan_in=self.weight.shape[1] * self.weight.shape[2])

    def kernel(self) -> Float[Tensor, "channels_out channels_in k k"]:
        """The plain convolution kernel of the present weights."""
        return expand_kernel(self.weight, self.basis)

    def extra_repr(self) -> str:
        """The types, the kernel size and the stride."""
        return f"{self.in_type} -> {self.out_type}, kernel_size={self.kernel_size}, stride={self.stride}"

    def forward(self, x: Float[Tensor, "b c_in h w"]) -> Float[Tensor, "b c_out h2 w2"]:
        """[B, in_type.channels, H, W] -> [B, out_type.channels, H', W']."""
        if self.stride == 2:
            require_odd_sides(x, "a steerable convolution with stride 2")
        padding = self.kernel_size // 2
        if padding and self.padding_mode != "zeros":
            x, padding = F.pad(x, [padding] * 4, mode=self.padding_mode), 0
        y = F.conv2d(x, self.kernel(), stride=self.stride, padding=padding)
        return y if self.bias is None else self.bias(y)


class SteerableUpConv(nn.Module):
    """Transposed steerable convolution of stride 2 and kernel size 3: learned upsampling of n pixels to 2n - 1.

    Exact on odd sides only, for the reason given in ``gequnet.layers.resample``.
    """

    def __init__(self, in_type: FieldType, out_type: FieldType, bias: bool = False) -> None:
        super().__init__()
        # The kernels of a transposed convolution are the same steerable kernels, mirrored.
        self.conv = SteerableConv(in_type, out_type, kernel_size=3, bias=bias)

    def forward(self, x: Float[Tensor, "b c_in h w"], sides: tuple[int, int]) -> Float[Tensor, "b c_out h2 w2"]:
        """[B, C, H, W] -> [B, C', 2H - 1, 2W - 1], which must be ``sides``."""
        if any(side % 2 == 0 for side in sides):
            raise ShapeError(odd_sides_message("a steerable transposed convolution with stride 2", sides))
        kernel = self.conv.kernel().flip(-1, -2).transpose(0, 1)
        y = F.conv_transpose2d(x, kernel, stride=2, padding=1)
        return y if self.conv.bias is None else self.conv.bias(y)


def require_odd_sides(x: Float[Tensor, "b c h w"], layer: str) -> None:
    """Raise ShapeError if a side of ``x`` is even."""
    if any(side % 2 == 0 for side in x.shape[2:]):
        raise ShapeError(odd_sides_message(layer, tuple(x.shape[2:])))


def odd_sides_message(layer: str, sides: tuple[int, ...]) -> str:
    """Error message for even sides: the reason, and sides that fit."""
    size, good = " x ".join(map(str, sides)), " x ".join(str(side + 1 - side % 2) for side in sides)
    return (
        f"{layer} commutes with quarter turns on odd sides only, but the map is {size}: use images (and patches) with "
        f"odd sides such as {good}, or a network of downsample=max|blur|average and upsample=interpolate for any size"
    )


class FieldBias(nn.Module):
    """Bias of fields: a learned multiple of the constant function is added to each field."""

    constant: Tensor

    def __init__(self, field_type: FieldType) -> None:
        super().__init__()
        constant = torch.from_numpy(field_type.representation.constant()).float()
        self.register_buffer("constant", constant, persistent=False)
        self.bias = nn.Parameter(torch.zeros(field_type.fields))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """The map plus bias · 1."""
        return x + torch.outer(self.bias, self.constant).view(1, -1, 1, 1)


class FieldDropout(nn.Module):
    """Dropout of whole fields: all channels of a field are dropped together, so the group does not change the mask."""

    def __init__(self, field_type: FieldType, rate: float) -> None:
        super().__init__()
        self.fields, self.rate = field_type.fields, rate

    def extra_repr(self) -> str:
        """The rate."""
        return f"rate={self.rate}"

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """The kept fields divided by 1 - rate, zeros elsewhere; the input itself in eval mode."""
        return F.dropout3d(x.unflatten(1, (self.fields, -1)), self.rate, self.training).flatten(1, 2)


class FourierActivation(nn.Module):
    """A pointwise nonlinearity for functions on a continuous group, applied to their samples.

    Evaluate each field at ``group.samples`` angles (and their mirrors), apply the function, and project back to the
    frequencies up to ``group.max_frequency``. This is exactly equivariant under rotations by multiples of 2π / samples
    (samples is a multiple of four). For other angles the frequencies that the nonlinearity adds are aliased, the less
    the more samples there are.
    """

    synthesis: Tensor
    analysis: Tensor

    def __init__(self, field_type: FieldType, function: nn.Module) -> None:
        super().__init__()
        representation = field_type.representation
        points = representation.group.elements()
        self.function, self.fields = function, field_type.fields
        self.register_buffer("synthesis", torch.from_numpy(representation.evaluation(points)).float(), persistent=False)
        self.register_buffer("analysis", torch.from_numpy(representation.analysis(points)).float(), persistent=False)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Fourier coefficients to Fourier coefficients."""
        coefficients = x.unflatten(1, (self.fields, -1)).flatten(3)
        values = self.function(self.synthesis @ coefficients)
        return (self.analysis @ values).unflatten(3, x.shape[2:]).flatten(1, 2)


def field_activation(field_type: FieldType, function: nn.Module) -> nn.Module:
    """The nonlinearity itself if it commutes with the representation, otherwise applied to samples."""
    return function if field_type.representation.is_permutation else FourierActivation(field_type, function)


class Restriction(nn.Module):
    """Restriction of fields to a subgroup: a function on G becomes functions on the cosets of H.

    The function on the coset H g_j is h ↦ f(h g_j). No information is lost: between finite groups this permutes
    channels; if G is continuous and H finite, there are enough cosets to keep every frequency.

    Args:
        in_type: regular fields of G.
        subgroup: H, a subgroup of G.

    Raises:
        ConfigError: H is not a subgroup of G, or the fields are trivial.
    """

    matrix: Tensor

    def __init__(self, in_type: FieldType, subgroup: PlaneGroup) -> None:
        super().__init__()
        group = in_type.group
        if not subgroup.is_subgroup_of(group):
            raise ConfigError(f"cannot restrict {group} to {subgroup}: {subgroup} is not a subgroup of {group}")
        matrix = restriction_matrix(group, subgroup)
        self.in_type = in_type
        self.out_type = FieldType(subgroup.regular, in_type.fields * (len(matrix) // subgroup.regular.size))
        self.register_buffer("matrix", matrix, persistent=False)

    def extra_repr(self) -> str:
        """The types."""
        return f"{self.in_type} -> {self.out_type}"

    def forward(self, x: Float[Tensor, "b c_in h w"]) -> Float[Tensor, "b c_out h w"]:
        """The same functions, as fields of the subgroup."""
        fields = x.unflatten(1, (self.in_type.fields, -1)).flatten(3)
        return (self.matrix @ fields).unflatten(3, x.shape[2:]).flatten(1, 2)


def restriction_matrix(group: PlaneGroup, subgroup: PlaneGroup) -> Float[Tensor, "restricted size"]:
    """Matrix from a regular field of ``group`` to the regular fields of ``subgroup`` on its cosets, stacked."""
    points = subgroup.elements()
    candidates = group.elements()
    if group.continuous and subgroup.rotations is not None:
        shifts = -(-(2 * group.max_frequency + 1) // subgroup.rotations)
        candidates = group.grid(subgroup.rotations * shifts)
    blocks, covered = [], set()
    for shift in candidates:
        if _key(shift) in covered or (subgroup.continuous and shift.angle > 0):
            continue
        coset = [h @ shift for h in points]
        covered |= {_key(g) for g in coset}
        blocks.append(torch.from_numpy(subgroup.regular.analysis(points) @ group.regular.evaluation(coset)))
    return torch.cat(blocks).float()


def _key(element: tuple[float, bool]) -> tuple[int, bool]:
    """A hashable key of an element: its angle in millionths of a turn, and its flip."""
    angle, flip = element
    return round(angle / 6.283185307179586 * 1e6) % 1_000_000, flip
