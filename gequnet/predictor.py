"""A trained network as a function of images: arrays in, labels out."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from omegaconf import DictConfig
from torch import Tensor, nn

from gequnet.config.build import build
from gequnet.data.arrays import Image, as_image
from gequnet.data.intake import Intake, intake_of
from gequnet.heads import predicted_classes, probabilities
from gequnet.inference import whole
from gequnet.runs.run_folder import load_run, load_scale

Inference = Callable[[nn.Module, Tensor], Tensor]


class Predictor:
    """A finished run, put to use: what is done to an image before its network sees it, the network, and what follows.

    Everything is as the run's own configuration says it: how intensities are scaled, whether images are resized or
    resampled, whether the network sees all of an image at once, and above which probability something is there.

    Args:
        cfg: The configuration of the run.
        network: From images [B, C, *space] to logits [B, K, *space].
        intake: What makes an image ready.
        inference: How the network is asked about a whole image, ``inference(network, image)``.

    Example:
        net = gequnet.load("runs/drive/e2unet_c8/2026-01-31_12-00-00")
        mask = net.predict(skimage.io.imread("fundus.png"))
    """

    def __init__(self, cfg: DictConfig, network: nn.Module, intake: Intake, inference: Inference) -> None:
        self.cfg, self.network, self.intake, self.inference = cfg, network.eval(), intake, inference
        self.in_channels: int = cfg.data.in_channels
        self.num_classes: int = cfg.data.num_classes
        self.class_names: list[str] = list(cfg.data.class_names)
        self.spatial_dims: int = cfg.data.spatial_dims
        self.head: str = cfg.data.head
        self.threshold: float = cfg.metrics.threshold
        self.device = torch.device("cpu")

    @classmethod
    def of_run(cls, folder: str | Path) -> "Predictor":
        """The best checkpoint of a finished run, on the CPU.

        Raises:
            ConfigError: The folder is not that of a finished run.
        """
        cfg, network = load_run(folder)
        # The first runs could see an image whole only, and do not say so.
        inference = build(cfg.inference) if "inference" in cfg else whole
        return cls(cfg, network, intake_of(cfg.data, load_scale(folder)), inference)

    def __repr__(self) -> str:
        classes = ", ".join(self.class_names)
        return (
            f"Predictor({self.cfg.chosen.model}, group={self.cfg.chosen.group}, trained on {self.cfg.data.name}: "
            f"{self.in_channels} channels, {self.spatial_dims}-D -> {classes})"
        )

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
        prepared = self.intake(as_image(image, self.in_channels, self.spatial_dims), spacing_mm)
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
