"""One image at full resolution with everything that lies over it, as it is kept in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int, Int16, UInt8
from torch import Tensor

from gequnet.data.errors import SizeMismatchError
from gequnet.data.formats.nifti import Geometry

OVERLAYS = {
    "mask": "mask", "valid": "field of view", "second": "second mask", "instances": "instances", "weight": "weights",
}  # fmt: skip
"""The parts of a scene that lie over its image pixel by pixel, and what an error calls them."""


@dataclass(frozen=True)
class Scene:
    """A source image in the depth of its file, its labels and its field of view.

    Scenes are what sources load and what stays cached, so they are compact: 8-bit images and labels stay
    8-bit, and whole numbers 16-bit. Whoever needs numbers to compute with calls ``pixels``.

    Args:
        id: Name of the image in its dataset, the name that splits and tables use.
        image: ``[C, *space]``, 8-bit (0 to 255), or 16-bit or floating point in the dataset's own unit.
        mask: ``[*space]`` class index, or ``[K, *space]`` for K regions that may overlap.
        valid: ``[*space]``, False outside the field of view and where the label is to be ignored.
        second: The mask of a second human observer, where the dataset has one.
        instances: ``[*space]``, 0 for background, one number for each object, where objects are labelled singly.
        weight: ``[*space]``, how much each pixel counts in the loss; None where all count the same.
        corners: Where training patches may start, in pixels along each axis; None for anywhere.
        origin: The scene that this one was cut from, on whose intensity scale it is; None if it is whole.
        spacing: Millimetres per pixel along each axis of ``*space``; empty where nobody knows, and lengths are in
            pixels.
        geometry: How the scene lies in the file that it was read from; None if there is no such file, or if the scene
            has left its grid.

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
    corners: Int[Tensor, "n dims"] | None = None
    origin: "Scene | None" = None
    spacing: tuple[float, ...] = ()
    geometry: Geometry | None = None

    def __post_init__(self) -> None:
        for part, words in OVERLAYS.items():
            over = getattr(self, part)
            if over is not None and over.shape[-len(self.space) :] != self.space:
                raise SizeMismatchError(self.id, words, tuple(over.shape), self.space)

    @property
    def space(self) -> torch.Size:
        """The size of the image without its channels, ``[*space]``."""
        return self.image.shape[1:]

    def crop(self, name: str, corner: Sequence[int], size: Sequence[int]) -> "Scene":
        """The part of ``size`` pixels from ``corner`` on, which must lie inside, as a scene of this name."""
        window = (..., *(slice(first, first + side) for first, side in zip(corner, size, strict=True)))
        parts = {part: getattr(self, part) for part in ("image", *OVERLAYS)}
        cut = {part: whole[window] for part, whole in parts.items() if whole is not None}
        return replace(self, id=name, **cut, corners=None, origin=self.origin or self, geometry=None)


def pixels(
    image: UInt8[Tensor, "*shape"] | Int16[Tensor, "*shape"] | Float[Tensor, "*shape"],
) -> Float[Tensor, "*shape"]:
    """The intensities as float32: 8-bit ones divided by 255, others as they are."""
    return image.float() / 255 if image.dtype == torch.uint8 else image.float()
