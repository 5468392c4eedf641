"""The block that a U-Net repeats at each level: convolutions, normalised and activated, perhaps with a shortcut."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from gequnet.layers.resample import crop_to


class ConvBlock(nn.Module):
    """Units one after the other; with a shortcut, its output is added before the last activation.

    Units of valid convolutions give less than they are given: the middle of what the shortcut gives is added.

    Each unit is a convolution with what follows it. The block knows nothing of groups, so the plain and the
    equivariant networks share it.

    Args:
        units: modules from [B, C, *space] to [B, C', *space], in order; without their last activation.
        shortcut: from the block's input to the shape of its output; ``None`` for a block without one.
        activation: what is applied at the end.
    """

    def __init__(self, units: Sequence[nn.Module], activation: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.units = nn.Sequential(*units)
        self.shortcut = shortcut
        self.activation = activation

    def forward(self, x: Float[Tensor, "b in *space"]) -> Float[Tensor, "b out *kept"]:
        """[B, C, *space] -> [B, C', *space], or less of it."""
        y = self.units(x)
        if self.shortcut is not None:
            y = y + crop_to(self.shortcut(x), y.shape[2:])
        return self.activation(y)
