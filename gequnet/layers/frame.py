"""Borders for convolutions that make nothing up: an image mirrored outward by what they take away.

Convolutions without padding shrink a map, as pixels at the border have no neighbours to be computed from. A U-Net of
them gives an answer for the middle of what it was shown. To have one for a whole image it is shown the image with its
mirror images around, and no layer ever sees what is not there.

References:
    Ronneberger, Fischer and Brox, U-Net, arXiv:1505.04597, figures 1 and 2.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


def mirrored(x: Float[Tensor, "*channels_and_space"], margins: Sequence[tuple[int, int]]) -> Float[Tensor, "..."]:
    """Continues the last axes by mirror images, of which the pixel at the border is shared.

    Where a margin is longer than the image, the mirror image is mirrored again.

    Args:
        x: [*, *space].
        margins: for each axis of space the pixels to add before and after.

    >>> mirrored(torch.tensor([1.0, 2, 3]), [(5, 3)])
    tensor([2., 1., 2., 3., 2., 1., 2., 3., 2., 1., 2.])
    """
    for axis, (before, after) in enumerate(margins, start=-len(margins)):
        side = x.shape[axis]
        places = torch.arange(-before, side + after, device=x.device)
        turn = max(side - 1, 1)  # an image of one pixel is its own mirror image
        x = x.index_select(axis, (turn - (places % (2 * turn) - turn).abs()).clamp(max=side - 1))
    return x


@dataclass(frozen=True)
class MirroredFrame:
    """The frame around an image that a U-Net of valid convolutions needs to answer for all of it.

    Every map that is halved has an even side, so that pixels can be counted off from both ends in pairs. What there is
    to choose is the side of the coarsest map; all others follow from it.

    Args:
        halvings: how often the sides are halved.
        block: pixels that the convolutions of a level take from a side.
        halving: coarse pixels that halving takes, beyond half of them.
        doubling: fine pixels that doubling takes.

    >>> MirroredFrame(halvings=4, block=4).sides(388)
    (572, 388)
    """

    halvings: int
    block: int
    halving: int = 0
    doubling: int = 0

    def sides(self, side: int) -> tuple[int, int]:
        """From which side the network must start, and at which it ends, to answer for at least ``side`` pixels."""
        scale = 2**self.halvings
        lost = (scale - 1) * (self.doubling + self.block)
        coarsest = math.ceil((side + lost) / scale)
        start = coarsest + self.block
        for _ in range(self.halvings):
            start = 2 * (start + self.halving) + self.block
        return start, coarsest * scale - lost

    def __call__(self, image: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c *framed"]:
        """The image in its frame, which is wider by a pixel at the far end where the sum is odd."""
        added = [self.sides(side)[0] - side for side in image.shape[2:]]
        return mirrored(image, [(both // 2, both - both // 2) for both in added])
