"""Scores of surfaces: 95th percentile of the Hausdorff distance, and surface Dice; MONAI computes both."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.errors import ConfigError


class Bodies(NamedTuple):
    """A predicted and a true mask inside ``valid``, on the CPU, and the length of a voxel along each axis."""

    preds: Bool[Tensor, "*space"]
    target: Bool[Tensor, "*space"]
    spacing: list[float]

    @classmethod
    def of(
        cls,
        preds: Bool[Tensor, "*space"],
        target: Bool[Tensor, "*space"],
        valid: Bool[Tensor, "*space"] | None,
        spacing: Float[Tensor, " dims"] | Sequence[float] | None,
    ) -> "Bodies":
        """The masks inside ``valid``; without ``spacing`` lengths are in pixels.

        Raises:
            ConfigError: the spacing is not one positive length for each axis.
        """
        lengths = [1.0] * preds.ndim if spacing is None else [float(length) for length in spacing]
        if len(lengths) != preds.ndim or min(lengths) <= 0:
            raise ConfigError(
                f"spacing={lengths} does not fit a mask of shape {tuple(preds.shape)}: give the length of a voxel "
                f"along each of its {preds.ndim} axes, above 0."
            )
        if valid is not None:
            preds, target = preds & valid, target & valid
        return cls(preds.cpu(), target.cpu(), lengths)

    @property
    def diagonal(self) -> float:
        """The length of the image's diagonal."""
        sides = torch.tensor(self.preds.shape) * torch.tensor(self.spacing, dtype=torch.float64)
        return float(sides.norm())

    def score(self, monai: Callable[..., Tensor], **options: Any) -> Float[Tensor, ""]:
        """The value of a metric of MONAI for the two masks, neither of which may be empty."""
        masks = self.preds[None, None], self.target[None, None]
        with warnings.catch_warnings():
            # MONAI 1.6 uses a deprecated argument of its own
            warnings.filterwarnings("ignore", ".*always_return_as_numpy", FutureWarning)
            value = monai(*masks, include_background=True, spacing=self.spacing, **options)
        return value.squeeze().double()


def nothing_valid(valid: Bool[Tensor, "*space"] | None) -> bool:
    """True if no pixel is valid, so that no score is defined."""
    return valid is not None and not bool(valid.any())


PERCENTILE = 95


def hd95(
    preds: Bool[Tensor, "*space"],
    target: Bool[Tensor, "*space"],
    valid: Bool[Tensor, "*space"] | None = None,
    spacing: Float[Tensor, " dims"] | Sequence[float] | None = None,
) -> Float[Tensor, ""]:
    """95th percentile of the Hausdorff distance between two surfaces; lower is better.

    In each direction, the distances of the surface voxels to the nearest surface voxel of the other mask have a 95th
    percentile; the larger of the two is returned (tools that pool both directions first give less). A surface voxel
    lies in the mask and has a neighbour, across a face, that does not. Voxels beyond the image or outside ``valid`` are
    not in the mask. MONAI computes it.

    Two empty masks have distance 0. If only one mask is empty, the distance is the diagonal of the image, so that an
    empty prediction is no advantage, as in the BraTS challenge (373.13 mm there).

    Args:
        preds: predicted foreground, of two or three dimensions.
        target: true foreground.
        valid: the pixels that count; None: all of them.
        spacing: length of a voxel along each axis, in mm; None: 1 along each axis, lengths in pixels.

    Returns:
        The distance in float64, in the unit of ``spacing``; nan if no pixel is valid.

    Raises:
        ConfigError: the spacing does not fit.

    References:
        Menze et al.: The multimodal brain tumor image segmentation benchmark (BRATS), IEEE TMI 34 (2015).

    Example:
        >>> box = torch.zeros(9, 9, 9, dtype=torch.bool)
        >>> box[2:6, 2:6, 2:6] = True
        >>> hd95(box.roll(2, 0), box, spacing=[1.5, 1.0, 1.0])
        tensor(3., dtype=torch.float64)
    """
    if nothing_valid(valid):
        return torch.tensor(torch.nan, dtype=torch.float64)
    bodies = Bodies.of(preds, target, valid, spacing)
    has_preds, has_target = bool(bodies.preds.any()), bool(bodies.target.any())
    if not (has_preds and has_target):
        return torch.tensor(bodies.diagonal if has_preds or has_target else 0.0, dtype=torch.float64)
    from monai.metrics import compute_hausdorff_distance  # takes three seconds

    return bodies.score(compute_hausdorff_distance, percentile=PERCENTILE)


def surface_dice(
    preds: Bool[Tensor, "*space"],
    target: Bool[Tensor, "*space"],
    valid: Bool[Tensor, "*space"] | None = None,
    spacing: Float[Tensor, " dims"] | Sequence[float] | None = None,
    tolerance: float = 1.0,
) -> Float[Tensor, ""]:
    """Normalised surface Dice: the share of both surfaces that lies within a tolerance of the other one.

    With S the surfaces, |.| their area (in the plane their length), and d the distance to the other surface,
    ``(|S_preds, d <= tolerance| + |S_target, d <= tolerance|) / (|S_preds| + |S_target|)``. Elements of surface lie
    between voxels and have the area of marching cubes, as in Nikolov et al. and the Medical Segmentation Decathlon, so
    that a spacing that differs between axes is weighted correctly. MONAI computes it.

    Two empty masks score 1, one empty mask 0. Where ``valid`` cuts through a mask, the cut is a surface of both.

    Args:
        preds: predicted foreground, of two or three dimensions.
        target: true foreground.
        valid: the pixels that count; None: all of them.
        spacing: length of a voxel along each axis, in mm; None: 1 along each axis, lengths in pixels.
        tolerance: distance that is no mistake, in the unit of ``spacing``.

    Returns:
        The score in float64; nan if no pixel is valid.

    Raises:
        ConfigError: the tolerance is negative, or the spacing does not fit.

    References:
        Nikolov et al.: Deep learning to achieve clinically applicable segmentation of head and neck anatomy for
        radiotherapy (arXiv:1809.04430).

    Example:
        >>> box = torch.zeros(9, 9, 9, dtype=torch.bool)
        >>> box[2:6, 2:6, 2:6] = True
        >>> surface_dice(box.roll(1, 0), box), surface_dice(box.roll(1, 0), box, tolerance=0.5) < 1
        (tensor(1., dtype=torch.float64), tensor(True))
    """
    if not tolerance >= 0:
        raise ConfigError(f"scoring.tolerance_mm={tolerance} must be 0 or more: it is a distance.")
    if nothing_valid(valid):
        return torch.tensor(torch.nan, dtype=torch.float64)
    bodies = Bodies.of(preds, target, valid, spacing)
    if not (bodies.preds.any() and bodies.target.any()):
        return (bodies.preds == bodies.target).all().double()
    from monai.metrics import compute_surface_dice  # takes three seconds

    return bodies.score(compute_surface_dice, class_thresholds=[tolerance], use_subvoxels=True)
