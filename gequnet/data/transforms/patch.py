"""Patches, and how they are cut out of a scene."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from gequnet.data.scene import Scene, pixels


@dataclass(frozen=True)
class Patch:
    """Image, labels and field of view of one window, which are transformed together.

    Args:
        image: ``[C, *space]``, intensities as ``pixels`` returns them, before normalisation.
        mask: ``[*space]`` or ``[K, *space]``, class indices.
        valid: ``[*space]``, False outside the field of view and outside the picture.
        weight: ``[*space]``, the weight of each pixel in the loss; None for equal weights.
        outside: ``[*space]``, True outside the field of view in the picture; None if there is no field of view.
    """

    image: Float[Tensor, "channels *space"]
    mask: UInt8[Tensor, "..."]
    valid: Bool[Tensor, "..."]
    weight: Float[Tensor, "..."] | None = None
    outside: Bool[Tensor, "..."] | None = None

    def moved(self, move: Callable[[Tensor], Tensor]) -> "Patch":
        """The patch with ``move``, a function on the last axes, applied to every part."""
        parts = (self.image, self.mask, self.valid, self.weight, self.outside)
        return Patch(*(None if part is None else move(part) for part in parts))  # type: ignore[arg-type]


def window(scene: Scene, corner: Sequence[int], size: Sequence[int]) -> Patch:
    """The patch of ``size`` pixels from ``corner`` on; outside the picture it is 0 and not valid."""
    image, mask, valid = (_cut(part, corner, size) for part in (scene.image, scene.mask, scene.valid))
    weight, outside = (None if part is None else _cut(part, corner, size) for part in (scene.weight, scene.outside))
    return Patch(pixels(image), mask, valid, weight, outside)


def centre(patch: Patch, size: Sequence[int]) -> Patch:
    """The middle of a patch, of ``size`` pixels."""
    corner = [(full - side) // 2 for full, side in zip(patch.valid.shape, size, strict=True)]
    return patch.moved(lambda part: _cut(part, corner, size))


def _cut(part: Tensor, corner: Sequence[int], size: Sequence[int]) -> Tensor:
    """A window of the last axes, zero outside the picture."""
    space = part.shape[-len(size) :]
    inside = tuple(slice(max(c, 0), max(c + s, 0)) for c, s in zip(corner, size, strict=True))
    piece = part[(..., *inside)]  # type: ignore[index]  # torch's stub forgets slices after an ellipsis
    missing = [
        (min(max(-c, 0), s), min(max(c + s - full, 0), s)) for c, s, full in zip(corner, size, space, strict=True)
    ]
    if not any(map(any, missing)):
        return piece
    return F.pad(piece, [amount for sides in reversed(missing) for amount in sides])


def full_patch(scene: Scene) -> Patch:
    """The whole scene as one patch."""
    return Patch(pixels(scene.image), scene.mask, scene.valid, scene.weight, scene.outside)


def draw_corner(
    scene: Scene,
    size: Sequence[int],
    generator: torch.Generator,
    min_valid: float = 0.5,
    foreground: float = 0.0,
) -> list[int]:
    """The corner of a random window that lies mostly inside the field of view.

    Windows are drawn uniformly until one has a share of at least ``min_valid`` valid pixels. After twenty draws the
    best one is taken, so a scene with a small field of view is slow and does not fail. A scene smaller than the window
    lies in the window's middle.

    If the scene has ``corners``, one of them is drawn uniformly, and ``foreground`` has no effect.

    Args:
        scene: Scene to cut from.
        size: Size of the window in pixels, one number per axis.
        generator: Random generator.
        min_valid: Minimum share of valid pixels in the window.
        foreground: Probability of a window whose middle is a labelled pixel (as near as the border allows).
    """
    wants_foreground = bool(torch.rand((), generator=generator) < foreground)
    best, best_share = [0] * len(size), -1.0
    for _ in range(20):
        corner = _listed_corner(scene, generator)
        corner = corner or (_foreground_corner(scene, size, generator) if wants_foreground else None)
        corner = corner or _uniform_corner(scene, size, generator)
        share = _cut(scene.valid, corner, size).float().mean().item()
        if share >= min_valid:
            return corner
        if share > best_share:
            best, best_share = corner, share
    return best


def _listed_corner(scene: Scene, generator: torch.Generator) -> list[int] | None:
    """One of the scene's own corners; None if it has no list of them."""
    if scene.corners is None:
        return None
    corner: list[int] = scene.corners[torch.randint(len(scene.corners), (), generator=generator)].tolist()
    return corner


def _uniform_corner(scene: Scene, size: Sequence[int], generator: torch.Generator) -> list[int]:
    corner = []
    for full, side in zip(scene.space, size, strict=True):
        room = full - side
        corner.append(int(torch.randint(room + 1, (), generator=generator)) if room > 0 else room // 2)
    return corner


def _foreground_corner(scene: Scene, size: Sequence[int], generator: torch.Generator) -> list[int] | None:
    """A window around the first labelled one of 2048 random pixels; None if none is labelled."""
    points = torch.stack([torch.randint(full, (2048,), generator=generator) for full in scene.space])
    hits = (scene.mask[(..., *points)].reshape(-1, 2048).amax(0) > 0).nonzero()
    if len(hits) == 0:
        return None
    middle = points[:, hits[0, 0]].tolist()
    return [
        min(max(m - side // 2, 0), full - side) if full > side else (full - side) // 2
        for m, side, full in zip(middle, size, scene.space, strict=True)
    ]
