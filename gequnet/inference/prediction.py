"""What a network says about an image that is in memory, and the ways in which it can be asked."""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn

from gequnet.errors import ConfigError
from gequnet.heads import full_precision, probabilities
from gequnet.inference.predictor import Inference, Predictor
from gequnet.inference.sliding_window import sliding
from gequnet.inference.test_time_augmentation import Spread, orbit

WINDOWS = {2: 512, 3: 128}
"""Sides of windows for networks that see whole images, where an image is too large for that."""


@dataclass(frozen=True)
class PredictOptions:
    """How a network is asked.

    Args:
        tta: Group over whose orbit its answers are averaged; None for the image alone.
        window: Side of the windows; None for what the run says.
        overlap: Share that a window has in common with the next; None for what the run says, or a half.
        batch_size: Windows in one pass.
        half: Whether convolutions are computed in bfloat16.
        max_pixels: An image of more pixels is seen through windows and, where nothing of it has to be seen whole, read
            through them.

    Raises:
        ConfigError: There is no such window, overlap, batch or number.
    """

    tta: str | None = None
    window: int | None = None
    overlap: float | None = None
    batch_size: int = 1
    half: bool = False
    max_pixels: int = 2**24

    def __post_init__(self) -> None:
        for name, value in (("window", self.window), ("batch-size", self.batch_size), ("max-pixels", self.max_pixels)):
            if value is not None and value < 1:
                raise ConfigError(f"--{name} {value} is no number of pixels or windows: give 1 or more.")
        if self.overlap is not None and not 0 <= self.overlap < 1:
            raise ConfigError(f"--overlap {self.overlap} is no share of a window: give 0 or more, and less than 1.")


@dataclass(frozen=True)
class Prediction:
    """What was said about an image, or about a band of its rows.

    Args:
        labels: 0 and 1, or indices of classes, ``[1, *space]``; of overlapping regions a layer of 0 and 1 for each.
        probabilities: ``[K, *space]``, the mean over the orbit.
        uncertainty: Of each layer the standard deviation, over the orbit, of the probability of what was predicted
            there (of a sigmoid that of the class itself: of its absence it is the same), ``[layers, *space]``.
    """

    labels: UInt8[np.ndarray, "layers *space"]
    probabilities: Float32[np.ndarray, "classes *space"]
    uncertainty: Float32[np.ndarray, "layers *space"]

    @classmethod
    def of(
        cls,
        net: Predictor,
        mean: Float32[np.ndarray, "classes *space"],
        deviation: Float32[np.ndarray, "classes *space"],
    ) -> "Prediction":
        """The labels that follow from probabilities, and the deviations that belong to them."""
        labels = net.decide(mean)
        labels = labels[None] if labels.ndim < mean.ndim else labels
        of_labels = np.take_along_axis(deviation, labels.astype(np.intp), 0) if net.head == "softmax" else deviation
        return cls(labels, mean, of_labels)


class FrozenNet(nn.Module):
    """A network that learns nothing from what it is asked.

    Args:
        net: from [B, C, *space] to logits [B, K, *space].
        half: Whether convolutions are computed in bfloat16.
    """

    def __init__(self, net: nn.Module, half: bool) -> None:
        super().__init__()
        self.net, self.bfloat16_inside = net, half

    def forward(self, image: Float[Tensor, "b c *space"]) -> Float[Tensor, "b k *space"]:
        """Image to logits, which are float32."""
        with torch.inference_mode(), torch.autocast(image.device.type, torch.bfloat16, enabled=self.bfloat16_inside):
            return full_precision(self.net(image))


class ImagePredictor:
    """A network that is asked in one manner.

    Args:
        net: The network, on its device.
        manner: How it is asked.
    """

    def __init__(self, net: Predictor, manner: PredictOptions) -> None:
        self.net, self.manner = net, manner
        self.orbit = orbit(FrozenNet(net.network, manner.half), manner.tta, net.spatial_dims)
        self.slides = net.window is not None
        window = manner.window or net.window or WINDOWS[net.spatial_dims]
        self.window = [window] * net.spatial_dims if isinstance(window, int) else [int(side) for side in window]
        self.overlap = net.overlap if manner.overlap is None else manner.overlap

    @property
    def layers(self) -> int:
        """Layers of labels: one for each of several overlapping regions, else 1."""
        return self.net.num_classes if self.net.head == "sigmoid" else 1

    def inference(self, pixels: int) -> Inference:
        """How it is asked about an image of so many pixels: as the run says, unless they are too many at once."""
        if not self.slides and self.manner.window is None and pixels <= self.manner.max_pixels:
            return self.net.inference
        return partial(sliding, window=self.window, overlap=self.overlap, batch_size=self.manner.batch_size)

    def about(self, image: Tensor, spacing_mm: tuple[float, ...] | None = None) -> Prediction:
        """The answer about an image ``[C, *space]`` as its file has it."""
        prepared = self.net.preprocessing(image, spacing_mm)
        ask, spread = self.inference(math.prod(prepared.image.shape[1:])), Spread()
        ready = prepared.image[None].to(self.net.device)
        for network in self.orbit:
            spread.add(probabilities(ask(network, ready), self.net.head)[0].cpu())
        mean = prepared.restore(spread.mean.numpy(), self.net.head)
        return Prediction.of(self.net, mean, prepared.restore(spread.deviation.numpy(), "sigmoid"))

    def spread(self, logits: Float[Tensor, "1 gk *space"]) -> Spread:
        """Mean and deviation over the orbit of the logits that all of it has given, one after the other."""
        spread = Spread()
        for part in logits.chunk(len(self.orbit), dim=1):
            spread.add(probabilities(part, self.net.head)[0].cpu())
        return spread
