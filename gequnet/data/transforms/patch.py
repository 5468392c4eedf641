"""A piece of a scene on its way to the network, and how it is cut out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from gequnet.data.scene import Scene, pixels


@dataclass(frozen=True)
class Patch:
    """Image, labels and field of view of one window; they go through every transformation together.

    Args:
        image: ``[C, *space]``, intensities as ``pixels`` gives them until they are normalised.
        mask: ``[*space]`` or ``[K, *space]``, class indices.
        valid: ``[*space]``, False where nothing is known: outside the field of view and outside the picture.
        weight: ``[*space]``, how much each pixel counts in the loss; None where all count the same.
    """

    image: Float[Tensor, "channels *space"]
    mask: UInt8[Tensor, "..."]
    valid: Bool[Tensor, "..."]
    weight: Float[Tensor, "..."] | None = None

    def moved(self, move: Callable[[Tensor], Tensor]) -> "Patch":
        """Every part, moved in the same way over the last axes."""
        weight = None if self.weight is None else move(self.weight)
        return Patch(move(self.image), move(self.mask), move(self.valid), weight)


def window(scene: Scene, corner: Sequence[int], size: Sequence[int]) -> Patch:
    """The window of ``size`` pixels from ``corner`` on; outside the picture it is 0 and not valid."""
    weight = None if scene.weight is None else _cut(scene.weight, corner, size)
    image, mask, valid = (_cut(part, corner, size) for part in (scene.image, scene.mask, scene.valid))
    return Patch(pixels(image), mask, valid, weight)


def centre(patch: Patch, size: Sequence[int]) -> Patch:
    """The middle of a patch."""
    corner = [(full - side) // 2 for full, side in zip(patch.valid.shape, size, strict=True)]
    return patch.moved(lambda part: _cut(part, corner, size))


def _cut(part: Tensor, corner: Sequence[int], size: Sequence[int]) -> Tensor:
    """A window of the last axes, zero where it leaves the picture."""
    space = part.shape[-len(size) :]
    inside = tuple(slice(max(c, 0), max(c + s, 0)) for c, s in zip(corner, size, strict=True))
    piece = part[(..., *inside)]  # type: ignore[index]  # torch's stub forgets slices after an ellipsis
    missing = [
        (min(max(-c, 0), s), min(max(c + s - full, 0), s)) for c, s, full in zip(corner, size, space, strict=True)
    ]
    if not any(map(any, missing)):
        return piece
    return F.pad(piece, [amount for sides in reversed(missing) for amount in sides])


def whole(scene: Scene) -> Patch:
    """The scene as one patch."""
    return Patch(pixels(scene.image), scene.mask, scene.valid, scene.weight)


def draw_corner(
    scene: Scene,
    size: Sequence[int],
    generator: torch.Generator,
    min_valid: float = 0.5,
    foreground: float = 0.0,
) -> list[int]:
    """The corner of a random window that lies mostly inside the field of view.

    Windows are drawn uniformly until one has at least ``min_valid`` of its pixels valid; after twenty
    refusals the best of them is taken, so a scene that is nearly all border costs time but stops nothing. A
    scene smaller than the window lies in the window's middle.

    Where the scene says at which ``corners`` windows may start, one of these is drawn, all alike: then there is no
    choosing by ``foreground``.

    Args:
        scene: Where to cut.
        size: Size of the window in pixels, one number per axis.
        generator: Source of the randomness.
        min_valid: Share of the window that has to be valid.
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
    """One of the scene's own corners; None if it does not list any."""
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
    """A window around the first labelled of 2048 random pixels; None if there is none among them."""
    points = torch.stack([torch.randint(full, (2048,), generator=generator) for full in scene.space])
    hits = (scene.mask[(..., *points)].reshape(-1, 2048).amax(0) > 0).nonzero()
    if len(hits) == 0:
        return None
    middle = points[:, hits[0, 0]].tolist()
    return [
        min(max(m - side // 2, 0), full - side) if full > side else (full - side) // 2
        for m, side, full in zip(middle, size, scene.space, strict=True)
    ]
