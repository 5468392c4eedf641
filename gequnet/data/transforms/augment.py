"""Random changes to a training patch: the idea, and the exact one, flips and quarter turns."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor

from gequnet.data.transforms.patch import Patch, centre


class Augmentation(ABC):
    """A random change of a patch, a function of the patch and of the generator's state alone.

    It gets a patch of the size that ``needs`` asks for and returns one at least as large as was wanted; the
    pipeline cuts the middle. Labels stay class indices, and what comes from outside the picture is not valid.
    """

    def needs(self, size: Sequence[int]) -> list[int]:
        """The size of the window from which a patch of ``size`` can be made without empty corners."""
        return list(size)

    @abstractmethod
    def __call__(self, patch: Patch, size: Sequence[int], generator: torch.Generator) -> Patch:
        """The changed patch, of which the middle ``size`` is what is wanted."""


class Chain(Augmentation):
    """Augmentations one after the other; an empty chain changes nothing."""

    def __init__(self, steps: Sequence[Augmentation] = ()) -> None:
        self.steps = list(steps)

    def needs(self, size: Sequence[int]) -> list[int]:
        """What the first step needs so that every later one still has what it needs."""
        for step in reversed(self.steps):
            size = step.needs(size)
        return list(size)

    def __call__(self, patch: Patch, size: Sequence[int], generator: torch.Generator) -> Patch:
        """Each step in turn, then the middle."""
        wanted = [list(size)]
        for step in reversed(self.steps[1:]):
            wanted.insert(0, step.needs(wanted[0]))
        for step, after in zip(self.steps, wanted, strict=False):
            patch = step(patch, after, generator)
        return centre(patch, size)


class Flips(Augmentation):
    """Mirrors and quarter turns; no pixel is interpolated.

    Every axis is mirrored with probability one half; every plane whose two sides are equally long is
    transposed with probability one half. On a square that makes the eight elements of D4 equally likely; a
    patch that is not square keeps to its mirrors and half turns.

    Args:
        quarter_turns: False for mirrors only.
        axes: Those that may be mirrored, and exchanged with each other, counted from 0; None for all. A body has a left
            and a right that look alike, and a front and a back that do not.
    """

    def __init__(self, quarter_turns: bool = True, axes: Sequence[int] | None = None) -> None:
        self.quarter_turns, self.axes = quarter_turns, axes

    def __call__(self, patch: Patch, size: Sequence[int], generator: torch.Generator) -> Patch:
        """A mirrored and turned patch of the same pixels."""
        space = patch.valid.shape
        coins = torch.rand(len(space) + 3, generator=generator).tolist()
        free = range(len(space)) if self.axes is None else self.axes
        mirrored = [axis - len(space) for axis in range(len(space)) if coins.pop() < 0.5 and axis in free]
        planes = [
            (i - len(space), j - len(space))
            for i, j in combinations(free, 2)
            if self.quarter_turns and size[i] == size[j] and space[i] == space[j] and coins.pop() < 0.5
        ]

        def moved(part: Tensor) -> Tensor:
            for plane in planes:
                part = part.transpose(*plane)
            return part.flip(mirrored) if mirrored else part

        return patch.moved(moved)
