"""Plain convolutions, norms and activations by name, in two and three dimensions: the layers of the baseline."""

import math
from collections.abc import Mapping
from typing import Literal, TypeVar

from jaxtyping import Float
from torch import Tensor, nn

from gequnet.errors import ConfigError

T = TypeVar("T")

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]
BorderMode = Literal[PaddingMode, "valid"]
NormName = Literal["batch", "instance", "group", "none"]
ActivationName = Literal["relu", "leaky_relu", "elu", "silu", "gelu"]

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "elu": nn.ELU, "silu": nn.SiLU, "gelu": nn.GELU,
}  # fmt: skip
CONV = {2: nn.Conv2d, 3: nn.Conv3d}
CONV_TRANSPOSE = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
BATCH_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
INSTANCE_NORM = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
DROPOUT = {2: nn.Dropout2d, 3: nn.Dropout3d}


def lookup(table: Mapping[str, T], name: str, argument: str) -> T:
    """The entry of a table by name.

    Raises:
        ConfigError: there is no such entry; the message names the argument and lists the entries.
    """
    if name not in table:
        raise ConfigError(f"{argument}={name!r} is not known; choose one of {', '.join(table)}")
    return table[name]


def activation(name: str) -> nn.Module:
    """A pointwise nonlinearity by name."""
    return lookup(ACTIVATIONS, name, "activation")()


def conv(
    dims: int,
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int = 1,
    padding_mode: BorderMode = "zeros",
    bias: bool = True,
) -> nn.Module:
    """A convolution with He's initialisation (arXiv:1502.01852).

    It keeps the size, or halves it (``stride=2``); with ``padding_mode="valid"`` each side loses ``kernel_size - 1``.
    """
    padding = 0 if padding_mode == "valid" else kernel_size // 2
    mode: PaddingMode = "zeros" if padding_mode == "valid" else padding_mode
    layer = CONV[dims](in_channels, out_channels, kernel_size, stride, padding, padding_mode=mode, bias=bias)
    he_normal_(layer.weight, fan_in=in_channels * kernel_size**dims)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def he_normal_(weight: Float[Tensor, "..."], fan_in: int) -> None:
    """Normal weights of variance 2 / fan_in: the initialisation of all networks of this package."""
    nn.init.normal_(weight, std=math.sqrt(2 / fan_in))


def norm(dims: int, name: str, channels: int, groups: int = 8) -> nn.Module:
    """Batch, instance or group normalisation with an affine map, or an identity.

    ``groups`` is an upper bound: the largest divisor of the channels up to it is used.
    """
    makers = {
        "batch": lambda: BATCH_NORM[dims](channels),
        "instance": lambda: INSTANCE_NORM[dims](channels, affine=True),
        "group": lambda: nn.GroupNorm(divisor_up_to(groups, channels), channels),
        "none": nn.Identity,
    }
    return lookup(makers, name, "norm")()


def divisor_up_to(bound: int, number: int) -> int:
    """The largest divisor of ``number`` that is at most ``bound``."""
    return max(d for d in range(1, min(bound, number) + 1) if number % d == 0)
