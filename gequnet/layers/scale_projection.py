"""Projections from maps on a window of scales to one image.

The window is a finite part of an infinite group. If the image is magnified by the ratio, the maps move by one scale:
one scale leaves the window and a new one enters. A projection is invariant as far as it does not depend on these two.
"""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from gequnet.errors import ConfigError

ProjectionName = Literal["choice", "max", "mean"]


class MeanOverScales(nn.Module):
    """Mean over scales. A magnification changes it by the difference of the two end scales, divided by S.

    Shape:
        [B, K, S, *space] -> [B, K, *space].
    """

    def forward(self, maps: Float[Tensor, "b k s *space"]) -> Float[Tensor, "b k *space"]:
        """The projected image."""
        return maps.mean(2)


class MaxOverScales(nn.Module):
    """Maximum over scales; invariant where the largest value lies inside the window.

    Shape:
        [B, K, S, *space] -> [B, K, *space].
    """

    def forward(self, maps: Float[Tensor, "b k s *space"]) -> Float[Tensor, "b k *space"]:
        """The projected image."""
        return maps.amax(2)


class ChoiceOfScale(nn.Module):
    r"""Weighted mean over scales; the network computes the weights at each point (a softmax over scales).

    .. math:: f(x) = \sum_i \mathrm{softmax}_i(a_i(x)) F_i(x)

    The score a is the last channel of the maps. It moves with the maps, so the weights move by one scale when the image
    is magnified by the ratio. The result is invariant as far as the weights at the ends of the window are small.
    Nothing makes them small if all scales are trained at once: then each scale specialises, and the choice is less
    invariant than a mean. See docs/scale_equivariance.md.

    Shape:
        [B, K + 1, S, *space] -> [B, K, *space].
    """

    def forward(self, maps: Float[Tensor, "b k1 s *space"]) -> Float[Tensor, "b k *space"]:
        """The projected image."""
        return (self.weights(maps) * maps[:, :-1]).sum(2)

    @staticmethod
    def weights(maps: Float[Tensor, "b k1 s *space"]) -> Float[Tensor, "b 1 s *space"]:
        """Weight of each scale at each point; the weights sum to 1 over the scales."""
        return maps[:, -1:].softmax(2)


PROJECTIONS: dict[str, type[nn.Module]] = {"choice": ChoiceOfScale, "max": MaxOverScales, "mean": MeanOverScales}


def make_projection(name: str, num_classes: int) -> tuple[nn.Module, int]:
    """A projection by name, and the number of channels it needs for ``num_classes`` classes.

    Raises:
        ConfigError: there is no such projection.
    """
    if name not in PROJECTIONS:
        raise ConfigError(f"projection={name!r} is not known; choose one of {', '.join(PROJECTIONS)}")
    return PROJECTIONS[name](), num_classes + (name == "choice")
