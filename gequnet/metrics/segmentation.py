"""The scores of a set of images: each image for itself, their means, and curves over the pixels of all."""

import warnings
from collections.abc import Sequence
from itertools import product
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection
from torchmetrics.utilities import dim_zero_cat

from gequnet.errors import ConfigError
from gequnet.heads import predicted_classes, probabilities, target_classes
from gequnet.metrics.auc import AREAS, pooled_areas
from gequnet.metrics.count_scores import COUNT_SCORES
from gequnet.metrics.counts import count
from gequnet.metrics.mask_scores import MaskScores
from gequnet.metrics.per_image_table import ScoreTable, encoded
from gequnet.metrics.scored_classes import ScoredClasses, Scores


class SegmentationMetrics(Metric):
    """Scores of thresholded predictions per image, then averaged over images, and curves pooled over pixels.

    ``dice iou accuracy sensitivity specificity precision balanced_accuracy cldice`` are computed for each image and
    foreground class, averaged over classes, then over images; ``roc_auc pr_auc`` are computed over the pixels of
    all images together, one class against the rest, then averaged over classes. With two or more foreground classes
    every score is there for each of them too, as ``dice/<class>``. Background is no class, under a softmax class 0 is
    left out; where it has a name, what follows from numbers of pixels is there for it too, ``dice/<background>`` beside
    ``dice/<class>``, and the means stay those of the foreground.

    With ``instances`` there are also the scores of objects, ``instance_ap instance_ap50 instance_ap75``: for each image
    average precision over overlaps from .5 to .95, at .5 and at .75, see [`gequnet.metrics.instance_ap`][].

    With ``surface`` there are also the scores of surfaces, ``hd95_mm surface_dice``, see
    [`gequnet.metrics.surface_distances`][]; where the spacing of voxels is not known, lengths are in pixels and the
    first is called ``hd95_px``.

    With ``partition`` there are also the scores of cells that a membrane keeps apart, ``v_rand v_info``, see
    [`gequnet.metrics.v_rand`][] and [`gequnet.metrics.v_info`][], and ``pixel_error``.

    With ``fov`` all of it is there twice, inside the field of view as ``dice_fov`` and over the whole image as
    ``dice_whole``, because the literature mixes the two. Else it is there once, inside ``valid``, as ``dice``.

    0/0 is 1 if no pixel is wrong and 0 else, see [`gequnet.metrics.counts`][]. Of several classes that exclude each
    other, one that an image neither has nor is said to have has no score there, see
    ``ScoreTable.without_absent``. What has no value is nan, left out of means, and warned about: an image without a
    valid pixel, a curve without foreground or without background.

    Under distributed data parallelism the scores are those of all ranks together. An image that a sampler repeats to
    make the ranks equal counts once in means; the pooled curves see its pixels again, unless ``repeated`` says so.

    Args:
        num_classes: the number K of logits.
        head: ``sigmoid`` or ``softmax``.
        class_names: one for each logit.
        fov: whether ``valid`` is a field of view, outside of which there are pixels and labels all the same.
        full: True for the test. False, for validation, leaves out what is slow (curves, clDice, objects,
            surfaces) and whatever lies outside ``valid``; its keys have no suffix.
        threshold: a sigmoid above it is foreground.
        curve_bins: None makes the curves exact and keeps all pixels, 5 bytes for each (of one class, in one region);
            a number, such as 1000, is that of their thresholds, in constant memory; see [`gequnet.metrics.auc`][].
        instances: whether the test images come with their objects labelled singly; for one foreground class only.
        surface: whether the test scores surfaces too.
        tolerance_mm: distance between surfaces that is no mistake, in mm.
        partition: whether the foreground is a membrane and the test scores the cells between; for one class only.
        background: name of what is not foreground, to have scores of its own; None for none.

    Raises:
        ConfigError: these do not fit together.

    Example:
        >>> metrics = SegmentationMetrics(1, "sigmoid", ["vessel"], fov=False, full=False)
        >>> mask = torch.tensor([[[1, 1], [0, 0]]])
        >>> metrics.update(4.0 * mask.unsqueeze(1) - 2, mask, torch.ones(1, 2, 2).bool(), ["left"])
        >>> metrics.compute()["dice"], metrics.per_image()[0]["id"]
        (1.0, 'left')
    """

    is_differentiable = False
    full_state_update = False

    counts: list[Tensor]
    slow: list[Tensor]
    ids: list[Tensor]

    def __init__(
        self,
        num_classes: int,
        head: str,
        class_names: Sequence[str],
        fov: bool,
        full: bool = True,
        threshold: float = 0.5,
        curve_bins: int | None = None,
        instances: bool = False,
        surface: bool = False,
        tolerance_mm: float = 1.0,
        partition: bool = False,
        background: str | None = None,
    ) -> None:
        super().__init__()
        self.classes = ScoredClasses(num_classes, head, class_names, background)
        if not 0 < threshold < 1:
            raise ConfigError(f"metrics.threshold={threshold} must lie between 0 and 1; 0.5 is the usual choice.")
        if instances and len(self.classes) > 1:
            raise ConfigError(
                f"data.instances=true is for one foreground class, and here are {len(self.classes)}: which class an "
                "object belongs to is not known; set data.instances=false."
            )
        if partition and len(self.classes) > 1:
            raise ConfigError(
                f"data.partition=true is for one foreground class, and here are {len(self.classes)}: which of them "
                "keeps the cells apart is not known; set data.partition=false."
            )
        self.head = head
        self.suffixes = ["_fov", "_whole"] if fov and full else [""]
        self.full = full
        self.threshold = threshold
        tolerance = float(tolerance_mm) if surface else None
        self.slow_scores = MaskScores(instances, tolerance, partition) if full else None
        left_out = () if full and partition else ("pixel_error",)
        self.of_counts = {name: score for name, score in COUNT_SCORES.items() if name not in left_out}
        # For each image: numbers of pixels [1, region, class, 4], scores that do not follow from them
        # [1, region, class, score], the bytes of its id.
        for state in ("counts", "slow", "ids"):
            self.add_state(state, default=[], dist_reduce_fx="cat")
        pairs = len(self.suffixes) * len(self.classes) if full else 0
        # A ModuleList, so that they move between devices with this one; it does not say what is in it.
        areas = nn.ModuleList(pooled_areas(curve_bins) for _ in range(pairs))
        self.areas = cast(Sequence[MetricCollection], areas)

    def update(
        self,
        logits: Float[Tensor, "b k *space"],
        mask: Int[Tensor, "b *space"] | Int[Tensor, "b k *space"],
        valid: Bool[Tensor, "b *space"],
        ids: Sequence[str],
        instances: Int[Tensor, "b *space"] | None = None,
        spacing: Float[Tensor, "b dims"] | None = None,
        repeated: Bool[Tensor, " b"] | None = None,
    ) -> None:
        """Adds the images of a batch.

        Args:
            logits: the network's output.
            mask: class indices, or K masks of 0 and 1.
            valid: the pixels that count.
            ids: the name of each image.
            instances: 0 for background, one number for each object; needed with ``instances`` in the test.
            spacing: length of a voxel along each axis in mm; None where it is not known. Used with ``surface``.
            repeated: the images that another rank adds as well; None for none of them.

        Raises:
            ConfigError: instances are needed and there are none, or the spacing of some images only is known.
        """
        if self.slow_scores:
            self.slow_scores.check(ids[0], instances is not None, spacing is not None)
        preds = probabilities(logits, self.head)
        labels = self.classes.masks(predicted_classes(preds, self.head, self.threshold))
        target = self.classes.masks(target_classes(logits, mask, self.head))
        extras = ([None] * len(ids) if extra is None else extra for extra in (instances, spacing, repeated))
        for image in zip(self.classes.foreground(preds), labels, target, valid, ids, *extras, strict=True):
            self._add(*image)

    def _add(
        self,
        preds: Float[Tensor, "c *space"],
        labels: Bool[Tensor, "scored *space"],
        target: Bool[Tensor, "scored *space"],
        valid: Bool[Tensor, "*space"],
        name: str,
        objects: Int[Tensor, "*space"] | None,
        spacing: Float[Tensor, " dims"] | None,
        repeated: Bool[Tensor, ""] | None,
    ) -> None:
        regions = torch.stack([valid, torch.ones_like(valid)][: len(self.suffixes)])
        counts = [torch.stack(count(labels, target, region), -1) for region in regions]
        self.counts.append(torch.stack(counts).unsqueeze(0))
        self.ids.append(encoded(name).to(preds.device))
        if self.slow_scores is None:
            return
        pairs = list(product(regions, range(len(preds))))
        slow = torch.stack([self.slow_scores(labels[c], target[c], region, objects, spacing) for region, c in pairs])
        self.slow.append(slow.to(preds.device).view(1, len(regions), len(preds), -1))
        for areas, (region, c) in zip(self.areas, pairs, strict=True):
            new = region if repeated is None else region & ~repeated
            areas.update(preds[c][new], target[c][new])

    def compute(self) -> Scores:
        """The means over images, and the pooled curves, of everything since the last reset."""
        table = self._table()
        if empty := table.without_pixels():
            _warn(f"No pixel is valid in {', '.join(empty)}: left out of the mean scores.")
        means: Scores = {}
        for score, values in table.scores.items():
            means |= self._spread(score, values)
        return means | self._pooled(table)

    def per_image(self) -> list[dict[str, str | float]]:
        """The scores of each image, with its ``id``: all but those of the pooled curves."""
        with self.sync_context():
            table = self._table()
        rows: list[dict[str, str | float]] = []
        for row, name in enumerate(table.ids):
            spread = [self._spread(score, values[row]) for score, values in table.scores.items()]
            rows.append({"id": name} | {key: value for part in spread for key, value in part.items()})
        return rows

    def reset(self) -> None:
        """Forgets all images."""
        super().reset()
        if self.slow_scores:
            self.slow_scores.unit = None
        for areas in self.areas:
            areas.reset()

    def _table(self) -> ScoreTable:
        others: dict[str, Tensor] = {}
        if self.slow_scores:
            others = dict(zip(self.slow_scores.names, dim_zero_cat(self.slow).cpu().unbind(-1), strict=True))
        table = ScoreTable.of(dim_zero_cat(self.ids).cpu(), dim_zero_cat(self.counts).cpu(), others, self.of_counts)
        several = self.head == "softmax" and len(self.classes) > 1
        return table.without_absent(len(self.classes)) if several else table

    def _pooled(self, table: ScoreTable) -> Scores:
        if not self.full:
            return {}
        defined = table.has_both()[:, : len(self.classes)]
        if not defined.all():
            _warn("A curve needs foreground and background: roc_auc and pr_auc leave out a class without both.")
        pairs = zip(self.areas, defined.flatten().tolist(), strict=True)
        values = [areas.compute() if both else dict.fromkeys(AREAS, torch.nan) for areas, both in pairs]
        pooled: Scores = {}
        for score in AREAS:
            of_pairs = torch.tensor([float(value[score]) for value in values], dtype=torch.float64)
            pooled |= self._spread(score, of_pairs.view_as(defined))
        return pooled

    def _spread(self, score: str, values: Float[Tensor, "*image region scored"]) -> Scores:
        spread: Scores = {}
        for suffix, of_classes in zip(self.suffixes, values.unbind(-2), strict=True):
            spread |= self.classes.spread(score + suffix, of_classes)
        return spread


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=3)
