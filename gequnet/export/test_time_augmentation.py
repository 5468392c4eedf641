"""Test-time augmentation as a plain layer: mean logits over rotated and mirrored copies of an image."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class PlainOrbitAverage(nn.Module):
    """Logits averaged over transformed copies of the image, see ``gequnet.inference.OrbitAverage``.

    Args:
        net: from [B, C, H, W] to [B, K, H, W].
        elements: for each copy the number of quarter turns, and 1 if it is flipped upside down before.
    """

    def __init__(self, net: nn.Module, elements: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.net, self.elements = net, [tuple(element) for element in elements]

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, H, W] -> logits [B, K, H, W]."""
        total = torch.zeros((), dtype=image.dtype, device=image.device)
        for turns, flip in self.elements:
            moved = torch.rot90(image.flip(-2) if flip else image, turns, (-2, -1))
            back = torch.rot90(self.net(moved), -turns, (-2, -1))
            total = total + (back.flip(-2) if flip else back)
        return total / len(self.elements)
