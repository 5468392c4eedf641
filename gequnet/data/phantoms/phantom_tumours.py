"""Synthetic tumours in two and three dimensions, drawn at any magnification, without files."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64
from scipy.spatial import KDTree

from gequnet.data.phantoms.ellipsoids import Ellipsoids, draw_ellipsoids
from gequnet.data.phantoms.waves import draw_waves
from gequnet.data.scene import Scene
from gequnet.data.source import SPLITS, Source, Split
from gequnet.errors import ConfigError

MIN_SCALE = 0.5
"""Least magnification at which the scene fills the image."""

SPACING = {2: 18.0, 3: 16.0}
"""Side in pixels of the square or cube with one ellipsoid on average, by the number of dimensions."""

WAVES, LONGEST = 96, 48.0
"""Number of plane waves of the texture, and the greatest wavelength in pixels; the least is 5 pixels."""


@dataclass(frozen=True)
class _Phantom:
    """Random content of a phantom except the noise, in coordinates of space."""

    ellipsoids: Ellipsoids
    waves: tuple[Float64[np.ndarray, "waves dims"], Float64[np.ndarray, " waves"], Float64[np.ndarray, " waves"]]


def draw_tumour_phantom(
    seed: str | int,
    size: int,
    dims: int,
    scale: float = 1.0,
    noise: float = 0.02,
    radii: Sequence[float] = (4.0, 11.0),
    side: int | None = None,
) -> tuple[Float32[np.ndarray, "..."], Bool[np.ndarray, "..."]]:
    """Phantom of a seed, magnified ``scale`` times about its centre.

    A tumour is an ellipsoid with a bright rim and a darker inside; the rim is a fixed fraction of the radius. Plain
    blobs, hollow shells and long tubes have the same sizes and brightness and are not in the mask: only the proportions
    differ. Everything except the noise is a formula of space, evaluated at the pixel centres. So a magnified phantom is
    drawn without interpolation, and a reduced one shows more of the scene at its borders.

    Args:
        seed: Any text or number; a seed gives the same phantom on every machine.
        size: Side of the square or cube in pixels at magnification 1; another size gives another phantom.
        dims: Dimensions of space, 2 or 3.
        scale: Magnification, .5 or more.
        noise: Standard deviation of the noise, independent for each pixel at any magnification.
        radii: Least and greatest mean radius of a tumour at magnification 1, in pixels, uniform in the logarithm.
        side: Side of the image, in pixels; ``size`` if not given. The centre is the same for any side.

    Returns:
        Image ``[side, …]``, mostly within 0 and 1, and the mask: the pixels whose centre lies inside a tumour.

    Raises:
        ConfigError: If the image is larger than the scene.

    Example:
        >>> image, mask = draw_tumour_phantom(seed=1, size=32, dims=3, scale=1.5)
        >>> image.shape, mask.dtype
        ((32, 32, 32), dtype('bool'))
    """
    side = size if side is None else side
    if scale <= 0 or side / scale > size / MIN_SCALE:
        raise ConfigError(
            f"A phantom of size {size} does not fill {side} pixels at magnification {scale}: its scene has "
            f"{size / MIN_SCALE:g} pixels at magnification 1; increase the magnification."
        )
    phantom = _compose(seed, size, dims, radii)
    brightness, mask = draw_ellipsoids(phantom.ellipsoids.magnified(scale), side)
    frequencies, phases, amplitudes = phantom.waves
    texture = draw_waves(frequencies / scale, phases, amplitudes, side)
    grain = noise * _generator(f"noise/{seed}").standard_normal(mask.shape)
    return (0.4 + brightness + texture + grain).astype(np.float32), mask


def _generator(seed: str) -> np.random.Generator:
    digest = hashlib.blake2b(f"phantom_tumours/{seed}".encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def _compose(seed: str | int, size: int, dims: int, radii: Sequence[float]) -> _Phantom:
    rng = _generator(f"{dims}/{seed}")
    extent = size / MIN_SCALE / 2 + radii[1]
    solids, tubes = _solids(rng, extent, dims, radii), _tubes(rng, extent, dims)
    parts = ("centres", "frames", "core", "rim", "labelled")
    ellipsoids = Ellipsoids(*(np.concatenate([getattr(solids, part), getattr(tubes, part)]) for part in parts))
    return _Phantom(ellipsoids, _waves(rng, dims))


def _solids(rng: np.random.Generator, extent: float, dims: int, radii: Sequence[float]) -> Ellipsoids:
    """Tumours, blobs and shells without overlap: of two that would touch, the later one is left out."""
    count = round((2 * extent / SPACING[dims]) ** dims * 2)
    centres = extent * rng.uniform(-1, 1, (count, dims))
    size = radii[0] * (radii[1] / radii[0]) ** rng.uniform(0, 1, count)
    semi_axes = size[:, None] * rng.uniform(0.75, 1.3, (count, dims))
    kind, contrast, level = rng.uniform(0, 1, count), rng.uniform(0.8, 1.2, count), rng.uniform(0.2, 0.45, count)
    tumour, blob = kind < 0.4, kind > 0.7
    core = contrast * np.select([tumour, blob], [np.full(count, 0.18), level], 0.0)
    rim = contrast * np.select([tumour, blob], [np.full(count, 0.27), np.zeros(count)], 0.35)
    frames = _frames(rng, semi_axes)
    free = _non_overlapping(centres, semi_axes.max(1))
    return Ellipsoids(*(part[free] for part in (centres, frames, core, rim, tumour)))


def _non_overlapping(
    centres: Float64[np.ndarray, "n dims"], radii: Float64[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    """Mask of the balls that are kept if each must not touch an earlier kept ball."""
    near = KDTree(centres).query_pairs(2 * radii.max(initial=0), output_type="ndarray")
    distance = np.linalg.norm(centres[near[:, 0]] - centres[near[:, 1]], axis=1)
    touching = near[distance < radii[near].sum(1)]
    free = np.ones(len(centres), dtype=bool)
    for first, second in touching[np.argsort(touching[:, 0], kind="stable")].tolist():
        if free[first]:
            free[second] = False
    return free


def _tubes(rng: np.random.Generator, extent: float, dims: int) -> Ellipsoids:
    """Long thin ellipsoids that may cross all others; in three dimensions some are flat sheets."""
    count = round((2 * extent / SPACING[dims]) ** dims / 6)
    centres = extent * rng.uniform(-1, 1, (count, dims))
    semi_axes = rng.uniform(2, 3, (count, dims))
    semi_axes[:, 0] = rng.uniform(20, 40, count)
    if dims == 3:
        semi_axes[:, 1] = np.where(rng.uniform(0, 1, count) < 0.3, rng.uniform(10, 20, count), semi_axes[:, 1])
    level = rng.uniform(0.15, 0.35, count)
    none = np.zeros(count)
    return Ellipsoids(centres, _frames(rng, semi_axes), level, none, none.astype(bool))


def _frames(rng: np.random.Generator, semi_axes: Float64[np.ndarray, "n dims"]) -> Float64[np.ndarray, "n dims dims"]:
    """Frames of random orientation: random orthogonal matrices, rows divided by the semi-axes."""
    directions, _ = np.linalg.qr(rng.standard_normal((*semi_axes.shape, semi_axes.shape[1])))
    return directions / semi_axes[:, :, None]


def _waves(
    rng: np.random.Generator, dims: int
) -> tuple[Float64[np.ndarray, "waves dims"], Float64[np.ndarray, " waves"], Float64[np.ndarray, " waves"]]:
    """Texture without a typical size: waves with uniformly distributed log-length and direction."""
    bearing = rng.standard_normal((WAVES, dims))
    length = 5.0 * (LONGEST / 5.0) ** rng.uniform(0, 1, WAVES)
    frequencies = bearing / (np.linalg.norm(bearing, axis=1) * length)[:, None]
    # A wave of amplitude a has the variance a^2 / 2; the standard deviation of the sum is .05.
    return frequencies, rng.uniform(0, 2 * np.pi, WAVES), np.full(WAVES, 0.05 * np.sqrt(2 / WAVES))


class PhantomTumours(Source):
    """Dataset of tumour phantoms in two or three dimensions.

    The ids are ``train-000``, ``val-000``, …. An id is also the seed of its phantom. So the splits never share a
    phantom, and the dataset does not depend on the seed of the training run.

    Args:
        size: Side of an image or volume in pixels.
        dims: Dimensions of space, 2 or 3.
        num_images: Number of images of each split.
        noise: Standard deviation of the noise.
        radii: Least and greatest mean radius of a tumour, in pixels.
        scale: Magnification of every scene and of its side.

    Raises:
        ConfigError: If an argument is out of range.
    """

    name = "phantom_tumours"

    def __init__(
        self,
        size: int = 48,
        dims: int = 3,
        num_images: dict[Split, int] | None = None,
        noise: float = 0.02,
        radii: Sequence[float] = (4.0, 11.0),
        scale: float = 1.0,
    ) -> None:
        self.size, self.dims, self.noise, self.radii, self.scale = size, dims, noise, tuple(radii), scale
        self.num_images: dict[Split, int] = {"train": 32, "val": 4, "test": 12} if num_images is None else num_images
        if set(self.num_images) != set(SPLITS):
            raise ConfigError(f"data.source.num_images has {sorted(self.num_images)}; it needs train, val and test.")
        if dims not in SPACING:
            raise ConfigError(f"data.source.dims={dims} is no number of dimensions of a phantom; use 2 or 3.")
        if not (len(self.radii) == 2 and 0 < self.radii[0] <= self.radii[1]):
            raise ConfigError(f"data.source.radii={list(radii)} is no range of radii; give [least, greatest].")
        if size < 16 or scale <= 0:
            raise ConfigError(
                f"data.source.size={size} at data.source.scale={scale} is too small for a tumour; use a size of 16 or "
                "more and a scale above 0."
            )

    def ids(self, split: Split) -> list[str]:
        """Ids of a split: ``train-000``, ``train-001``, …."""
        return [f"{split}-{number:03d}" for number in range(self.num_images[split])]

    def load(self, sample_id: str) -> Scene:
        """Draw the phantom of this id."""
        side = round(self.size * self.scale)
        image, mask = draw_tumour_phantom(sample_id, self.size, self.dims, self.scale, self.noise, self.radii, side)
        labels = torch.from_numpy(mask)
        return Scene(sample_id, torch.from_numpy(image)[None], labels.to(torch.uint8), torch.ones_like(labels))

    def check(self) -> None:
        """Do nothing: there are no files."""

    def at_scale(self, factor: float) -> "PhantomTumours":
        """Phantoms of the same ids, drawn larger instead of resampled."""
        return PhantomTumours(self.size, self.dims, self.num_images, self.noise, self.radii, self.scale * factor)
