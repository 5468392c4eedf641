"""Synthetic scenes in closed form, drawn at any magnification, to measure equivariance to scale.

A resampled image would add the error of resampling to the error of the network.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Blobs:
    """A sum of Gaussians, or of balls with a soft edge, around the centre of the image.

    Args:
        centres: in pixels from the centre of the image, at magnification 1.
        radii: standard deviations of Gaussians, radii of balls, in pixels.
        heights: values at the centres.
        softness: width of a ball's edge as a fraction of its radius; ``None`` for Gaussians.
    """

    centres: Float[Tensor, "n dims"]
    radii: Float[Tensor, " n"]
    heights: Float[Tensor, " n"]
    softness: float | None = None

    @classmethod
    def scattered(
        cls,
        seed: int,
        dims: int,
        reach: float,
        count: int = 40,
        radius: tuple[float, float] = (2.0, 8.0),
        softness: float | None = None,
    ) -> "Blobs":
        """Random blobs: centres uniform within ``reach`` along each axis, radii log-uniform, heights normal."""
        draw = torch.Generator().manual_seed(seed)
        centres = reach * (2 * torch.rand(count, dims, generator=draw) - 1)
        radii = radius[0] * (radius[1] / radius[0]) ** torch.rand(count, generator=draw)
        return cls(centres, radii, torch.randn(count, generator=draw), softness)

    def draw(self, side: int, magnification: float = 1.0) -> Float[Tensor, "1 1 *space"]:
        """The scene on a grid of ``side`` pixels along each axis, magnified by ``magnification``.

        >>> Blobs.scattered(seed=0, dims=3, reach=4.0).draw(side=16, magnification=1.5).shape
        torch.Size([1, 1, 16, 16, 16])
        """
        dims = self.centres.shape[1]
        axis = (torch.arange(side) - (side - 1) / 2) / magnification
        squares = [(axis - centre.unsqueeze(1)).square() / self.radii.unsqueeze(1) ** 2 for centre in self.centres.T]
        letters = "xyz"[:dims]
        if self.softness is None:
            lines = [torch.exp(-square / 2) for square in squares]
            image = torch.einsum(f"n,{','.join(f'n{a}' for a in letters)}->{letters}", self.heights, *lines)
            return image[None, None]
        image = torch.zeros([side] * dims)
        for n, height in enumerate(self.heights):
            distance = sum(square[n].view(-1, *[1] * (dims - 1 - a)) for a, square in enumerate(squares))
            assert isinstance(distance, Tensor)
            image += height * torch.sigmoid((1 - distance.sqrt()) / self.softness)
        return image[None, None]
