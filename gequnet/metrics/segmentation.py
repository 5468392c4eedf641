"""Scores of a set of images: of each image, their means, and curves over the pixels of all."""

import warnings
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection
from torchmetrics.utilities import dim_zero_cat

from gequnet.errors import ConfigError
from gequnet.heads import background_outside, log_odds, predicted_classes, probabilities, target_classes
from gequnet.metrics.auc import pooled_areas
from gequnet.metrics.counts import count
from gequnet.metrics.mask_scores import MaskScores
from gequnet.metrics.per_image_table import ScoreTable, encoded
from gequnet.metrics.scored_classes import ScoredClasses, Scores
from gequnet.metrics.scores import REGIONS, with_extra_scores

NAMED = 5  # images that a warning names; it counts the others


class Scored(NamedTuple):
    """A region of images, and the predictions that are scored there; of a batch, or of one of its images.

    Args:
        region: ``[b, *space]``, the pixels of the region.
        labels: ``[b, scored, *space]``, the thresholded predictions.
        odds: ``[b, classes, *space]``, log odds of the foreground; None without pooled curves.
        finite: ``[b, *space]``, True where the logits are finite.
    """

    region: Bool[Tensor, "..."]
    labels: Bool[Tensor, "..."]
    odds: Float[Tensor, "..."] | None
    finite: Bool[Tensor, "..."]

    def image(self, index: int) -> "Scored":
        """The parts of one image of the batch."""
        odds = None if self.odds is None else self.odds[index]
        return Scored(self.region[index], self.labels[index], odds, self.finite[index])


