"""Mirrored borders for valid convolutions: the image is extended by the pixels that the network takes off.

Convolutions without padding make a map smaller, since pixels at the border lack neighbours. A U-Net of valid
convolutions gives logits for the centre of its input only. To get logits for a whole image, its input is the image
extended by mirror images, and no layer pads.

References:
    Ronneberger, Fischer and Brox, U-Net, arXiv:1505.04597, figures 1 and 2.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


def mirror_pad(x: Float[Tensor, "*channels_and_space"], margins: Sequence[tuple[int, int]]) -> Float[Tensor, "..."]:
    """Pad the last axes with mirror images that share the border pixel (NumPy's mode ``reflect``).

    Where a margin is longer than the image, the mirror image is mirrored again.

    Args:
        x: [*, *space].
        margins: pixels to add before and after, for each axis of space.

    >>> mirror_pad(torch.tensor([1.0, 2, 3]), [(5, 3)])
    tensor([2., 1., 2., 3., 2., 1., 2., 3., 2., 1., 2.])
    """
    for axis, (before, after) in enumerate(margins, start=-len(margins)):
        side = x.shape[axis]
        positions = torch.arange(-before, side + after, device=x.device)
        turn = max(side - 1, 1)  # an image of one pixel is its own mirror image
        x = x.index_select(axis, (turn - (positions % (2 * turn) - turn).abs()).clamp(max=side - 1))
    return x


@dataclass(frozen=True)
class MirroredFrame:
    """The mirrored frame around an image with which a U-Net of valid convolutions gives logits for the whole image.

    Every map that is halved has an even side, so that the same number of pixels is taken off at both ends. The side of
    the coarsest map determines all others.

    Args:
        halvings: number of times that the sides are halved.
        block: pixels that the convolutions of a level take off a side.
        halving: coarse pixels that one halving takes off in addition.
        doubling: fine pixels that one doubling takes off.

    >>> MirroredFrame(halvings=4, block=4).sides(388)
    (572, 388)
    """

    halvings: int
    block: int
    halving: int = 0
    doubling: int = 0

    def sides(self, side: int) -> tuple[int, int]:
        """Sides of the network's input and of its output for an output of at least ``side`` pixels."""
        scale = 2**self.halvings
        lost = (scale - 1) * (self.doubling + self.block)
        coarsest = math.ceil((side + lost) / scale)
        start = coarsest + self.block
        for _ in range(self.halvings):
            start = 2 * (start + self.halving) + self.block
        return start, coarsest * scale - lost

    def __call__(self, image: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c *framed"]:
        """The framed image; where the added pixels are odd in number, the far end gets one more."""
        added = [self.sides(side)[0] - side for side in image.shape[2:]]
        return mirror_pad(image, [(both // 2, both - both // 2) for both in added])
