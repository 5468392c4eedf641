"""A tumour phantom without files, in two and three dimensions, drawn at any magnification."""

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
"""The least magnification at which the scene still fills the picture."""

SPACING = {2: 18.0, 3: 16.0}
"""Side of the square or cube that holds one thing on average, by the number of dimensions; in pixels."""

WAVES, LONGEST = 96, 48.0
"""Number of plane waves of the texture, and the longest of them; the shortest is 5 pixels long."""


@dataclass(frozen=True)
class _Phantom:
    """Everything of a phantom that is random but the noise, in coordinates of space."""

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
    """The phantom of this seed, drawn ``scale`` times as large about its centre.

    A tumour is an ellipsoid with a bright rim and a softer inside, the rim as thick as a fixed share of the radius.
    Beside it are plain blobs, hollow shells and long tubes, of the same sizes and as bright: only the proportions tell
    which is which. Everything but the noise, the texture too, is a formula of space that is evaluated at the pixel
    centres, so a magnified phantom is drawn and not interpolated, and what comes in from outside is more of the scene.

    Args:
        seed: Any text or number; the same seed is the same phantom on every machine.
        size: Side of the square or cube in pixels at magnification 1; another size is another phantom.
        dims: Dimensions of space, 2 or 3.
        scale: Magnification, .5 or more.
        noise: Standard deviation of the sensor's noise: of each pixel for itself, at any magnification.
        radii: Least and greatest mean radius of a tumour at magnification 1, in pixels, uniform in the logarithm.
        side: Side of what is drawn, in pixels; ``size`` if not given. Smaller and larger ones have the same centre.

    Returns:
        Image ``[side, …]``, mostly within 0 and 1, and the mask: the pixels whose centre lies inside a tumour.

    Raises:
        ConfigError: If the scene does not reach as far as is to be drawn.

    Example:
        >>> image, mask = draw(seed=1, size=32, dims=3, scale=1.5)
        >>> image.shape, mask.dtype
        ((32, 32, 32), dtype('bool'))
    """
    side = size if side is None else side
    if scale <= 0 or side / scale > size / MIN_SCALE:
        raise ConfigError(
            f"A phantom of size {size} has nothing to show on {side} pixels at magnification {scale}: it reaches "
            f"{size / MIN_SCALE:g} pixels at magnification 1; draw it larger."
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
    """Tumours, blobs and shells, alike but for what is inside; of two that would touch the later is left out."""
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
    """Which balls are left if each has to be clear of all those left before it."""
    near = KDTree(centres).query_pairs(2 * radii.max(initial=0), output_type="ndarray")
    distance = np.linalg.norm(centres[near[:, 0]] - centres[near[:, 1]], axis=1)
    touching = near[distance < radii[near].sum(1)]
    free = np.ones(len(centres), dtype=bool)
    for first, second in touching[np.argsort(touching[:, 0], kind="stable")].tolist():
        if free[first]:
            free[second] = False
    return free


def _tubes(rng: np.random.Generator, extent: float, dims: int) -> Ellipsoids:
    """Long thin things that run through everything; in three dimensions some are flat sheets."""
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
    """Frames of random orientation: orthogonal matrices whose rows are divided by the semi-axes."""
    directions, _ = np.linalg.qr(rng.standard_normal((*semi_axes.shape, semi_axes.shape[1])))
    return directions / semi_axes[:, :, None]


def _waves(
    rng: np.random.Generator, dims: int
) -> tuple[Float64[np.ndarray, "waves dims"], Float64[np.ndarray, " waves"], Float64[np.ndarray, " waves"]]:
    """Texture without a size of its own: waves of all lengths alike, in all directions."""
    bearing = rng.standard_normal((WAVES, dims))
    length = 5.0 * (LONGEST / 5.0) ** rng.uniform(0, 1, WAVES)
    frequencies = bearing / (np.linalg.norm(bearing, axis=1) * length)[:, None]
    # A wave of amplitude a has the variance a^2 / 2; together they deviate by .05.
    return frequencies, rng.uniform(0, 2 * np.pi, WAVES), np.full(WAVES, 0.05 * np.sqrt(2 / WAVES))


class PhantomTumours(Source):
    """Tumour phantoms, as many as asked for, in two or three dimensions.

    The ids are ``train-000``, ``val-000``, …; an id is also the seed of its phantom, so the splits never share one, and
    the set does not depend on the seed of the training run.

    Args:
        size: Side of a picture or volume in pixels.
        dims: Dimensions of space, 2 or 3.
        num_images: How many pictures each split has.
        noise: Standard deviation of the sensor's noise.
        radii: Least and greatest mean radius of a tumour, in pixels.
        scale: Every scene is drawn this many times as large, side and all.

    Raises:
        ConfigError: If the arguments describe no phantom.
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
            raise ConfigError(f"data.source.dims={dims} is no space that a phantom is drawn in; use 2 or 3.")
        if not (len(self.radii) == 2 and 0 < self.radii[0] <= self.radii[1]):
            raise ConfigError(f"data.source.radii={list(radii)} is no range of radii; give [least, greatest].")
        if size < 16 or scale <= 0:
            raise ConfigError(
                f"data.source.size={size} at data.source.scale={scale} is too small for a tumour; use a size of 16 or "
                "more and a scale above 0."
            )

    def ids(self, split: Split) -> list[str]:
        """The split's name with a number: ``train-000``, ``train-001``, …."""
        return [f"{split}-{number:03d}" for number in range(self.num_images[split])]

    def load(self, sample_id: str) -> Scene:
        """Draw the phantom of this id."""
        side = round(self.size * self.scale)
        image, mask = draw_tumour_phantom(sample_id, self.size, self.dims, self.scale, self.noise, self.radii, side)
        labels = torch.from_numpy(mask)
        return Scene(sample_id, torch.from_numpy(image)[None], labels.to(torch.uint8), torch.ones_like(labels))

    def check(self) -> None:
        """Nothing can be missing: there are no files."""

    def at_scale(self, factor: float) -> "PhantomTumours":
        """The same phantoms, drawn larger and not resampled."""
        return PhantomTumours(self.size, self.dims, self.num_images, self.noise, self.radii, self.scale * factor)
