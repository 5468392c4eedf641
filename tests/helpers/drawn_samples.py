"""Samples for figures, and a recorder of the figures made from them."""

import numpy as np
import torch

SPACE = (24, 20)


def sample(channels=1, classes=1, overlapping=False, space=SPACE, name="image-1"):
    generator = torch.Generator().manual_seed(0)
    preds = torch.rand(classes, *space, generator=generator)
    shape = (classes, *space) if overlapping else space
    return {
        "image": torch.randn(channels, *space, generator=generator),
        "mask": torch.randint(0, 2 if overlapping or classes == 1 else classes, shape, generator=generator),
        "valid": torch.rand(space, generator=generator) < 0.7,
        "probabilities": preds if overlapping or classes == 1 else preds / preds.sum(0),
        "id": name,
    }


class Recorded:
    """Recorder of the figure that a module saves."""

    def __init__(self, monkeypatch, module):
        monkeypatch.setattr(module, "save", lambda figure, out: setattr(self, "figure", figure))

    def pictures(self):
        return [np.asarray(axes.images[0].get_array()) for axes in self.figure.axes]
