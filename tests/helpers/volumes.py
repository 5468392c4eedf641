"""Sources of small synthetic volumes, for whole runs in three dimensions."""

from collections.abc import Mapping

import torch

from gequnet.data.scene import Scene
from gequnet.data.source import SPLITS, Source, Split


class Balls(Source):
    """Volumes of a bright ball in noise."""

    name = "balls"

    def __init__(self, size: int, num_images: Mapping[str, int]) -> None:
        self.size, self.num_images = size, num_images

    def ids(self, split: Split) -> list[str]:
        return [f"{split}-{index:03d}" for index in range(self.num_images[split])]

    def load(self, sample_id: str) -> Scene:
        split, _, index = sample_id.partition("-")
        draw = torch.Generator().manual_seed(100 * SPLITS.index(split) + int(index))  # type: ignore[arg-type]
        axis = torch.arange(self.size) - self.size / 2
        radius = axis.square().view(-1, 1, 1) + axis.square().view(-1, 1) + axis.square()
        ball = radius < (self.size / 3) ** 2
        image = ball + 0.3 * torch.randn(ball.shape, generator=draw)
        return Scene(sample_id, image.unsqueeze(0), ball.to(torch.uint8), torch.ones_like(ball))

    def check(self) -> None:
        pass


class Shells(Balls):
    """Volumes of three nested balls as overlapping regions, with anisotropic voxels."""

    name = "shells"

    def load(self, sample_id: str) -> Scene:
        scene = super().load(sample_id)
        axis = torch.arange(self.size) - self.size / 2
        radius = axis.square().view(-1, 1, 1) + axis.square().view(-1, 1) + axis.square()
        mask = torch.stack([radius < (self.size / share) ** 2 for share in (3, 4, 6)])
        image = mask.sum(0, keepdim=True) + 0.3 * scene.image
        return Scene(sample_id, image, mask.to(torch.uint8), scene.valid, spacing=(1.0, 1.0, 2.5))
