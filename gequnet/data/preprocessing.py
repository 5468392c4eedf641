"""Preprocessing of a new image, in the same way as the training images of a network."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int16, UInt8
from torch import Tensor

from gequnet.data.datasets.field_of_view import estimate_field_of_view, is_photograph
from gequnet.data.datasets.volumes import nonzero_box
from gequnet.data.errors import NoValidPixelError
from gequnet.data.nodata import mark_nodata, nodata_values
from gequnet.data.scene import Scene, pixels
from gequnet.data.transforms.normalise import Normalisation, Scale, intensity_scale
from gequnet.data.transforms.resample_volume import resample_image, size_at
from gequnet.data.transforms.resize import resized
from gequnet.errors import ConfigError


@dataclass(frozen=True)
class Prepared:
    """A preprocessed image, and the way back to the grid of the input.

    Args:
        image: ``[C, *grid]``, with the intensity scale and the grid of the training images.
        box: First and last pixel (exclusive) along each axis of the part of the input that ``image`` shows.
        space: The size of the input, ``[*space]``.
        field: ``[*space]``, True inside the estimated field of view of a fundus photograph; None for other images.
    """

    image: Float[Tensor, "channels *grid"]
    box: tuple[tuple[int, int], ...]
    space: tuple[int, ...]
    field: Bool[Tensor, "*space"] | None = None

    def restore(
        self, probabilities: Float32[np.ndarray, "classes *grid"], head: str
    ) -> Float32[np.ndarray, "classes *space"]:
        """Probabilities on the grid of the input, interpolated linearly, and background outside the box."""
        size = [last - first for first, last in self.box]
        inside = resample_image(probabilities, size)
        if inside.shape[1:] == self.space:
            return inside
        restored = np.zeros((len(inside), *self.space), np.float32)
        if head == "softmax":
            restored[0] = 1
        restored[(slice(None), *(slice(*ends) for ends in self.box))] = inside
        return restored


@dataclass(frozen=True)
class Preprocessing:
    """The preprocessing of the images of a dataset, for any other image.

    Args:
        normalisation: Rule for intensities, as in ``data.normalisation``.
        fixed: The common scale of all images, for the rules ``full`` and ``full_nonzero``.
        side: Height and width that pictures are resized to; None keeps their size.
        spacing: Millimetres per voxel that volumes are resampled to; None keeps their spacing.
        cubic: True for cubic interpolation of volumes, False for linear.
        crop: True to crop a volume to the bounding box of voxels that are not 0 in some channel.
        fov: True for photographs of a fundus, whose dark surround is not valid.
        nodata: Values of pixels without data, which are not valid and count as 0.

    Raises:
        ConfigError: The rule needs a common scale and there is none.

    Example:
        >>> preprocessing = Preprocessing("range", side=4)
        >>> prepared = preprocessing(torch.arange(48, dtype=torch.uint8).view(1, 6, 8))
        >>> prepared.image.shape, prepared.restore(np.ones((1, 4, 4), np.float32), "sigmoid").shape
        (torch.Size([1, 4, 4]), (1, 6, 8))
    """

    normalisation: Normalisation
    fixed: Scale | None = None
    side: int | None = None
    spacing: Sequence[float] | None = None
    cubic: bool = False
    crop: bool = False
    fov: bool = False
    nodata: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.normalisation.startswith("full") and self.fixed is None:
            raise ConfigError(
                f"data.normalisation={self.normalisation} needs the intensity scale of the training images, and the "
                "run has no scale.json with it: train the run again."
            )

    @property
    def needs_whole_image(self) -> bool:
        """True if preprocessing needs the whole image at once; else it needs the intensity scale only."""
        return self.side is not None or self.spacing is not None or self.crop or self.fov

    def __call__(
        self,
        image: UInt8[Tensor, "channels *space"] | Int16[Tensor, "channels *space"] | Float[Tensor, "channels *space"],
        spacing_mm: Sequence[float] | None = None,
        name: str = "The image",
    ) -> Prepared:
        """The preprocessed image.

        Args:
            image: ``[C, *space]``, in the unit of its file; a volume upright, as ``formats.nifti`` reads it.
            spacing_mm: Millimetres per voxel along each axis.
            name: Name of the image, for errors.

        Raises:
            ConfigError: The network was trained on voxels of one size, and the spacing of this image is unknown.
            NoValidPixelError: No pixel is valid.
        """
        space = tuple(image.shape[1:])
        box = nonzero_box(self.whole_scene(image).image.numpy()) if self.crop else tuple((0, side) for side in space)
        part = image[(slice(None), *(slice(*ends) for ends in box))]
        scene = self._on_grid(part, spacing_mm)
        if not scene.valid.any():
            raise NoValidPixelError(name)
        field = scene.valid if self._has_field(image) else None
        # One layout in memory for all inputs, as PyTorch computes other last digits in another one.
        return Prepared(self.scale(scene)(pixels(scene.image)).contiguous(), box, space, field)

    def scale(self, scene: Scene) -> Scale:
        """The intensity scale of a whole scene."""
        return self.fixed or intensity_scale(scene, self.normalisation)

    def whole_scene(self, image: Tensor) -> Scene:
        """The image or a part of it as a scene without labels, in which pixels without a value are 0 and not valid."""
        return mark_nodata(unlabelled_scene(image, torch.ones(image.shape[1:], dtype=torch.bool)), self.nodata)

    def measured(self, image: Tensor) -> Bool[Tensor, "*space"] | None:
        """True where the pixels of an image have a value, neither nan nor a nodata value; None if all have one."""
        if not image.is_floating_point() and not self.nodata:
            return None
        valid = self.whole_scene(image).valid
        return None if valid.all() else valid

    def _has_field(self, image: Tensor) -> bool:
        return self.fov and self.side is None and is_photograph(image)

    def _on_grid(self, image: Tensor, spacing_mm: Sequence[float] | None) -> Scene:
        scene = self.whole_scene(image)
        if self.side is not None:
            return resized(scene, (self.side, self.side))
        if self._has_field(image):
            return replace(scene, valid=estimate_field_of_view(image) & scene.valid)
        if self.spacing is None:
            return scene
        if spacing_mm is None:
            raise ConfigError(
                f"The network was trained on voxels of {' x '.join(f'{mm:g}' for mm in self.spacing)} mm, and the "
                "spacing of this image is unknown: give spacing_mm, or a file that holds it."
            )
        grid = size_at(scene.space, spacing_mm, self.spacing)
        shown = resample_image(scene.image.numpy(), grid, order=3 if self.cubic else 1)
        seen = resample_image(scene.valid.numpy()[None].astype(np.float32), grid)[0] > 0.5
        return unlabelled_scene(torch.from_numpy(shown), torch.from_numpy(seen))


def unlabelled_scene(image: Tensor, valid: Bool[Tensor, "*space"]) -> Scene:
    """A scene of an image, with an empty mask."""
    return Scene("new", image, torch.zeros(valid.shape, dtype=torch.uint8), valid)


def preprocessing_of(data: Any, fixed: Scale | None = None) -> Preprocessing:
    """The preprocessing of a run's dataset, from its configuration.

    All sources use the same names: ``side`` of a picture; ``spacing``, ``cubic`` and ``crop`` of a volume.

    Args:
        data: The node ``data`` of a run's configuration.
        fixed: The common scale of all its images, if there is one.
    """
    source = data.source
    spacing = source.get("spacing")
    sides = [spacing] * 3 if isinstance(spacing, int | float) else spacing
    return Preprocessing(
        data.normalisation,
        fixed,
        source.get("side"),
        None if sides is None else [float(side) for side in sides],
        bool(source.get("cubic", False)),
        bool(source.get("crop", False)),
        data.fov,
        nodata_values(source.get("nodata")),
    )
