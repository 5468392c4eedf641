"""What the two scores of surfaces share: the masks that MONAI is given, and how it is called."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.errors import ConfigError


class Bodies(NamedTuple):
    """A predicted and a true body inside ``valid``, on the CPU, and the lengths of a voxel along each axis."""

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
        """The bodies of masks; without ``spacing`` lengths are in pixels.

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

    def judged_by(self, monai: Callable[..., Tensor], **options: Any) -> Float[Tensor, ""]:
        """What a metric of MONAI's says of the two bodies, neither of which may be empty."""
        masks = self.preds[None, None], self.target[None, None]
        with warnings.catch_warnings():
            # an argument that MONAI 1.6 passes to itself
            warnings.filterwarnings("ignore", ".*always_return_as_numpy", FutureWarning)
            score = monai(*masks, include_background=True, spacing=self.spacing, **options)
        return score.squeeze().double()


def nothing_valid(valid: Bool[Tensor, "*space"] | None) -> bool:
    """Whether no pixel counts, and so no score is defined."""
    return valid is not None and not bool(valid.any())


PERCENTILE = 95


def hd95(
    preds: Bool[Tensor, "*space"],
    target: Bool[Tensor, "*space"],
    valid: Bool[Tensor, "*space"] | None = None,
    spacing: Float[Tensor, " dims"] | Sequence[float] | None = None,
) -> Float[Tensor, ""]:
    """How far apart two surfaces are, but for the worst twentieth of each; lower is better.

    The distance of each surface voxel to the nearest one of the other surface has a 95th percentile, in either
    direction; the larger of the two is returned (tools that pool both directions first say less). A surface voxel lies
    in the body and has a neighbour, across a face, that does not; what lies beyond the image, or outside ``valid``,
    does not. MONAI computes it.

    Two empty masks are 0 apart. Where one alone is empty there is no distance, and a network must not gain by
    predicting nothing: it is the diagonal of the image, as in the BraTS challenge (373.13 mm there).

    Args:
        preds: predicted foreground, of two or three dimensions.
        target: true foreground.
        valid: the pixels that count; None: all of them.
        spacing: length of a voxel along each axis, in mm; None: one each, lengths in pixels.

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
    found, wanted = bool(bodies.preds.any()), bool(bodies.target.any())
    if not (found and wanted):
        return torch.tensor(bodies.diagonal if found or wanted else 0.0, dtype=torch.float64)
    from monai.metrics import compute_hausdorff_distance  # takes three seconds

    return bodies.judged_by(compute_hausdorff_distance, percentile=PERCENTILE)


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
    between voxels and have the area that marching cubes gives them, as in Nikolov et al. and the Medical Segmentation
    Decathlon, so that spacing which differs between axes is weighed rightly. MONAI computes it.

    Two empty masks score 1, one empty mask 0. Where ``valid`` cuts through a body, the cut is a surface of both.

    Args:
        preds: predicted foreground, of two or three dimensions.
        target: true foreground.
        valid: the pixels that count; None: all of them.
        spacing: length of a voxel along each axis, in mm; None: one each, lengths in pixels.
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

    return bodies.judged_by(compute_surface_dice, class_thresholds=[tolerance], use_subvoxels=True)
