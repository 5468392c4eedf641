"""Random rotation, scaling, shear and elastic deformation of a patch, resampled once."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from gequnet.data.transforms.augment import Augmentation
from gequnet.data.transforms.patch import Patch
from gequnet.errors import ConfigError

CLIP = 2.5
"""Elastic displacements of the control points are cut at this many standard deviations."""

OVERSHOOT = 1.3
"""Between control points a cubic may exceed them, by less than this factor."""


class Warp(Augmentation):
    r"""The patch seen through a random smooth map of the plane.

    Pixel :math:`p` of the result (relative to its centre) shows the scene at :math:`q = A p + u(p)`, where :math:`A` is
    a rotation times a shear divided by a magnification, and :math:`u` an elastic displacement: Gaussian at control
    points, cubic between them. All of it is one resampling, so an image is blurred once however much is asked for.

    The image is interpolated. Labels and ``valid`` take the nearest pixel, which keeps them what they are and, other
    than a threshold on interpolated labels, makes thin structures no thinner on average. Where the map leaves the
    picture the image is 0 and not valid. Two dimensions only.

    Args:
        rotation: Largest angle in radians, either way; pi for all rotations.
        scale: Least and greatest magnification, drawn uniformly in the logarithm.
        shear: Largest shear, either way: horizontal shift per vertical pixel.
        elastic: Standard deviation of the displacement of a control point, in pixels.
        spacing: Distance of the control points in pixels.
        interpolation: ``bicubic`` keeps thin structures as sharp as those of the images at test; ``bilinear`` costs
            less.

    Raises:
        ConfigError: If a range is empty or negative.
    """

    def __init__(
        self,
        rotation: float = 0.0,
        scale: Sequence[float] = (1.0, 1.0),
        shear: float = 0.0,
        elastic: float = 0.0,
        spacing: float = 32.0,
        interpolation: Literal["bilinear", "bicubic"] = "bicubic",
    ) -> None:
        if not (len(scale) == 2 and 0 < scale[0] <= scale[1]):
            raise ConfigError(f"augment: scale={list(scale)} is no range of magnifications; give [least, greatest].")
        if min(rotation, shear, elastic) < 0 or spacing <= 0:
            raise ConfigError("augment: rotation, shear and elastic must be 0 or more, and spacing more than 0.")
        self.rotation, self.scale, self.shear = rotation, (float(scale[0]), float(scale[1])), shear
        self.elastic, self.spacing, self.interpolation = elastic, spacing, interpolation

    def needs(self, size: Sequence[int]) -> list[int]:
        """A window that holds every pixel that any draw can ask for, larger by an even number on each axis."""
        half_y, half_x = self._half(size)
        sheared = half_x + self.shear * half_y
        reach_y = _reach(half_y, sheared, self.rotation)
        reach_x = _reach(sheared, half_y, self.rotation)
        margin = CLIP * OVERSHOOT * self.elastic + 2
        return [
            side + 2 * max(0, math.ceil(reach / self.scale[0] + margin - half))
            for side, reach, half in zip(size, (reach_y, reach_x), (half_y, half_x), strict=True)
        ]

    def __call__(self, patch: Patch, size: Sequence[int], generator: torch.Generator) -> Patch:
        """The warped patch, of exactly ``size``."""
        grid = self._grid(patch, size, generator)
        masks = patch.mask.reshape(-1, *patch.valid.shape)
        labels = torch.cat([masks, patch.valid[None]]).float()
        image = _resample(patch.image, grid, self.interpolation)
        *moved, valid = _resample(labels, grid, "nearest").to(torch.uint8)
        return Patch(image, torch.stack(moved).reshape(*patch.mask.shape[:-2], *valid.shape), valid.bool())

    def _grid(self, patch: Patch, size: Sequence[int], generator: torch.Generator) -> Float[Tensor, "h w 2"]:
        """Where each pixel of the result lies in the window, in the units of ``grid_sample``: x first, -1 to 1."""
        half_y, half_x = self._half(size)
        y, x = torch.meshgrid(
            torch.linspace(-half_y, half_y, size[0]), torch.linspace(-half_x, half_x, size[1]), indexing="ij"
        )
        points = torch.stack([y, x])
        places = torch.einsum("ij,jhw->ihw", self._matrix(generator), points) + self._displacement(size, generator)
        extent = (torch.tensor(patch.valid.shape) - 1).clamp(min=1) / 2
        return (places / extent[:, None, None]).flip(0).permute(1, 2, 0)

    def _matrix(self, generator: torch.Generator) -> Float[Tensor, "2 2"]:
        angle, shear, share = torch.rand(3, generator=generator).tolist()
        angle, shear = (2 * angle - 1) * self.rotation, (2 * shear - 1) * self.shear
        magnification = self.scale[0] * (self.scale[1] / self.scale[0]) ** share
        turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        return turn @ torch.tensor([[1.0, 0.0], [shear, 1.0]]) / magnification

    def _displacement(self, size: Sequence[int], generator: torch.Generator) -> Float[Tensor, "2 h w"]:
        if self.elastic == 0:
            return torch.zeros(2, *size)
        knots = [max(2, round(side / self.spacing) + 1) for side in size]
        pull = torch.randn(1, 2, *knots, generator=generator).clamp(-CLIP, CLIP) * self.elastic
        return F.interpolate(pull, size=tuple(size), mode="bicubic", align_corners=True)[0]

    def _half(self, size: Sequence[int]) -> tuple[float, float]:
        if len(size) != 2:
            raise ConfigError(f"augment: a warp turns images in the plane and not patches of size {list(size)}.")
        return (size[0] - 1) / 2, (size[1] - 1) / 2


def _reach(near: float, far: float, rotation: float) -> float:
    """How far a box of half sides ``near`` and ``far`` reaches along the first when turned by up to ``rotation``."""
    angle = min(rotation, math.atan2(far, near))
    return math.cos(angle) * near + math.sin(angle) * far


def _resample(
    channels: Float[Tensor, "channels big_h big_w"], grid: Float[Tensor, "h w 2"], mode: str
) -> Float[Tensor, "channels h w"]:
    return F.grid_sample(channels[None], grid[None], mode=mode, padding_mode="zeros", align_corners=True)[0]
