"""Scores of the test that need the masks of an image."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gequnet.errors import ConfigError
from gequnet.metrics.instance_ap import object_overlaps
from gequnet.metrics.score_record import OBJECTS, Score


class MaskScores:
    """Scores of the masks of one image, of one class in one region.

    Args:
        scores: the records of scores that need masks or objects, in the order of the result.
        tolerance: distance between surfaces that is no mistake, in the unit of the spacing.

    Example:
        >>> from gequnet.metrics.scores import SCORES
        >>> scores = MaskScores([SCORES[name] for name in ("cldice", "hd95", "surface_dice")])
        >>> scores.check("left", instances=False, spacing=True)
        >>> scores.names
        ('cldice', 'hd95_mm', 'surface_dice')
    """

    def __init__(self, scores: Sequence[Score], tolerance: float = 1.0) -> None:
        self.scores, self.tolerance = tuple(scores), tolerance
        self.needs_objects = any(score.needs == OBJECTS for score in scores)
        self.needs_spacing = any("spacing" in score.needs for score in scores)
        self.unit: str | None = None  # of lengths; set by the first image

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the scores in ``metrics.json``, in their order."""
        return tuple(score.name_in(self.unit or "") for score in self.scores)

    def check(self, image: str, instances: bool, spacing: bool) -> None:
        """Set the unit of lengths, and refuse an image that lacks what its scores need.

        Args:
            image: its name.
            instances: True if it has a map of its objects.
            spacing: True if the length of its voxels is known.

        Raises:
            ConfigError: the map of objects is needed and missing, or the spacing is known for some images only.
        """
        if self.needs_objects and not instances:
            raise ConfigError(
                f"data.instances=true means that every object has a label of its own, but {image} has none: set "
                "data.instances=false."
            )
        unit = "mm" if spacing else "px"
        if self.needs_spacing and self.unit not in (None, unit):
            raise ConfigError(
                f"The spacing of some images is known and that of others is not, {image} is the first: lengths in mm "
                "and in pixels have no mean; set scoring.surface=false, or give all images a spacing."
            )
        self.unit = unit

    def __call__(
        self,
        preds: Bool[Tensor, "*space"],
        target: Bool[Tensor, "*space"],
        valid: Bool[Tensor, "*space"],
        instances: Int[Tensor, "*space"] | None,
        spacing: Float[Tensor, " dims"] | None,
    ) -> Float[Tensor, " score"]:
        """The scores, float32 on the CPU."""
        arguments: dict[str, Any] = {"preds": preds, "target": target, "valid": valid}
        arguments |= {"spacing": spacing, "tolerance": self.tolerance}
        if self.needs_objects:
            assert instances is not None
            arguments["objects"] = object_overlaps(preds, instances, valid)
        values = [_value(score, arguments) for score in self.scores]
        return torch.tensor(values, dtype=torch.float64).float()


def _value(score: Score, arguments: dict[str, Any]) -> float:
    assert score.function is not None
    return float(score.function(*(arguments[name] for name in score.needs)))
