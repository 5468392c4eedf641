"""Drawn images of discs in noise."""

import torch

from gequnet.data import Scene, Source


class Discs(Source):
    """One disc in each image; the id of an image is the seed of its disc.

    Args:
        size: Side of the images in pixels.
        num_images: Number of images of each split.
        noise: Standard deviation of the noise; the disc is 1 and the background 0.
    """

    name = "discs"

    def __init__(self, size, num_images, noise):
        self.size, self.num_images, self.noise = size, num_images, noise

    def ids(self, split):
        """``train-0``, ``train-1``, …"""
        return [f"{split}-{number}" for number in range(self.num_images[split])]

    def load(self, sample_id):
        """The image of this id; the same at every call."""
        random = torch.Generator().manual_seed(int.from_bytes(sample_id.encode(), "big") % 2**63)
        row, column, radius = torch.rand(3, generator=random) * self.size / 4
        axis = torch.arange(self.size) - self.size / 2
        disc = (axis[:, None] - row) ** 2 + (axis - column) ** 2 <= (radius + 4) ** 2
        image = disc + self.noise * torch.randn(disc.shape, generator=random)
        return Scene(sample_id, image[None], mask=disc.to(torch.uint8), valid=torch.ones_like(disc))

    def check(self):
        """Nothing can be missing: there are no files. Otherwise raise ``gequnet.data.DataError``."""
