"""Maps on a window of scales, ``[B, C, S, *space]``: how modules for images work on them, how an image becomes one."""

from jaxtyping import Float
from torch import Tensor, nn


class AtEachScale(nn.Module):
    """Lets a module for images work on each scale of a map as on an image of its own.

    That is how to pool, blur and interpolate, and to normalise by the statistics of an instance or of groups of
    channels: those of a scale move with it to the next.

    Args:
        module: from [B, C, *space] to [B, C, *space'].

    Shape:
        [B, C, S, *space] -> [B, C, S, *space'].
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Float[Tensor, "b c s *space"], *arguments: object) -> Float[Tensor, "b c s *new"]:
        """The module's result for each scale; further arguments are handed on."""
        each = self.module(x.transpose(1, 2).flatten(0, 1), *arguments)
        return each.unflatten(0, (x.shape[0], x.shape[2])).transpose(1, 2)


class AcrossScales(nn.Module):
    """Lets a module for images take the scales of a map as further points of space.

    That is how to drop a channel, at all scales or at none, and to normalise by the statistics of a batch, of which
    there is one set for all images, wherever their scales lie in the window.

    Args:
        module: from [B, C, *space] to [B, C, *space], each channel for itself.

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
    """An image as a map that is the same at every scale.

    Args:
        scales: S.

    Shape:
        [B, C, *space] -> [B, C, S, *space].
    """

    def __init__(self, scales: int) -> None:
        super().__init__()
        self.scales = scales

    def forward(self, x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c s *space"]:
        """The image S times, without copies."""
        return every_scale(x, self.scales)


def every_scale(x: Float[Tensor, "b c *space"], scales: int) -> Float[Tensor, "b c {scales} *space"]:
    """An image as a map that is the same at every scale."""
    return x.unsqueeze(2).expand(-1, -1, scales, *x.shape[2:])
