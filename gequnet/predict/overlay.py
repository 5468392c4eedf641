"""A picture of what was found: the borders on the page, or the slice, that has most of it."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gequnet.data.formats.image_file import ImageFile
from gequnet.data.formats.volume_image import Volume
from gequnet.data.scene import pixels
from gequnet.heads import foreground_classes
from gequnet.inference.prediction import Prediction
from gequnet.inference.predictor import Predictor


class Overlay:
    """Keeps the page with the most foreground of all that it is offered, and draws it.

    Of a volume it is a slice: of one that lies in a patient an axial one, front up and right hand on the right, else a
    page of the file.

    Args:
        net: The network.
        image: The file.
    """

    def __init__(self, net: Predictor, image: ImageFile) -> None:
        self.net, self.image = net, image
        self.most = -1
        self.sample: dict[str, Any] = {}

    def offer(self, page: int, image: Tensor, answer: Prediction) -> None:
        """A page ``[C, *space]`` of the file and the answer about it.

        A place where several classes were found counts once.
        """
        found, probabilities = answer.labels.max(0) > 0, torch.from_numpy(answer.probabilities)
        amount = int(found.sum())
        if amount <= self.most:
            return
        self.most = amount
        self.sample = {"id": self.image.path.name, "image": pixels(image), "probabilities": probabilities}
        number, of = page, self.image.pages
        if self.net.spatial_dims == 3:
            axis = 3 if isinstance(self.image, Volume) else 1
            number, of = _fullest(found, axis - 1), found.shape[axis - 1]
            for part in ("image", "probabilities"):
                self.sample[part] = self.sample[part].select(axis, number)
                if axis == 3:
                    self.sample[part] = self.sample[part].transpose(-1, -2).flip(-2)
        self.sample["valid"] = torch.ones(self.sample["image"].shape[1:], dtype=torch.bool)
        if of > 1:
            self.sample["slice"] = torch.tensor([number + 1, of])
        if self.image.spacing_mm is not None:
            across = self.image.spacing_mm
            self.sample["spacing"] = torch.tensor(across[1::-1] if isinstance(self.image, Volume) else across[-2:])

    def draw(self, path: Path) -> None:
        """Draws what was kept."""
        from gequnet.figures import plot_contours  # matplotlib takes a second
        from gequnet.figures.views import name_of

        net = self.net
        names = [net.class_names[index] for index in foreground_classes(net.num_classes, net.head)]
        plot_contours([self.sample], [name_of(self.sample)], path, net.head, net.threshold, names)


def _fullest(found: np.ndarray, axis: int) -> int:
    """The slice across an axis in which most was found; of equals the one nearest to the middle."""
    others = tuple(other for other in range(found.ndim) if other != axis)
    amounts = found.sum(others)
    best = np.flatnonzero(amounts == amounts.max())
    return int(best[np.abs(best - (len(amounts) - 1) / 2).argmin()])
