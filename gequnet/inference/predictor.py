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
    """A trained network, put to use: preprocessing of an image, the network, and what follows from its logits.

    Args:
        network: From images [B, C, *space] to logits [B, K, *space].
        preprocessing: Preprocessing, as the training had it.
        inference: How the network sees a whole image, ``inference(network, image)``.
        in_channels: C.
        class_names: One for each of the K logits.
        spatial_dims: 2 or 3.
        head: What the logits mean, ``sigmoid`` or ``softmax``.
        threshold: A sigmoid above it is foreground.
        window: Sides of the windows of ``inference``; None where it sees an image at once.
        overlap: Share of a window that it has in common with the next.
        recipe: The configuration of the run as plain values: for names and reports, not for what is computed.

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
        """Moves the network; images follow it, and results come back."""
        self.device = torch.device(device)
        self.network.to(self.device)
        return self

    @torch.inference_mode()
    def logits(self, image: Float[Tensor, "b c *space"]) -> Float[Tensor, "b k *space"]:
        """The logits of images that are ready, on the CPU."""
        return self.inference(self.network, image.to(self.device)).cpu()

    def probabilities(self, image: Image, spacing_mm: Sequence[float] | None = None) -> Float32[np.ndarray, "k *space"]:
        """The probability of each class at each pixel.

        Args:
            image: as of ``predict``.
            spacing_mm: as of ``predict``.

        Returns:
            [K, *space], on the grid of the image.
        """
        prepared = self.preprocessing(as_image(image, self.in_channels, self.spatial_dims), spacing_mm)
        seen = probabilities(self.logits(prepared.image[None]), self.head)[0]
        return prepared.restore(seen.numpy(), self.head)

    def predict(self, image: Image, spacing_mm: Sequence[float] | None = None) -> UInt8[np.ndarray, "..."]:
        """What is where on an image.

        Args:
            image: [H, W], [H, W, C] or [C, H, W] of a picture, 8-bit from 0 to 255, 16-bit from 0 to 65535 or floating
                point as it is; [X, Y, Z] or [C, X, Y, Z] of a volume, in its own unit, its axes to the patient's right,
                front and head if the network was trained on files that say so.
            spacing_mm: Millimetres per voxel along each axis; only a network that was trained on voxels of one size
                asks for it.

        Returns:
            Labels [*space]: of a softmax the index of a class, of one sigmoid 0 or 1. Of several sigmoids, one mask of
            0 and 1 for each region, [K, *space].

        Raises:
            ShapeError: The array is no image that the network takes.
            ConfigError: The voxels' size is asked for.
        """
        return self.decide(self.probabilities(image, spacing_mm))

    def decide(self, seen: Float32[np.ndarray, "k *space"]) -> UInt8[np.ndarray, "..."]:
        """Labels as ``predict`` returns them, of probabilities [K, *space]."""
        if self.head == "softmax":
            return seen.argmax(0).astype(np.uint8)
        found = predicted_classes(torch.from_numpy(seen)[None], self.head, self.threshold)[0].numpy().astype(np.uint8)
        return found[0] if self.num_classes == 1 else found
