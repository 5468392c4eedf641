"""Normalised surface Dice."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.errors import ConfigError
from gequnet.metrics.surfaces import Bodies, nothing_valid


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
        raise ConfigError(f"data.tolerance_mm={tolerance} must be 0 or more: it is a distance.")
    if nothing_valid(valid):
        return torch.tensor(torch.nan, dtype=torch.float64)
    bodies = Bodies.of(preds, target, valid, spacing)
    if not (bodies.preds.any() and bodies.target.any()):
        return (bodies.preds == bodies.target).all().double()
    from monai.metrics import compute_surface_dice  # takes three seconds

    return bodies.judged_by(compute_surface_dice, class_thresholds=[tolerance], use_subvoxels=True)
