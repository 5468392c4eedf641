"""The mean of a network's answers about an image that is turned and mirrored."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Orbit(nn.Module):
    """The logits averaged over copies of the image, each turned back, see ``gequnet.nets.orbit_average``.

    Args:
        net: from [B, C, H, W] to [B, K, H, W].
        elements: of each copy how many quarter turns it is turned by, and whether it is turned upside down before.
    """

    def __init__(self, net: nn.Module, elements: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.net, self.elements = net, [tuple(element) for element in elements]

    def forward(self, image: Tensor) -> Tensor:
        """Image to logits."""
        total = torch.zeros((), dtype=image.dtype, device=image.device)
        for turns, flip in self.elements:
            seen = torch.rot90(image.flip(-2) if flip else image, turns, (-2, -1))
            back = torch.rot90(self.net(seen), -turns, (-2, -1))
            total = total + (back.flip(-2) if flip else back)
        return total / len(self.elements)
