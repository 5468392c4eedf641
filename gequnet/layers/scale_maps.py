"""Adapters between images and maps on a window of scales, ``[B, C, S, *space]``."""

from jaxtyping import Float
from torch import Tensor, nn


class AtEachScale(nn.Module):
    """A module for images, applied to each scale of a map separately.

    Use it for pooling, blur and interpolation, and for instance and group normalisation: the statistics of a scale move
    with it to the next scale.

    Args:
        module: from [B, C, *space] to [B, C, *space'].

    Shape:
        [B, C, S, *space] -> [B, C, S, *space'].
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Float[Tensor, "b c s *space"], *arguments: object) -> Float[Tensor, "b c s *new"]:
        """The module's result for each scale; further arguments are passed to the module."""
        each = self.module(x.transpose(1, 2).flatten(0, 1), *arguments)
        return each.unflatten(0, (x.shape[0], x.shape[2])).transpose(1, 2)


class AcrossScales(nn.Module):
    """A module for images, applied to all scales of a map together, as if they were further points of space.

    Use it for dropout, which then drops a channel at all scales or at none, and for batch normalisation: its statistics
    are shared by all scales.

    Args:
        module: from [B, C, *space] to [B, C, *space], each channel separately.

    Shape:
        [B, C, S, *space] -> [B, C, S, *space].
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Float[Tensor, "b c s *space"]) -> Float[Tensor, "b c s *space"]:
        """The module's result for all scales at once."""
        return self.module(x.flatten(2, 3)).unflatten(2, x.shape[2:4])


class EveryScale(nn.Module):
    """The image repeated at every scale.

    Args:
        scales: S.

    Shape:
        [B, C, *space] -> [B, C, S, *space].
    """

    def __init__(self, scales: int) -> None:
        super().__init__()
        self.scales = scales

    def forward(self, x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c s *space"]:
        """The image S times, without copying it."""
        return every_scale(x, self.scales)


def every_scale(x: Float[Tensor, "b c *space"], scales: int) -> Float[Tensor, "b c {scales} *space"]:
    """The image repeated at every scale, as a view."""
    return x.unsqueeze(2).expand(-1, -1, scales, *x.shape[2:])
