"""Synthetic vessels: trees of curves on an uneven, noisy background with distractors, without files."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64

from gequnet.data.phantoms.vessel_drawing import draw_segments, draw_spots, rotation_matrix
from gequnet.data.phantoms.vessel_trees import Segments, grow_trees
from gequnet.data.phantoms.waves import draw_waves
from gequnet.data.scene import Scene
from gequnet.data.source import SPLITS, Source, Split
from gequnet.errors import ConfigError

WAVES = 384
"""Number of plane waves of the noise: enough for a nearly Gaussian distribution."""


@dataclass(frozen=True)
class _Phantom:
    """Random content of a phantom, in coordinates of the plane."""

    vessels: Segments
    spots: tuple[Float64[np.ndarray, "spots 2"], Float64[np.ndarray, " spots"], Float64[np.ndarray, " spots"]]
    waves: tuple[Float64[np.ndarray, "waves 2"], Float64[np.ndarray, " waves"], Float64[np.ndarray, " waves"]]


def draw_vessel_phantom(
    seed: str | int, size: int, rotation: float = 0.0, noise: float = 0.06
) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Phantom of a seed, rotated by ``rotation`` about its centre.

    Everything, including the noise, is a formula of the plane, evaluated at the pixel centres. So a rotated phantom is
    drawn without interpolation, and its corners show the scene there. Quarter turns equal ``rot90`` of the unrotated
    image up to rounding of the last bit of the noise; the mask is exactly equal.

    Args:
        seed: Any text or number; a seed gives the same phantom on every machine.
        size: Side of the square image in pixels.
        rotation: Angle in radians, counter-clockwise as in ``torch.rot90``.
        noise: Standard deviation of the fine noise; vessels are .1 to .4 darker than their surroundings.

    Returns:
        Image ``[size, size]``, mostly within 0 and 1, and the mask: the pixels whose centre lies inside a vessel.

    Example:
        >>> image, mask = draw_vessel_phantom(seed=1, size=64, rotation=0.5)
        >>> image.shape, mask.dtype
        ((64, 64), dtype('bool'))
    """
    phantom, turn = _compose(seed, size, noise), rotation_matrix(rotation)
    centres, radii, heights = phantom.spots
    frequencies, phases, amplitudes = phantom.waves
    darkness, depth = draw_segments(phantom.vessels.rotated(turn), size)
    background = draw_spots(centres @ turn.T, radii, heights, size)
    grain = draw_waves(frequencies @ turn.T, phases, amplitudes, size)
    return (0.6 + background - darkness + grain).astype(np.float32), depth >= 0


def _compose(seed: str | int, size: int, noise: float) -> _Phantom:
    digest = hashlib.blake2b(f"phantom_vessels/{seed}".encode(), digest_size=8).digest()
    rng = np.random.default_rng(int.from_bytes(digest, "big"))
    extent = size / np.sqrt(2)
    vessels = grow_trees(rng, extent, trees=max(2, round((size / 50) ** 2)))
    return _Phantom(vessels, _spots(rng, extent), _waves(rng, size, noise))


def _spots(
    rng: np.random.Generator, extent: float
) -> tuple[Float64[np.ndarray, "spots 2"], Float64[np.ndarray, " spots"], Float64[np.ndarray, " spots"]]:
    """Round distractors: dark spots as wide as a vessel, bright spots, and a few wide shadows."""
    count = max(4, round(extent**2 / 600))
    centres = extent * rng.uniform(-1, 1, (count, 2))
    radii = np.where(np.arange(count) < 3, rng.uniform(0.3, 0.6, count) * extent, rng.uniform(1.5, 6, count))
    heights = np.where(np.arange(count) < 3, rng.uniform(-0.15, 0.15, count), rng.uniform(-0.3, 0.3, count))
    return centres, radii, heights


def _waves(
    rng: np.random.Generator, size: int, noise: float
) -> tuple[Float64[np.ndarray, "waves 2"], Float64[np.ndarray, " waves"], Float64[np.ndarray, " waves"]]:
    """Fine noise, uniform over a disc of frequencies, and four long waves for an uneven illumination."""
    slow = np.arange(WAVES) < 4
    speed = np.where(slow, rng.uniform(0.3, 1.2, WAVES) / size, 0.45 * np.sqrt(rng.uniform(0.01, 1, WAVES)))
    bearing = rng.uniform(0, 2 * np.pi, WAVES)
    frequencies = speed[:, None] * np.stack([np.sin(bearing), np.cos(bearing)], 1)
    # A wave of amplitude a has the variance a^2 / 2.
    amplitudes = np.where(slow, 0.04, noise * np.sqrt(2 / WAVES))
    return frequencies, rng.uniform(0, 2 * np.pi, WAVES), amplitudes


class PhantomVessels(Source):
    """Dataset of vessel phantoms, for demos and for tests of rotation.

    The ids are ``train-000``, ``val-000``, …. An id is also the seed of its phantom. So the splits never share a
    phantom, and the dataset does not depend on the seed of the training run.

    Args:
        size: Side of the images in pixels.
        num_images: Number of images of each split.
        noise: Standard deviation of the fine noise.
        rotation: Angle of every scene, in radians.

    Raises:
        ConfigError: If a split is unknown or the images are too small for a vessel.
    """

    name = "phantom_vessels"

    def __init__(
        self,
        size: int = 160,
        num_images: dict[Split, int] | None = None,
        noise: float = 0.06,
        rotation: float = 0.0,
    ) -> None:
        self.size, self.noise, self.rotation = size, noise, rotation
        self.num_images = {"train": 48, "val": 8, "test": 16} if num_images is None else num_images
        if set(self.num_images) != set(SPLITS):
            raise ConfigError(f"data.source.num_images has {sorted(self.num_images)}; it needs train, val and test.")
        if size < 32:
            raise ConfigError(f"data.source.size={size} is too small for a vessel; use 32 or more.")

    def ids(self, split: Split) -> list[str]:
        """Ids of a split: ``train-000``, ``train-001``, …."""
        return [f"{split}-{number:03d}" for number in range(self.num_images[split])]

    def load(self, sample_id: str) -> Scene:
        """Draw the phantom of this id."""
        image, mask = draw_vessel_phantom(sample_id, self.size, self.rotation, self.noise)
        labels = torch.from_numpy(mask)
        return Scene(sample_id, torch.from_numpy(image)[None], labels.to(torch.uint8), torch.ones_like(labels))

    def check(self) -> None:
        """Do nothing: there are no files."""
