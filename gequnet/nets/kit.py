"""What a U-Net is made of: a recipe, and a kit that builds the recipe's parts from one kind of layer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, Literal, TypeVar

from torch import Tensor, nn

from gequnet.errors import ConfigError
from gequnet.layers.block import ConvBlock
from gequnet.layers.plain import ActivationName, BorderMode, NormName, PaddingMode, choose
from gequnet.layers.resample import BlurPool, Double, MaxPool, pad_to_grid

Type = TypeVar("Type")

Downsample = Literal["blur", "average", "max", "strided"]
Upsample = Literal["interpolate", "transposed"]


@dataclass(frozen=True)
class Recipe:
    """The choices that do not depend on the kind of layer; ``gequnet.nets.unet.UNet`` says what each means."""

    kernel_size: int
    convs: int
    norm: NormName
    activation: ActivationName
    dropout: float | Sequence[float]
    residual: bool
    downsample: Downsample
    upsample: Upsample
    padding_mode: BorderMode

    @property
    def valid(self) -> bool:
        """Whether no layer sees anything beyond the border of its map."""
        return self.padding_mode == "valid"

    def padding_beyond(self) -> PaddingMode:
        """What convolutions that keep the size see beyond the border.

        Raises:
            ConfigError: there are to be none that do.
        """
        if self.padding_mode == "valid":
            raise ConfigError(
                "model.padding_mode=valid takes pixels off every map, counted in pairs, which the centre of an odd "
                "side and the grids of several scales do not survive: it is for model=unet and unet3d; take zeros, "
                "reflect, replicate or circular here."
            )
        return self.padding_mode

    def dropout_at(self, level: int) -> float:
        """The dropout rate of a level: one for all, or one for each."""
        if isinstance(self.dropout, Sequence):
            return self.dropout[min(level, len(self.dropout) - 1)]
        return self.dropout


class Kit(ABC, Generic[Type]):
    """One kind of layer. A ``Type`` is what a map is: a number of channels, a field type.

    A kind of layer says how it convolves, activates, drops and concatenates; the parts of a U-Net follow. Methods that
    change what a map is return the new type beside the module.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    @abstractmethod
    def conv_norm(self, in_type: Type, out_type: Type, kernel_size: int, stride: int = 1) -> nn.Module:
        """A convolution and the norm that follows it."""

    @abstractmethod
    def up_conv(self, in_type: Type, out_type: Type) -> nn.Module:
        """A transposed convolution of stride 2, called with the map and the sides of what it is put beside."""

    @abstractmethod
    def activation(self, map_type: Type) -> nn.Module:
        """A nonlinearity."""

    @abstractmethod
    def dropout(self, map_type: Type, rate: float) -> nn.Module:
        """Drops whole channels, or fields."""

    @abstractmethod
    def concatenated(self, first: Type, second: Type) -> Type:
        """The type of two maps side by side."""

    @abstractmethod
    def said(self, map_type: Type) -> str:
        """What a map is, in words."""

    def sizes(self, halvings: int) -> str:
        """Which sides the network takes, in words."""
        return f"every size: sides are padded to a multiple of {2**halvings}, odd ones to one more"

    @abstractmethod
    def head(self, in_type: Type, num_classes: int) -> nn.Module:
        """Logits at each pixel."""

    def frame(self, halvings: int) -> Callable[[Tensor], Tensor]:
        """Puts an image on a grid that can be halved so often; here by repeating its border."""
        return partial(pad_to_grid, halvings=halvings)

    def stem(self) -> nn.Module:
        """Makes of the image the map that the first convolution takes; here it is one."""
        return nn.Identity()

    def spatial(self, module: nn.Module) -> nn.Module:
        """A module for images, which knows of space alone, as one for maps; here they are the same."""
        return module

    def skip(self, in_type: Type, level_type: Type) -> tuple[nn.Module, Type]:
        """Makes an encoder's map ready for a level whose maps are ``level_type``; here it stays as it is."""
        return nn.Identity(), in_type

    def block(self, in_type: Type, out_type: Type, level: int) -> nn.Module:
        """The convolutions of a level, each normalised and activated; what is dropped is dropped before the last."""
        units: list[nn.Module] = []
        rate, last = self.recipe.dropout_at(level), self.recipe.convs - 1
        for index in range(self.recipe.convs):
            source = out_type if index else in_type
            if index:
                units.append(self.activation(source))
            if index == last and rate:
                units.append(self.dropout(source, rate))
            units.append(self.conv_norm(source, out_type, self.recipe.kernel_size))
        return ConvBlock(units, self.activation(out_type), self._shortcut(in_type, out_type))

    def _shortcut(self, in_type: Type, out_type: Type) -> nn.Module | None:
        if not self.recipe.residual:
            return None
        return nn.Identity() if in_type == out_type else self.conv_norm(in_type, out_type, 1)

    def down(self, in_type: Type, level_type: Type) -> tuple[nn.Module, Type]:
        """Halves the grid, by pooling or by a convolution of stride 2, on the way to the next level."""
        makers: dict[str, Callable[[], nn.Module]] = {
            "blur": lambda: self.spatial(BlurPool(4, padded=not self.recipe.valid)),
            "average": lambda: self.spatial(BlurPool(2)),
            "max": lambda: self.spatial(MaxPool()),
            "strided": lambda: self.conv_norm(in_type, in_type, 3, stride=2),
        }
        halve = choose(makers, self.recipe.downsample, "downsample")()
        carry, out_type = self.skip(in_type, level_type)
        return nn.Sequential(halve, carry), out_type

    def up(self, in_type: Type, level_type: Type) -> tuple[nn.Module, Type]:
        """Doubles the grid, by interpolation or by a transposed convolution, called as ``up_conv`` is."""
        makers: dict[str, Callable[[], tuple[nn.Module, Type]]] = {
            "interpolate": lambda: (self.spatial(Double(padded=not self.recipe.valid)), in_type),
            "transposed": lambda: (self.up_conv(in_type, level_type), level_type),
        }
        return choose(makers, self.recipe.upsample, "upsample")()
