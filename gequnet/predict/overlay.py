"""Contours of a prediction, drawn on the page or slice with the most foreground."""

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
    """Drawing of the page with the most foreground.

    Of a volume one slice is drawn. If its axes are those of a patient, it is an axial slice with the front up and the
    right hand on the right; else it is a page of the file.

    Args:
        net: The network.
        image: The file.
    """

    def __init__(self, net: Predictor, image: ImageFile) -> None:
        self.net, self.image = net, image
        self.most = -1
        self.sample: dict[str, Any] = {}

    def add(self, page: int, image: Tensor, prediction: Prediction) -> None:
        """Keep a page ``[C, *space]`` with its prediction if it has more foreground than the pages before.

        A pixel of several classes counts once.
        """
        foreground, probabilities = prediction.labels.max(0) > 0, torch.from_numpy(prediction.probabilities)
        amount = int(foreground.sum())
        if amount <= self.most:
            return
        self.most = amount
        scene = self.net.preprocessing.whole_scene(image)
        parts = {"image": pixels(scene.image), "valid": scene.valid[None], "probabilities": probabilities}
        self.sample = {"id": self.image.path.name, **parts}
        number, of = page, self.image.pages
        if self.net.spatial_dims == 3:
            axis = 3 if isinstance(self.image, Volume) else 1
            number, of = _fullest_slice(foreground, axis - 1), foreground.shape[axis - 1]
            for part in parts:
                self.sample[part] = self.sample[part].select(axis, number)
                if axis == 3:
                    self.sample[part] = self.sample[part].transpose(-1, -2).flip(-2)
        self.sample["valid"] = self.sample["valid"][0]
        if of > 1:
            self.sample["slice"] = torch.tensor([number + 1, of])
        if self.image.spacing_mm is not None:
            across = self.image.spacing_mm
            self.sample["spacing"] = torch.tensor(across[1::-1] if isinstance(self.image, Volume) else across[-2:])

    def draw(self, path: Path) -> None:
        """Draw the kept page."""
        from gequnet.figures import plot_contours  # imported late: matplotlib takes a second
        from gequnet.figures.views import sample_title

        net = self.net
        names = [net.class_names[index] for index in foreground_classes(net.num_classes, net.head)]
        plot_contours([self.sample], [sample_title(self.sample)], path, net.head, net.threshold, names)


def _fullest_slice(foreground: np.ndarray, axis: int) -> int:
    """Index of the slice along an axis with the most foreground; of equals the one nearest to the middle."""
    others = tuple(other for other in range(foreground.ndim) if other != axis)
    amounts = foreground.sum(others)
    best = np.flatnonzero(amounts == amounts.max())
    return int(best[np.abs(best - (len(amounts) - 1) / 2).argmin()])
