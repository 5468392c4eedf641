"""One image at full resolution with its mask and other overlays, in compact form."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int, Int16, UInt8
from torch import Tensor

from gequnet.data.errors import SizeMismatchError
from gequnet.data.formats.nifti import Geometry

OVERLAYS = {
    "mask": "mask",
    "valid": "field of view",
    "outside": "surround",
    "second": "second mask",
    "instances": "instances",
    "weight": "weights",
}
"""Parts of a scene that have the pixels of its image, and their names in error messages."""


@dataclass(frozen=True)
class Scene:
    """An image of a dataset in the bit depth of its file, with its labels and its field of view.

    Pixels whose intensity is not finite in some channel become 0 and are not valid.

    Sources load scenes, and scenes stay cached, so they are compact: 8-bit images and labels stay 8-bit, other integers
    16-bit. ``pixels`` converts the intensities to float32.

    Args:
        id: Name of the image in its dataset, as in splits and tables.
        image: ``[C, *space]``, 8-bit (0 to 255), or 16-bit or floating point in the dataset's own unit.
        mask: ``[*space]`` class index, or ``[K, *space]`` for K regions that may overlap.
        valid: ``[*space]``, False outside the field of view and for ignored labels.
        second: The mask of a second human observer, if the dataset has one.
        instances: ``[*space]``, 0 for background and one number for each object, if objects are labelled one by one.
        weight: ``[*space]``, the weight of each pixel in the loss; None for equal weights.
        outside: ``[*space]``, True outside the field of view, whose pixels are not valid and show a dark surround; None
            if there is no field of view.
        corners: ``[N, dims]``, allowed first pixels of training patches; None for any.
        origin: The scene that this one was cut from, which has the same intensity scale; None for a whole scene.
        spacing: Millimetres per pixel along each axis of ``*space``; empty if unknown, then lengths are in pixels.
        geometry: Position of the scene in its file; None without such a file, or if the scene is no longer on its
            grid.
        not_finite: Number of pixels of the image that were not finite; None to find and replace them.

    Raises:
        SizeMismatchError: If the parts do not have the same ``*space``.
    """

    id: str
    image: UInt8[Tensor, "channels *space"] | Int16[Tensor, "channels *space"] | Float[Tensor, "channels *space"]
    mask: UInt8[Tensor, "..."]
    valid: Bool[Tensor, "..."]
    second: UInt8[Tensor, "..."] | None = None
    instances: Int[Tensor, "..."] | None = None
    weight: Float[Tensor, "..."] | None = None
    outside: Bool[Tensor, "..."] | None = None
    corners: Int[Tensor, "n dims"] | None = None
    origin: "Scene | None" = None
    spacing: tuple[float, ...] = ()
    geometry: Geometry | None = None
    not_finite: int | None = None

    def __post_init__(self) -> None:
        for part, words in OVERLAYS.items():
            over = getattr(self, part)
            if over is not None and over.shape[-len(self.space) :] != self.space:
                raise SizeMismatchError(self.id, words, tuple(over.shape), self.space)
        if self.not_finite is None:
            self._leave_out_not_finite()

    def _leave_out_not_finite(self) -> None:
        finite = self.image.isfinite().all(0) if self.image.is_floating_point() else None
        count = 0 if finite is None else int((~finite).sum())
        object.__setattr__(self, "not_finite", count)
        if finite is not None and count:
            object.__setattr__(self, "image", torch.where(finite, self.image, 0))
            object.__setattr__(self, "valid", self.valid & finite)

    @property
    def space(self) -> torch.Size:
        """The size of the image without its channels, ``[*space]``."""
        return self.image.shape[1:]

    def crop(self, name: str, corner: Sequence[int], size: Sequence[int]) -> "Scene":
        """The part of ``size`` pixels from ``corner`` on, as a scene of this name; it must lie inside."""
        window = (..., *(slice(first, first + side) for first, side in zip(corner, size, strict=True)))
        parts = {part: getattr(self, part) for part in ("image", *OVERLAYS)}
        cut = {part: whole[window] for part, whole in parts.items() if whole is not None}
        return replace(self, id=name, **cut, corners=None, origin=self.origin or self, geometry=None)


def pixels(
    image: UInt8[Tensor, "*shape"] | Int16[Tensor, "*shape"] | Float[Tensor, "*shape"],
) -> Float[Tensor, "*shape"]:
    """Intensities as float32: 8-bit ones divided by 255, others unchanged."""
    return image.float() / 255 if image.dtype == torch.uint8 else image.float()