class SegmentationMetrics(Metric):
    """Scores of thresholded predictions per image, then averaged over images, and curves pooled over pixels.

    Which scores there are is in [`gequnet.metrics.scores`][]. Scores of counts and of masks are computed for each image
    and foreground class, averaged over classes, then over images. ``roc_auc`` and ``pr_auc`` are computed over the
    pixels of all images together, one class against the rest, then averaged over classes. With two or more foreground
    classes every score also exists for each of them, as ``dice/<class>``. The background is not a class: under a
    softmax class 0 is left out. Where the background has a name, scores of counts exist for it too, as
    ``dice/<background>`` beside ``dice/<class>``, and the means remain those of the foreground.

    ``instances`` adds the scores of objects, ``surface`` those of surfaces, and ``partition`` those of the cells
    between membranes and the pixel error. Lengths are in mm and their names end in ``_mm``; where the spacing of voxels
    is not known, they are in pixels and end in ``_px``.

    With ``fov`` every score exists three times: inside the field of view as ``dice_fov``; over the whole image as
    ``dice_whole``; and as ``dice_whole_masked`` over the whole image where all is background outside the *estimated*
    field of view, as in the files of ``predict``. Otherwise it exists once, inside ``valid``, as ``dice``.

    0/0 is 1 if no pixel is wrong and 0 otherwise, see [`gequnet.metrics.counts`][]. Of several classes that exclude
    each other, a class that is neither true nor predicted in an image has no score there, see
    ``ScoreTable.without_absent``. A score without a value is nan, left out of means, and warned about: an image without
    a valid pixel, a curve without foreground or without background. Where logits are not finite, the scores of that
    image and all means are nan.

    Under distributed data parallelism the scores are those of all ranks together. An image that a sampler repeats to
    make the ranks equal counts once in means; the pooled curves count its pixels again, unless ``repeated`` marks it.

    Args:
        num_classes: the number K of logits.
        head: ``sigmoid`` or ``softmax``.
        class_names: one for each logit.
        fov: True if ``valid`` is a field of view, with pixels and labels outside.
        full: True for the test. False, for validation, leaves out slow scores (curves, clDice, objects, surfaces) and
            everything outside ``valid``; its keys have no suffix.
        threshold: a sigmoid above it is foreground.
        curve_bins: None makes the curves exact and keeps all pixels, 5 bytes for each (of one class, in one region);
            a number, such as 1000, is that of their thresholds, in constant memory; see [`gequnet.metrics.auc`][].
        instances: True if every object of the test images has a label of its own; for one foreground class only.
        surface: True if the test scores surfaces.
        tolerance_mm: distance between surfaces that is no mistake, in mm.
        partition: True if the foreground is a membrane and the test scores the cells between; for one class only.
        background: name of what is not foreground, to have scores of its own; None for none.
        extra_scores: records from outside the package, under any keys, see
            [`Score`][gequnet.metrics.score_record.Score]; their functions take counts, masks or objects.

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
    masks: list[Tensor]
    finite: list[Tensor]
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
        extra_scores: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.classes = ScoredClasses(num_classes, head, class_names, background)
        if not 0 < threshold < 1:
            raise ConfigError(f"metrics.threshold={threshold} must lie between 0 and 1; 0.5 is the usual choice.")
        self._check_one_class(instances, partition)
        self.head = head
        self.suffixes = list(REGIONS) if fov and full else [""]
        self.full = full
        self.threshold = threshold
        self.extra_scores = tuple((extra_scores or {}).values())
        switches = {"instances": instances, "surface": surface, "partition": partition}
        scores = [
            score
            for score in with_extra_scores(self.extra_scores).values()
            if score.only_with is None or (full and switches[score.only_with])
        ]
        self.count_scores = [score for score in scores if score.of_counts]
        self.pooled_scores = [score for score in scores if score.pooled and full]
        of_masks = [score for score in scores if score.of_masks]
        self.mask_scores = MaskScores(of_masks, float(tolerance_mm)) if full else None
        # For each image: numbers of pixels [1, region, class, 4], scores of masks [1, region, class, score], whether
        # its logits are finite [1, region], the bytes of its id.
        for state in ("counts", "masks", "finite", "ids"):
            self.add_state(state, default=[], dist_reduce_fx="cat")
        pairs = len(self.suffixes) * len(self.classes) if full else 0
        curves = {score.name: cast(Any, score.function) for score in self.pooled_scores}
        # A ModuleList moves between devices with this metric; it does not know the type of its modules.
        areas = nn.ModuleList(pooled_areas(curves, curve_bins) for _ in range(pairs))
        self.areas = cast(Sequence[MetricCollection], areas)

    def _check_one_class(self, instances: bool, partition: bool) -> None:
        if instances and len(self.classes) > 1:
            raise ConfigError(
                f"data.instances=true is for one foreground class, and here are {len(self.classes)}: the class of an "
                "object is not known; set data.instances=false."
            )
        if partition and len(self.classes) > 1:
            raise ConfigError(
                f"scoring.partition=true is for one foreground class, and here are {len(self.classes)}: the class of "
                "the membrane is not known; set scoring.partition=false."
            )

    def update(
        self,
        logits: Float[Tensor, "b k *space"],
        mask: Int[Tensor, "b *space"] | Int[Tensor, "b k *space"],
        valid: Bool[Tensor, "b *space"],
        ids: Sequence[str],
        instances: Int[Tensor, "b *space"] | None = None,
        spacing: Float[Tensor, "b dims"] | None = None,
        repeated: Bool[Tensor, " b"] | None = None,
        field: Bool[Tensor, "b *space"] | None = None,
    ) -> None:
        """Add the images of a batch.

        Args:
            logits: output of the network.
            mask: class indices, or K masks of 0 and 1.
            valid: the pixels that count.
            ids: the name of each image.
            instances: 0 for background, one number for each object; needed with ``instances`` in the test.
            spacing: length of a voxel along each axis in mm; None where it is not known. Used with ``surface``.
            repeated: True for images that another rank adds as well; None for none of them.
            field: the estimated field of view, see ``estimate_field_of_view``; None for the whole image.

        Raises:
            ConfigError: instances are needed and missing, or the spacing is known for some images only.
        """
        if self.mask_scores:
            self.mask_scores.check(ids[0], instances is not None, spacing is not None)
        target = self.classes.masks(target_classes(logits, mask, self.head))
        scored = [
            Scored(
                region,
                self.classes.masks(predicted_classes(probabilities(shown, self.head), self.head, self.threshold)),
                # Curves need log odds: probabilities round to 0 and 1.
                self.classes.foreground(log_odds(shown, self.head)) if self.full else None,
                shown.isfinite().all(1),
            )
            for region, shown in self._regions(logits, valid, field)
        ]
        extras = ([None] * len(ids) if extra is None else extra for extra in (instances, spacing, repeated))
        for index, (name, *more) in enumerate(zip(ids, *extras, strict=True)):
            self._add([part.image(index) for part in scored], target[index], name, *more)

    def _regions(self, logits: Tensor, valid: Tensor, field: Tensor | None) -> list[tuple[Tensor, Tensor]]:
        """The pixels of each region, and the logits that are scored there."""
        everywhere = torch.ones_like(valid)
        masked = logits if field is None else background_outside(logits, field, self.head)
        return [(valid, logits), (everywhere, logits), (everywhere, masked)][: len(self.suffixes)]

    def _add(
        self,
        scored: Sequence["Scored"],
        target: Bool[Tensor, "scored *space"],
        name: str,
        instances: Int[Tensor, "*space"] | None,
        spacing: Float[Tensor, " dims"] | None,
        repeated: Bool[Tensor, ""] | None,
    ) -> None:
        counts = [torch.stack(count(part.labels, target, part.region), -1) for part in scored]
        self.counts.append(torch.stack(counts).unsqueeze(0))
        self.finite.append(torch.stack([(part.finite | ~part.region).all() for part in scored]).unsqueeze(0))
        self.ids.append(encoded(name).to(target.device))
        if self.mask_scores is None:
            return
        pairs = list(product(scored, range(len(self.classes))))
        rows = [self.mask_scores(part.labels[c], target[c], part.region, instances, spacing) for part, c in pairs]
        self.masks.append(torch.stack(rows).to(target.device).view(1, len(scored), len(self.classes), -1))
        for areas, (part, c) in zip(self.areas, pairs, strict=True):
            new = part.region & part.finite if repeated is None else part.region & part.finite & ~repeated
            areas.update(cast(Tensor, part.odds)[c][new], target[c][new])

    def compute(self) -> Scores:
        """Means over images, and pooled curves, of all images since the last reset."""
        table = self._table()
        if empty := table.without_pixels():
            _warn(f"No pixel is valid in {', '.join(empty)}: left out of the mean scores.")
        if broken := table.not_finite():
            _warn(f"The logits of {_listed(broken)} are not finite: the scores there, and all means, are nan.")
        means: Scores = {}
        for score, values in table.scores.items():
            means |= self._spread(score, values.where(table.all_finite(), torch.nan))
        return means | self._pooled(table)

    def per_image(self) -> list[dict[str, str | float]]:
        """The scores of each image, with its ``id``: all except the pooled ones."""
        with self.sync_context():
            table = self._table()
        rows: list[dict[str, str | float]] = []
        for row, name in enumerate(table.ids):
            spread = [self._spread(score, values[row]) for score, values in table.scores.items()]
            rows.append({"id": name} | {key: value for part in spread for key, value in part.items()})
        return rows

    def reset(self) -> None:
        """Remove all images."""
        super().reset()
        if self.mask_scores:
            self.mask_scores.unit = None
        for areas in self.areas:
            areas.reset()

    def _table(self) -> ScoreTable:
        of_masks: dict[str, Tensor] = {}
        if self.mask_scores:
            of_masks = dict(zip(self.mask_scores.names, dim_zero_cat(self.masks).cpu().unbind(-1), strict=True))
        of_counts = {score.name: cast(Any, score.function) for score in self.count_scores}
        names, counts, finite = (dim_zero_cat(state).cpu() for state in (self.ids, self.counts, self.finite))
        table = ScoreTable.of(names, counts, finite, of_masks, of_counts)
        several = self.head == "softmax" and len(self.classes) > 1
        return table.without_absent(len(self.classes)) if several else table

    def _pooled(self, table: ScoreTable) -> Scores:
        if not self.full:
            return {}
        defined = table.has_both()[:, : len(self.classes)]
        if not defined.all():
            _warn("A curve needs foreground and background: roc_auc and pr_auc leave out a class without both.")
        names = [score.name for score in self.pooled_scores]
        computed = defined & table.all_finite()
        pairs = zip(self.areas, computed.flatten().tolist(), strict=True)
        values = [areas.compute() if both else dict.fromkeys(names, torch.nan) for areas, both in pairs]
        pooled: Scores = {}
        for name in names:
            of_pairs = torch.tensor([float(value[name]) for value in values], dtype=torch.float64)
            pooled |= self._spread(name, of_pairs.view_as(defined))
        return pooled

    def _spread(self, score: str, values: Float[Tensor, "*image region scored"]) -> Scores:
        spread: Scores = {}
        for suffix, of_classes in zip(self.suffixes, values.unbind(-2), strict=True):
            spread |= self.classes.spread(score + suffix, of_classes)
        return spread


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and of {more} more images" if more > 0 else "")


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=3)
