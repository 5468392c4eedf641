"""The block of each level of a U-Net: convolutions, norms and activations, with an optional shortcut."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from gequnet.layers.resample import crop_to


class ConvBlock(nn.Module):
    """Convolution units in a row; the output of a shortcut, if there is one, is added before the last activation.

    Valid convolutions make the map smaller; then the central crop of the shortcut's output is added.

    Each unit is a convolution and the layers that follow it. The block does not depend on a group: the plain and the
    equivariant networks share it.

    Args:
        units: modules from [B, C, *space] to [B, C', *space], in order; without their last activation.
        shortcut: from the block's input to the channels of its output; ``None`` for a block without one.
        activation: the last activation.
    """

    def __init__(self, units: Sequence[nn.Module], activation: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.units = nn.Sequential(*units)
        self.shortcut = shortcut
        self.activation = activation

    def forward(self, x: Float[Tensor, "b in *space"]) -> Float[Tensor, "b out *kept"]:
        """[B, C, *space] -> [B, C', *space], or smaller with valid convolutions."""
        y = self.units(x)
        if self.shortcut is not None:
            y = y + crop_to(self.shortcut(x), y.shape[2:])
        return self.activation(y)
