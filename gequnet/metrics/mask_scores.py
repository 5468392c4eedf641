"""The scores of the test that do not follow from numbers of pixels."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gequnet.errors import ConfigError
from gequnet.metrics.cldice import cldice
from gequnet.metrics.instance_ap import INSTANCE_SCORES, instance_ap, instance_scores
from gequnet.metrics.surface_distances import hd95, surface_dice
from gequnet.metrics.v_info import v_info
from gequnet.metrics.v_rand import v_rand

PARTITION_SCORES = ("v_rand", "v_info")


class MaskScores:
    """Scores of the shapes in one image, of one class in one region; ``names`` says which, in their order.

    Args:
        instances: whether objects are scored one by one.
        tolerance: of surfaces, in the unit of the spacing; None leaves out all scores of surfaces.
        partition: whether the cells that a membrane keeps apart are scored.

    Example:
        >>> scores = MaskScores(instances=False, tolerance=1.0)
        >>> scores.check("left", instances=False, spacing=True)
        >>> scores.names
        ('cldice', 'hd95_mm', 'surface_dice')
    """

    def __init__(self, instances: bool, tolerance: float | None, partition: bool = False) -> None:
        self.instances, self.tolerance, self.partition = instances, tolerance, partition
        self.unit: str | None = None  # of lengths, once an image has said it

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the scores."""
        of_surfaces = () if self.tolerance is None else (f"hd95_{self.unit}", "surface_dice")
        of_objects = (INSTANCE_SCORES if self.instances else ()) + (PARTITION_SCORES if self.partition else ())
        return ("cldice", *of_objects, *of_surfaces)

    def check(self, image: str, instances: bool, spacing: bool) -> None:
        """Notes whether lengths are in mm, and refuses an image without what its scores need.

        Args:
            image: its name.
            instances: whether its objects are labelled singly.
            spacing: whether the size of its voxels is known.

        Raises:
            ConfigError: they should be and are not, or that of images before it was and its own is not.
        """
        if self.instances and not instances:
            raise ConfigError(
                f"data.instances=true says that objects are labelled singly, but in {image} they are not: set "
                "data.instances=false."
            )
        unit = "mm" if spacing else "px"
        if self.tolerance is not None and self.unit not in (None, unit):
            raise ConfigError(
                f"The spacing of some images is known and that of others is not, {image} is the first: lengths in mm "
                "and in pixels have no mean; set data.surface=false, or give all images a spacing."
            )
        self.unit = unit

    def __call__(
        self,
        preds: Bool[Tensor, "*space"],
        target: Bool[Tensor, "*space"],
        valid: Bool[Tensor, "*space"],
        objects: Int[Tensor, "*space"] | None,
        spacing: Float[Tensor, " dims"] | None,
    ) -> Float[Tensor, " score"]:
        """The scores, float32 on the CPU."""
        scores = [cldice(preds, target, valid).cpu().view(1)]
        if self.instances:
            assert objects is not None
            scores.append(instance_scores(instance_ap(preds, objects, valid)))
        if self.partition:
            scores += [v_rand(preds, target, valid).view(1), v_info(preds, target, valid).view(1)]
        if self.tolerance is not None:
            distance = hd95(preds, target, valid, spacing)
            scores.append(torch.stack([distance, surface_dice(preds, target, valid, spacing, self.tolerance)]))
        return torch.cat(scores).float()
