"""A trained network as a function of images: arrays in, labels out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn

from gequnet.data.formats.arrays import Image, as_image
from gequnet.data.preprocessing import Preprocessing
from gequnet.heads import predicted_classes, probabilities
from gequnet.inference.sliding_window import whole

Inference = Callable[[nn.Module, Tensor], Tensor]


class Predictor:
    """Trained network with its preprocessing, inference and threshold: from image arrays to labels.

    Args:
        network: From images [B, C, *space] to logits [B, K, *space].
        preprocessing: Preprocessing of the training.
        inference: Function ``inference(network, image)`` that computes the logits of a whole image.
        in_channels: Number of channels C.
        class_names: One name for each of the K logits.
        spatial_dims: 2 or 3.
        head: Meaning of the logits, ``sigmoid`` or ``softmax``.
        threshold: A sigmoid above it is foreground.
        window: Sides of the windows of ``inference``; None if it takes the image whole.
        overlap: Share of a window that it has in common with the next.
        recipe: Configuration of the run as plain values, for names and reports only. It does not change the results.

    Example:
        net = gequnet.load("runs/drive/e2unet_c8/2026-01-31_12-00-00")
        mask = net.predict(skimage.io.imread("fundus.png"))
    """

    def __init__(
        self,
        network: nn.Module,
        preprocessing: Preprocessing,
        inference: Inference = whole,
        *,
        in_channels: int,
        class_names: Sequence[str],
        spatial_dims: int,
        head: str,
        threshold: float = 0.5,
        window: int | Sequence[int] | None = None,
        overlap: float = 0.5,
        recipe: Mapping[str, Any] | None = None,
    ) -> None:
        self.network, self.preprocessing, self.inference = network.eval(), preprocessing, inference
        self.in_channels, self.class_names, self.num_classes = in_channels, list(class_names), len(class_names)
        self.spatial_dims, self.head, self.threshold = spatial_dims, head, threshold
        self.window, self.overlap = window, overlap
        self.recipe: Mapping[str, Any] = recipe or {}
        self.device = torch.device("cpu")

    def __repr__(self) -> str:
        chosen, data = self.recipe.get("chosen"), self.recipe.get("data")
        trained = f"{chosen['model']}, group={chosen['group']}, trained on {data['name']}" if chosen and data else ""
        name = trained or type(self.network).__name__
        return f"Predictor({name}: {self.in_channels} channels, {self.spatial_dims}-D -> {', '.join(self.class_names)})"

    def to(self, device: str | torch.device) -> "Predictor":
        """Move the network to a device. Images are moved there too, and results come back to the CPU."""
        self.device = torch.device(device)
        self.network.to(self.device)
        return self

    @torch.inference_mode()
    def logits(self, image: Float[Tensor, "b c *space"]) -> Float[Tensor, "b k *space"]:
        """Logits, on the CPU, of preprocessed images."""
        return self.inference(self.network, image.to(self.device)).cpu()

    def probabilities(self, image: Image, spacing_mm: Sequence[float] | None = None) -> Float32[np.ndarray, "k *space"]:
        """Probability of each class at each pixel.

        Args:
            image: See ``predict``.
            spacing_mm: See ``predict``.

        Returns:
            [K, *space], on the grid of the image.
        """
        prepared = self.preprocessing(as_image(image, self.in_channels, self.spatial_dims), spacing_mm)
        preds = probabilities(self.logits(prepared.image[None]), self.head)[0]
        return prepared.restore(preds.numpy(), self.head)

    def predict(self, image: Image, spacing_mm: Sequence[float] | None = None) -> UInt8[np.ndarray, "..."]:
        """Labels of an image.

        Args:
            image: A picture [H, W], [H, W, C] or [C, H, W]: 8-bit from 0 to 255, 16-bit from 0 to 65535, or floating
                point, which is not rescaled. Or a volume [X, Y, Z] or [C, X, Y, Z] in its own unit. Its axes point to
                the patient's right, front and head if the training files define these directions.
            spacing_mm: Millimetres per voxel along each axis; needed only by a network that was trained on voxels of
                one size.

        Returns:
            Labels [*space]: class indices of a softmax, 0 and 1 of one sigmoid. Of several sigmoids one mask of 0 and 1
            for each region, [K, *space].

        Raises:
            ShapeError: The array has a shape that the network does not take.
            ConfigError: ``spacing_mm`` is needed and missing.
        """
        return self.to_labels(self.probabilities(image, spacing_mm))

    def to_labels(self, preds: Float32[np.ndarray, "k *space"]) -> UInt8[np.ndarray, "..."]:
        """Labels, in the form that ``predict`` returns, from probabilities [K, *space]."""
        if self.head == "softmax":
            return preds.argmax(0).astype(np.uint8)
        masks = predicted_classes(torch.from_numpy(preds)[None], self.head, self.threshold)[0].numpy().astype(np.uint8)
        return masks[0] if self.num_classes == 1 else masks
