"""Builders of the parts of a U-Net: a recipe, and a kit that builds the parts from one kind of layer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, Literal, TypeVar

from torch import Tensor, nn

from gequnet.errors import ConfigError
from gequnet.layers.block import ConvBlock
from gequnet.layers.plain import ActivationName, BorderMode, NormName, PaddingMode, lookup
from gequnet.layers.resample import BlurPool, Double, MaxPool, pad_to_grid

Type = TypeVar("Type")

Downsample = Literal["blur", "average", "max", "strided"]
Upsample = Literal["interpolate", "transposed"]


@dataclass(frozen=True)
class Recipe:
    """The options that do not depend on the kind of layer; ``gequnet.nets.unet.UNet`` documents them."""

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
        """True if no layer pads its map."""
        return self.padding_mode == "valid"

    def same_padding_mode(self) -> PaddingMode:
        """The padding mode of convolutions that keep the size.

        Raises:
            ConfigError: the recipe asks for valid convolutions.
        """
        if self.padding_mode == "valid":
            raise ConfigError(
                "model.padding_mode=valid needs even sides at every level, which does not fit the centre of an odd "
                "side nor the grids of several scales: it is for model=unet and unet3d; take zeros, reflect, replicate "
                "or circular here."
            )
        return self.padding_mode

    def dropout_at(self, level: int) -> float:
        """The dropout rate of a level."""
        if isinstance(self.dropout, Sequence):
            return self.dropout[min(level, len(self.dropout) - 1)]
        return self.dropout


class Kit(ABC, Generic[Type]):
    """Abstract builder of layers of one kind. ``Type`` is the type of a map: a number of channels, or a field type.

    A subclass defines convolution, activation, dropout and concatenation; the parts of a U-Net follow from them.
    Methods that change the type of a map return the module and the new type.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    @abstractmethod
    def conv_norm(self, in_type: Type, out_type: Type, kernel_size: int, stride: int = 1) -> nn.Module:
        """A convolution and the norm that follows it."""

    @abstractmethod
    def up_conv(self, in_type: Type, out_type: Type) -> nn.Module:
        """A transposed convolution of stride 2, called with the map and the sides of the skip connection."""

    @abstractmethod
    def activation(self, map_type: Type) -> nn.Module:
        """A nonlinearity."""

    @abstractmethod
    def dropout(self, map_type: Type, rate: float) -> nn.Module:
        """Dropout of whole channels, or of whole fields."""

    @abstractmethod
    def concatenated(self, first: Type, second: Type) -> Type:
        """The type of two concatenated maps."""

    @abstractmethod
    def describe_map(self, map_type: Type) -> str:
        """The type of a map, as text."""

    def sizes(self, halvings: int) -> str:
        """The sides of images that the network accepts, as text."""
        return f"every size: sides are padded to a multiple of {2**halvings}, odd ones to one more"

    @abstractmethod
    def head(self, in_type: Type, num_classes: int) -> nn.Module:
        """The last layer: logits at each pixel."""

    def frame(self, halvings: int) -> Callable[[Tensor], Tensor]:
        """Function that pads an image so that it can be halved ``halvings`` times; by default it repeats the border."""
        return partial(pad_to_grid, halvings=halvings)

    def stem(self) -> nn.Module:
        """Module from the image to the input map of the first convolution; by default the identity."""
        return nn.Identity()

    def spatial(self, module: nn.Module) -> nn.Module:
        """Adapt a module for images [B, C, *space] to the maps of this kit; by default it is used as it is."""
        return module

    def skip(self, in_type: Type, level_type: Type) -> tuple[nn.Module, Type]:
        """Module from an encoder's map to a level with maps of ``level_type``; by default the identity."""
        return nn.Identity(), in_type

    def block(self, in_type: Type, out_type: Type, level: int) -> nn.Module:
        """The convolutions of a level, each with norm and activation; dropout is before the last convolution."""
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
        """Downsampling by 2 to the next level, by pooling or by a convolution of stride 2."""
        makers: dict[str, Callable[[], nn.Module]] = {
            "blur": lambda: self.spatial(BlurPool(4, padded=not self.recipe.valid)),
            "average": lambda: self.spatial(BlurPool(2)),
            "max": lambda: self.spatial(MaxPool()),
            "strided": lambda: self.conv_norm(in_type, in_type, 3, stride=2),
        }
        halve = lookup(makers, self.recipe.downsample, "downsample")()
        carry, out_type = self.skip(in_type, level_type)
        return nn.Sequential(halve, carry), out_type

    def up(self, in_type: Type, level_type: Type) -> tuple[nn.Module, Type]:
        """Upsampling by 2, by interpolation or by a transposed convolution; called like ``up_conv``."""
        makers: dict[str, Callable[[], tuple[nn.Module, Type]]] = {
            "interpolate": lambda: (self.spatial(Double(padded=not self.recipe.valid)), in_type),
            "transposed": lambda: (self.up_conv(in_type, level_type), level_type),
        }
        return lookup(makers, self.recipe.upsample, "upsample")()
