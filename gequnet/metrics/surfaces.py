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
