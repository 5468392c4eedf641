"""Random rotation, scaling, shear and elastic deformation of a patch, in one resampling."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn import functional as F

from gequnet.data.transforms.augment import Augmentation
from gequnet.data.transforms.patch import Patch
from gequnet.errors import ConfigError

CLIP = 2.5
"""Elastic displacements of control points are clipped at this many standard deviations."""

OVERSHOOT = 1.3
"""A cubic exceeds its control points by less than this factor."""


class Warp(Augmentation):
    r"""The patch under a random smooth map of the plane or of space.

    Pixel :math:`p` of the result (relative to its centre) shows the scene at :math:`q = A p + u(p)`, where :math:`A` is
    a rotation times a shear divided by a magnification, and :math:`u` an elastic displacement: Gaussian at control
    points, cubic between them. All of it is one resampling, so an image is blurred only once. A volume is rotated about
    a random axis, and interpolation between its voxels and control points is linear.

    Images are interpolated by ``interpolation``, weights linearly. Labels and ``valid`` take the nearest pixel: they
    keep their values, and thin structures do not get thinner on average, as they would by a threshold on interpolated
    labels. A smaller image is not smoothed before. Outside the picture image and weight are 0, and pixels not valid.

    Args:
        rotation: Largest angle in radians, in both directions; pi for all rotations. In space the axis is uniform on
            the sphere and the angle uniform in its range.
        scale: Least and greatest magnification, drawn uniformly in the logarithm.
        shear: Largest shear, in both directions: horizontal shift per vertical pixel. Images only.
        elastic: Standard deviation of the displacement of a control point, in pixels.
        spacing: Distance of the control points in pixels, as nearly as the patch's sides allow.
        knots: Number of control points along each axis, in place of ``spacing``. 3 as in the U-Net of 2015: at the
            corners of the patch, the middles of its sides and its centre.
        interpolation: Interpolation of images. ``bicubic`` keeps thin structures as sharp as in test images;
            ``bilinear`` is cheaper. Volumes are always linear.

    Raises:
        ConfigError: If a range is empty or negative, there are fewer than two control points, or a volume would be
            sheared.
    """

    def __init__(
        self,
        rotation: float = 0.0,
        scale: Sequence[float] = (1.0, 1.0),
        shear: float = 0.0,
        elastic: float = 0.0,
        spacing: float = 32.0,
        interpolation: Literal["bilinear", "bicubic"] = "bicubic",
        knots: int | None = None,
    ) -> None:
        if not (len(scale) == 2 and 0 < scale[0] <= scale[1]):
            raise ConfigError(f"augment: scale={list(scale)} is not a range of magnifications; give [least, greatest].")
        if min(rotation, shear, elastic) < 0 or spacing <= 0:
            raise ConfigError("augment: rotation, shear and elastic must be 0 or more, and spacing more than 0.")
        if knots is not None and knots < 2:
            raise ConfigError(f"augment: knots={knots} must be 2 or more, one at each end of an axis; 3 is usual.")
        self.rotation, self.scale, self.shear = rotation, (float(scale[0]), float(scale[1])), shear
        self.elastic, self.spacing, self.knots, self.interpolation = elastic, spacing, knots, interpolation

    def needs(self, size: Sequence[int]) -> list[int]:
        """The size of a window with every pixel that any draw can use, larger by an even number on each axis."""
        half = self._half(size)
        extent = [*half[:-1], half[-1] + self.shear * half[-2]]
        margin = CLIP * OVERSHOOT * self.elastic + 2
        reach = [
            _reach(near, math.hypot(*extent[:axis], *extent[axis + 1 :]), self.rotation)
            for axis, near in enumerate(extent)
        ]
        return [
            side + 2 * max(0, math.ceil(far / self.scale[0] + margin - near))
            for side, far, near in zip(size, reach, half, strict=True)
        ]

    def __call__(self, patch: Patch, size: Sequence[int], generator: torch.Generator) -> Patch:
        """The warped patch, of exactly ``size``."""
        grid, space = self._grid(patch, size, generator), patch.valid.shape
        regions = [patch.valid] if patch.outside is None else [patch.valid, patch.outside]
        labels = torch.cat([patch.mask.reshape(-1, *space), torch.stack(regions)]).float()
        image = _resample(patch.image, grid, self.interpolation if len(space) == 2 else "bilinear")
        moved = _resample(labels, grid, "nearest").to(torch.uint8)
        mask, (valid, *outside) = moved[: -len(regions)], moved[-len(regions) :].bool()
        mask = mask.reshape(*patch.mask.shape[: -len(space)], *valid.shape)
        weight = None if patch.weight is None else _resample(patch.weight[None], grid, "bilinear")[0]
        return Patch(image, mask, valid, weight, outside[0] if outside else None)

    def _grid(self, patch: Patch, size: Sequence[int], generator: torch.Generator) -> Float[Tensor, "*size dims"]:
        """The place of each pixel of the result in the window, in units of ``grid_sample``: x first, -1 to 1."""
        axes = [torch.linspace(-half, half, side) for half, side in zip(self._half(size), size, strict=True)]
        points = torch.stack(torch.meshgrid(*axes, indexing="ij"))
        moved = torch.einsum("ij,j...->i...", self._matrix(len(size), generator), points)
        places = moved + self._displacement(size, generator)
        extent = (torch.tensor(patch.valid.shape) - 1).clamp(min=1) / 2
        return (places / extent.view(-1, *[1] * len(size))).flip(0).movedim(0, -1)

    def _matrix(self, dims: int, generator: torch.Generator) -> Float[Tensor, "dims dims"]:
        angle, shear, share = torch.rand(3, generator=generator).tolist()
        angle, shear = (2 * angle - 1) * self.rotation, (2 * shear - 1) * self.shear
        magnification = self.scale[0] * (self.scale[1] / self.scale[0]) ** share
        if dims == 3:
            axis = F.normalize(torch.randn(3, generator=generator), dim=0)
            return torch.from_numpy(Rotation.from_rotvec(angle * axis.numpy()).as_matrix()).float() / magnification
        turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        return turn @ torch.tensor([[1.0, 0.0], [shear, 1.0]]) / magnification

    def _displacement(self, size: Sequence[int], generator: torch.Generator) -> Float[Tensor, "dims *size"]:
        if self.elastic == 0:
            return torch.zeros(len(size), *size)
        knots = [self.knots or max(2, round(side / self.spacing) + 1) for side in size]
        pull = torch.randn(1, len(size), *knots, generator=generator).clamp(-CLIP, CLIP) * self.elastic
        mode = "bicubic" if len(size) == 2 else "trilinear"
        return F.interpolate(pull, size=tuple(size), mode=mode, align_corners=True)[0]

    def _half(self, size: Sequence[int]) -> list[float]:
        if len(size) not in (2, 3):
            raise ConfigError(f"augment: a warp is for images and volumes, and not for patches of size {list(size)}.")
        if len(size) == 3 and self.shear > 0:
            raise ConfigError(f"augment: shear={self.shear} is for images, and this is a volume: set it to 0.")
        return [(side - 1) / 2 for side in size]


def _reach(near: float, far: float, rotation: float) -> float:
    """Largest extent of a box along an axis under rotations by up to ``rotation``.

    A point of the box is at most ``near`` along the axis and ``far`` across it.
    """
    angle = min(rotation, math.atan2(far, near))
    return math.cos(angle) * near + math.sin(angle) * far


def _resample(
    channels: Float[Tensor, "channels *big"], grid: Float[Tensor, "*size dims"], mode: str
) -> Float[Tensor, "channels *size"]:
    return F.grid_sample(channels[None], grid[None], mode=mode, padding_mode="zeros", align_corners=True)[0]
