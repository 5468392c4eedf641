"""Augmentations of a training patch: the base class, chains, and flips with quarter turns."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor

from gequnet.data.transforms.patch import Patch, centre


class Augmentation(ABC):
    """A random change of a patch, a function of the patch and of the generator's state alone.

    It takes a patch of the size that ``needs`` returns, and returns one at least as large as the wanted size; the
    pipeline cuts the middle. Labels stay class indices, and pixels from outside the picture are not valid.
    """

    def needs(self, size: Sequence[int]) -> list[int]:
        """The size of the input window for a patch of ``size`` without empty corners."""
        return list(size)

    @abstractmethod
    def __call__(self, patch: Patch, size: Sequence[int], generator: torch.Generator) -> Patch:
        """The changed patch. The caller uses its middle of ``size``."""


class Chain(Augmentation):
    """Chain of augmentations; an empty chain changes nothing."""

    def __init__(self, steps: Sequence[Augmentation] = ()) -> None:
        self.steps = list(steps)

    def needs(self, size: Sequence[int]) -> list[int]:
        """The size of the input of the first step, large enough for all later steps."""
        for step in reversed(self.steps):
            size = step.needs(size)
        return list(size)

    def __call__(self, patch: Patch, size: Sequence[int], generator: torch.Generator) -> Patch:
        """The patch after all steps, cut to its middle of ``size``."""
        wanted = [list(size)]
        for step in reversed(self.steps[1:]):
            wanted.insert(0, step.needs(wanted[0]))
        for step, after in zip(self.steps, wanted, strict=False):
            patch = step(patch, after, generator)
        return centre(patch, size)


class Flips(Augmentation):
    """Mirrors and quarter turns; no pixel is interpolated.

    Each axis is mirrored with probability one half. Each plane with two equal sides is transposed with probability one
    half. So all eight elements of D4 are equally likely for a square; other patches get mirrors and half turns only.

    Args:
        quarter_turns: False for mirrors only.
        axes: Axes that may be mirrored, and exchanged with each other, counted from 0; None for all. In a body, for
            example, left and right look alike, and front and back do not.
    """

    def __init__(self, quarter_turns: bool = True, axes: Sequence[int] | None = None) -> None:
        self.quarter_turns, self.axes = quarter_turns, axes

    def __call__(self, patch: Patch, size: Sequence[int], generator: torch.Generator) -> Patch:
        """The patch, mirrored and turned."""
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
