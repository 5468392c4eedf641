"""Normalisation of intensities, by a scale for each image or one for all images."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from gequnet.data.scene import Scene, pixels

Normalisation = Literal["range", "instance", "instance_nonzero", "full", "full_nonzero", "none"]
NORMALISATIONS: tuple[Normalisation, ...] = get_args(Normalisation)

CHUNK = 2**20
"""Intensities that are converted to double precision at once, since a volume in double may not fit into the memory."""


@dataclass(frozen=True)
class Scale:
    r"""The map :math:`v \mapsto (v - \mathrm{shift}) / \mathrm{unit}` of each channel of one scene.

    The scale is computed from the whole scene and used for each of its patches. So a patch has the same intensities as
    its image, and a change of colour by augmentation is not undone.
    """

    shift: Float[Tensor, " channels"]
    unit: Float[Tensor, " channels"]

    def __call__(self, image: Float[Tensor, "channels *space"]) -> Float[Tensor, "channels *space"]:
        """The normalised image."""
        per_channel = (-1, *(1,) * (image.dim() - 1))
        return (image - self.shift.view(per_channel)).div_(self.unit.view(per_channel))


def intensity_scale(scene: Scene, how: Normalisation) -> Scale:
    """The intensity scale of one scene, from its valid pixels alone.

    Intensities have any unit: a scene times a positive constant gives the same normalised image, except with ``none``.

    Args:
        scene: A whole image.
        how: ``instance`` makes the mean of each channel 0 and its standard deviation 1. ``instance_nonzero`` does so
            with the pixels that are not 0, such as those of a brain without its skull; the others are mapped by the
            same function, so the background stays darker than the brain. ``range`` makes the minimum 0 and the maximum
            1. ``none`` keeps the intensities (8-bit images have 0 to 1).

    Returns:
        The scale; a channel with one value only is shifted and not divided.
    """
    if how == "none":
        return Scale(torch.zeros(len(scene.image)), torch.ones(len(scene.image)))
    return scale_of_parts([scene], how)


def scale_of_parts(parts: Iterable[Scene], how: Normalisation) -> Scale:
    """The intensity scale of a scene in parts, or of several scenes together.

    Args:
        parts: At least one part, with all of its valid pixels. Each is read once and not kept.
        how: A rule as in ``intensity_scale``, except ``none``; ``full`` and ``full_nonzero`` are ``instance`` and
            ``instance_nonzero`` of all parts together.
    """
    return _range(parts) if how == "range" else pooled_scale(parts, nonzero=how.endswith("nonzero"))


def pooled_scale(scenes: Iterable[Scene], nonzero: bool) -> Scale:
    """The scale that makes mean and standard deviation of all valid pixels of all scenes 0 and 1.

    Each scene is read once and not kept. Sums are in double precision: intensities may be millions, or their squares
    too small for single precision.

    Args:
        scenes: At least one scene.
        nonzero: True to leave out pixels that are 0, in each channel by itself.
    """
    count, total, squares = (torch.zeros((), dtype=torch.float64) for _ in range(3))
    first: Tensor | None = None
    extremes = _Extremes()
    for values in _chunks(scenes):
        counted = values != 0 if nonzero else None
        extremes.add(values, counted)
        # Relative to a value of the data, so that a large mean does not hide a small deviation.
        first = values.mean(1, keepdim=True) if first is None else first
        rest = values - first if counted is None else (values - first).mul_(counted)
        count = count + (values.shape[1] if counted is None else counted.sum(1))
        total, squares = total + rest.sum(1), squares + rest.square_().sum(1)
    assert first is not None
    mean = total / count.clamp(min=1)
    deviation = (squares / count.clamp(min=1) - mean.square()).clamp(min=0).sqrt()
    return extremes.scale(first[:, 0] + mean, deviation)


def _range(parts: Iterable[Scene]) -> Scale:
    extremes = _Extremes()
    for values in _chunks(parts):
        extremes.add(values)
    return extremes.scale(extremes.low, extremes.high - extremes.low)


class _Extremes:
    """Smallest and largest counted value of each channel so far."""

    def __init__(self) -> None:
        self.low, self.high = (torch.tensor(end, dtype=torch.float64) for end in (math.inf, -math.inf))

    def add(self, values: Float64[Tensor, "channels n"], counted: Bool[Tensor, "channels n"] | None = None) -> None:
        """Add pixels; None counts them all."""
        self.low = torch.minimum(self.low, _counted(values, counted, math.inf).amin(1))
        self.high = torch.maximum(self.high, _counted(values, counted, -math.inf).amax(1))

    def scale(self, shift: Float64[Tensor, " channels"], unit: Float64[Tensor, " channels"]) -> Scale:
        """The scale; a channel with one value is only shifted, by this value, and one without a value stays."""
        shift = shift.where(self.low != self.high, self.low).where(self.low <= self.high, 0).float()
        unit = unit.float()
        # The deviation of the smallest numbers there are is 0 in single precision.
        return Scale(shift, unit.where((self.low < self.high) & (unit > 0), 1))


def _chunks(scenes: Iterable[Scene]) -> Iterator[Float64[Tensor, "channels n"]]:
    """The valid pixels of all scenes in double precision, a few rows at a time; all pixels of one without any."""
    for scene in scenes:
        valid = scene.valid if scene.valid.any() else ~scene.valid
        rows = max(1, CHUNK * len(valid) // max(1, scene.image.numel()))
        for image, inside in zip(scene.image.split(rows, 1), valid.split(rows), strict=True):
            if inside.any():
                values = pixels(image).flatten(1)
                # By number: a mask takes several times as long.
                yield (values if inside.all() else values[:, inside.flatten().nonzero()[:, 0]]).double()


def _counted(values: Tensor, counted: Tensor | None, otherwise: float) -> Tensor:
    return values if counted is None else values.where(counted, otherwise)
