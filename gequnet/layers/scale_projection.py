"""From maps on a window of scales to one image.

The window is cut out of a group without ends. Magnify an image by the ratio, and the maps move by one scale: one leaves
the window, another enters that was never seen. A projection is invariant as far as it does not look at either.
"""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from gequnet.errors import ConfigError

ProjectionName = Literal["choice", "max", "mean"]


class MeanOverScales(nn.Module):
    """The mean over scales. The scale that enters and the one that leaves change it by their difference over S.

    Shape:
        [B, K, S, *space] -> [B, K, *space].
    """

    def forward(self, maps: Float[Tensor, "b k s *space"]) -> Float[Tensor, "b k *space"]:
        """One image."""
        return maps.mean(2)


class MaxOverScales(nn.Module):
    """The maximum over scales; invariant where the largest value lies inside the window.

    Shape:
        [B, K, S, *space] -> [B, K, *space].
    """

    def forward(self, maps: Float[Tensor, "b k s *space"]) -> Float[Tensor, "b k *space"]:
        """One image."""
        return maps.amax(2)


class ChoiceOfScale(nn.Module):
    r"""A mean over scales with weights that the network gives at each point: a soft choice.

    .. math:: f(x) = \sum_i \mathrm{softmax}_i(a_i(x)) F_i(x)

    The evidence a is the last channel of the maps. It moves with them, so what is chosen at one magnification is
    chosen, a scale further, at the next; invariant as far as the weight at the ends of the window is small. Nothing
    makes it small where all scales are trained at once: then they become specialists, and the choice is less invariant
    than a mean. See docs/scale_equivariance.md.

    Shape:
        [B, K + 1, S, *space] -> [B, K, *space].
    """

    def forward(self, maps: Float[Tensor, "b k1 s *space"]) -> Float[Tensor, "b k *space"]:
        """One image."""
        return (self.weights(maps) * maps[:, :-1]).sum(2)

    @staticmethod
    def weights(maps: Float[Tensor, "b k1 s *space"]) -> Float[Tensor, "b 1 s *space"]:
        """How much each scale counts at each point; they sum to 1 over the scales."""
        return maps[:, -1:].softmax(2)


PROJECTIONS: dict[str, type[nn.Module]] = {"choice": ChoiceOfScale, "max": MaxOverScales, "mean": MeanOverScales}


def projection_of(name: str, num_classes: int) -> tuple[nn.Module, int]:
    """A projection by name, and how many maps it needs for so many classes.

    Raises:
        ConfigError: there is no such projection.
    """
    if name not in PROJECTIONS:
        raise ConfigError(f"projection={name!r} is not known; choose one of {', '.join(PROJECTIONS)}")
    return PROJECTIONS[name](), num_classes + (name == "choice")
