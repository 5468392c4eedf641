"""One image at full resolution with everything that lies over it, as it is kept in memory."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from gequnet.data.errors import SizeMismatchError


@dataclass(frozen=True)
class Scene:
    """A source image in the depth of its file, its labels and its field of view.

    Scenes are what sources load and what stays cached, so they are compact: 8-bit images and labels stay
    8-bit. Whoever needs numbers to compute with calls ``pixels``.

    Args:
        id: Name of the image in its dataset, the name that splits and tables use.
        image: ``[C, *space]``, 8-bit (0 to 255) or floating point in the dataset's own unit.
        mask: ``[*space]`` class index, or ``[K, *space]`` for K regions that may overlap.
        valid: ``[*space]``, False outside the field of view and where the label is to be ignored.
        second: The mask of a second human observer, where the dataset has one.
        corners: Where training patches may start, in pixels along each axis; None for anywhere.

    Raises:
        SizeMismatchError: If the parts do not have the same ``*space``.
    """

    id: str
    image: UInt8[Tensor, "channels *space"] | Float[Tensor, "channels *space"]
    mask: UInt8[Tensor, "..."]
    valid: Bool[Tensor, "..."]
    second: UInt8[Tensor, "..."] | None = None
    corners: Int[Tensor, "n dims"] | None = None

    def __post_init__(self) -> None:
        for what, part in (("mask", self.mask), ("field of view", self.valid), ("second mask", self.second)):
            if part is not None and part.shape[-len(self.space) :] != self.space:
                raise SizeMismatchError(self.id, what, tuple(part.shape), self.space)

    @property
    def space(self) -> torch.Size:
        """The size of the image without its channels, ``[*space]``."""
        return self.image.shape[1:]


def pixels(image: UInt8[Tensor, "*shape"] | Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The intensities as float32: 8-bit ones divided by 255, others as they are."""
    return image.float() / 255 if image.dtype == torch.uint8 else image.float()
