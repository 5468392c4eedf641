"""Prediction for one image in memory, and its options."""

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8
from torch import Tensor, nn

from gequnet.errors import ConfigError
from gequnet.heads import full_precision, probabilities
from gequnet.inference.predictor import Inference, Predictor
from gequnet.inference.sliding_window import sliding
from gequnet.inference.test_time_augmentation import RunningMeanAndDeviation, orbit_networks

DEFAULT_WINDOWS = {2: 512, 3: 128}
"""Sides of the windows, by spatial dimensions, for a network without windows of its own and an image that is too
large to be predicted whole."""


@dataclass(frozen=True)
class PredictOptions:
    """Options of a prediction.

    Args:
        tta: Group for test-time augmentation, the mean over the orbit; None for the image alone.
        window: Side of the windows; None for the window of the run.
        overlap: Share that a window has in common with the next; None for the overlap of the run, or 0.5.
        batch_size: Windows in one pass.
        half: True to compute convolutions in bfloat16.
        max_pixels: An image with more pixels is predicted in windows. It is also read in windows, if the preprocessing
            does not need the whole image.
        field_of_view: True to make everything background outside of the estimated field of view, for a network that was
            trained on fundus photographs.

    Raises:
        ConfigError: ``window``, ``overlap``, ``batch_size`` or ``max_pixels`` is out of range.
    """

    tta: str | None = None
    window: int | None = None
    overlap: float | None = None
    batch_size: int = 1
    half: bool = False
    max_pixels: int = 2**24
    field_of_view: bool = True

    def __post_init__(self) -> None:
        for name, value in (("window", self.window), ("batch-size", self.batch_size), ("max-pixels", self.max_pixels)):
            if value is not None and value < 1:
                raise ConfigError(f"--{name} {value} is not a number of pixels or windows: give 1 or more.")
        if self.overlap is not None and not 0 <= self.overlap < 1:
            raise ConfigError(f"--overlap {self.overlap} is not a share of a window: give 0 or more, and less than 1.")


@dataclass(frozen=True)
class Prediction:
    """Labels, probabilities and uncertainty of an image, or of a band of its rows.

    Args:
        labels: 0 and 1, or indices of classes, ``[1, *space]``. Overlapping regions have one layer of 0 and 1 each.
        probabilities: ``[K, *space]``, the mean over the orbit.
        uncertainty: Standard deviation over the orbit, ``[layers, *space]``. Softmax: of the probability of the
            predicted class. Sigmoid: of the probability of the class (that of its absence has the same deviation).
        missing: Number of pixels without a value, which are background.
    """

    labels: UInt8[np.ndarray, "layers *space"]
    probabilities: Float32[np.ndarray, "classes *space"]
    uncertainty: Float32[np.ndarray, "layers *space"]
    missing: int = 0

    @classmethod
    def from_probabilities(
        cls,
        net: Predictor,
        mean: Float32[np.ndarray, "classes *space"],
        deviation: Float32[np.ndarray, "classes *space"],
        measured: Bool[Tensor, "*space"] | None = None,
    ) -> "Prediction":
        """Labels from the mean probabilities, with the deviation of the predicted class.

        Args:
            net: The network.
            mean: Mean probabilities; changed in place where a pixel has no value.
            deviation: Their deviation; changed like ``mean``.
            measured: True where a pixel has a value; None if all have one.
        """
        missing = 0
        if measured is not None:
            clear_outside(mean, deviation, measured.numpy(), net.head)
            missing = int((~measured).sum())
        labels = net.to_labels(mean)
        labels = labels[None] if labels.ndim < mean.ndim else labels
        uncertainty = np.take_along_axis(deviation, labels.astype(np.intp), 0) if net.head == "softmax" else deviation
        return cls(labels, mean, uncertainty, missing)


def clear_outside(
    mean: Float32[np.ndarray, "classes *space"],
    deviation: Float32[np.ndarray, "classes *space"],
    inside: Bool[np.ndarray, "*space"],
    head: str,
) -> None:
    """Make probabilities those of certain background where ``inside`` is False, in place."""
    mean[:, ~inside] = deviation[:, ~inside] = 0
    if head == "softmax":
        mean[0, ~inside] = 1


class FrozenNet(nn.Module):
    """A network in inference mode, without gradients.

    Args:
        net: from [B, C, *space] to logits [B, K, *space].
        half: True to compute convolutions in bfloat16.
    """

    def __init__(self, net: nn.Module, half: bool) -> None:
        super().__init__()
        self.net, self.bfloat16_inside = net, half

    def forward(self, image: Float[Tensor, "b c *space"]) -> Float[Tensor, "b k *space"]:
        """Image to logits in float32."""
        with torch.inference_mode(), torch.autocast(image.device.type, torch.bfloat16, enabled=self.bfloat16_inside):
            return full_precision(self.net(image))


class ImagePredictor:
    """Prediction of images with fixed options: windows, test-time augmentation, precision.

    Args:
        net: The network, on its device.
        options: Options of the prediction.
    """

    def __init__(self, net: Predictor, options: PredictOptions) -> None:
        self.net, self.options = net, options
        # Readers of pictures have made nodata values nan already, in the numbers of the file.
        self.preprocessing = replace(net.preprocessing, nodata=()) if net.spatial_dims == 2 else net.preprocessing
        self.orbit = orbit_networks(FrozenNet(net.network, options.half), options.tta, net.spatial_dims)
        window = options.window or net.window or DEFAULT_WINDOWS[net.spatial_dims]
        self.window = [window] * net.spatial_dims if isinstance(window, int) else [int(side) for side in window]
        self.overlap = net.overlap if options.overlap is None else options.overlap

    @property
    def layers(self) -> int:
        """Number of label layers: one for each overlapping region, else 1."""
        return self.net.num_classes if self.net.head == "sigmoid" else 1

    def inference(self, pixels: int) -> Inference:
        """Inference function for an image with ``pixels`` pixels: that of the run, or windows if it is too large."""
        takes_whole = self.net.window is None and self.options.window is None
        if takes_whole and pixels <= self.options.max_pixels:
            return self.net.inference
        return partial(sliding, window=self.window, overlap=self.overlap, batch_size=self.options.batch_size)

    def predict(
        self, image: Tensor, spacing_mm: tuple[float, ...] | None = None, name: str = "The image"
    ) -> Prediction:
        """Prediction for an image ``[C, *space]`` with the intensities of its file; ``name`` is for errors."""
        prepared = self.preprocessing(image, spacing_mm, name)
        inference, statistics = self.inference(math.prod(prepared.image.shape[1:])), RunningMeanAndDeviation()
        batch = prepared.image[None].to(self.net.device)
        for network in self.orbit:
            statistics.add(probabilities(inference(network, batch), self.net.head)[0].cpu())
        mean = prepared.restore(statistics.mean.numpy(), self.net.head)
        deviation = prepared.restore(statistics.deviation.numpy(), "sigmoid")
        if self.options.field_of_view and prepared.field is not None:
            clear_outside(mean, deviation, prepared.field.numpy(), self.net.head)
        return Prediction.from_probabilities(self.net, mean, deviation, self.preprocessing.measured(image))

    def orbit_statistics(self, logits: Float[Tensor, "1 gk *space"]) -> RunningMeanAndDeviation:
        """Mean and deviation of the probabilities over the orbit, from logits that are concatenated along channels."""
        statistics = RunningMeanAndDeviation()
        for part in logits.chunk(len(self.orbit), dim=1):
            statistics.add(probabilities(part, self.net.head)[0].cpu())
        return statistics
