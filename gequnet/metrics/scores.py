"""Scores as records: one `Score` holds every fact about a score, and `SCORES` lists the built-in ones.

Metrics, tables, model cards, the choice of a threshold and ``docs/scores.md`` all read these records.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.errors import ConfigError
from gequnet.metrics import auc, count_scores, instance_ap
from gequnet.metrics.cldice import cldice
from gequnet.metrics.counts import count
from gequnet.metrics.surface_distances import hd95, surface_dice
from gequnet.metrics.v_info import v_info
from gequnet.metrics.v_rand import v_rand

COUNTS = ("counts",)
MASKS = ("preds", "target", "valid")
OBJECTS = ("objects",)
BINS = ("bins",)
ARGUMENTS = (*COUNTS, *MASKS, "spacing", "tolerance", *OBJECTS, *BINS)
SWITCHES = ("instances", "surface", "partition")
FACTS = ("name", "heading", "description", "lower_is_better", "unit", "in_table", "by_class")
LENGTH = "mm"
UNITS = {"mm": "mm", "px": "pixels"}
"""Units of a length: the ending of a name, and the word in a heading."""
REGIONS = {"_fov": "inside the field of view", "_whole": "over the whole image"}
"""Endings of names in ``metrics.json``, where a dataset has a field of view."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One score: its name, its texts, and its function.

    ``needs`` names the arguments of ``function``, in their order:

    - ``COUNTS``: ``function(counts)`` with [`Counts`][gequnet.metrics.counts.Counts] of any shape, which is also the
      shape of the result. The score is computed in validation and test, for each class and the background.
    - some of ``preds target valid spacing tolerance``, for example ``MASKS``: predicted and true foreground of one
      class of one image, [*space]; the valid pixels, [*space]; the length of a voxel along each axis in mm, [dims],
      or None; ``scoring.tolerance_mm``. The result is a scalar. Such a score is computed in the test only.
    - ``OBJECTS``: ``function(objects)`` with
      [`ObjectOverlaps`][gequnet.metrics.instance_ap.ObjectOverlaps] of one image. Test only.
    - ``BINS``: ``function(bins)`` makes a metric of torchmetrics that is updated with the probabilities and the true
      foreground of the pixels of all images, see [`gequnet.metrics.auc`][]. Test only, and built-in scores only.

    Args:
        name: in ``metrics.json`` and ``per_image.csv``; lower case letters, digits and underscores.
        heading: of a column, without unit.
        description: one clause, without unit and direction.
        function: see above; None for a score that is read from a run and not computed.
        needs: the arguments of ``function``.
        lower_is_better: True for errors and distances.
        unit: empty for a share. ``mm`` marks a length: its name ends in ``_mm``, or in ``_px`` where the spacing of
            voxels is not known.
        only_with: the score belongs to the test only if this fact is true: ``instances`` of ``data``, ``surface`` or
            ``partition`` of ``scoring``; None for every test.
        chooses_threshold: True if ``threshold_by`` may name it. A threshold can be too low and too high for it;
            sensitivity, for example, is best if everything is foreground.
        in_table: True if the report has a column for it.
        by_class: True if the report also shows it class by class.
        over_whole_image: True if the report also has a column for the whole image, beside the field of view.

    Raises:
        ConfigError: these do not fit together.

    Example:
        >>> error = Score(
        ...     name="volume_error", heading="volume error", description="difference of volumes over the true volume",
        ...     function=lambda counts: (counts.false_positive - counts.false_negative).abs(), lower_is_better=True,
        ... )
        >>> error.title(), error.names, SCORES["hd95"].title("px"), SCORES["hd95"].names
        ('volume error ↓', ('volume_error',), 'HD95, pixels ↓', ('hd95_mm', 'hd95_px'))
    """

    name: str
    heading: str
    description: str
    function: Callable[..., Any] | None = None
    needs: Sequence[str] = COUNTS
    lower_is_better: bool = False
    unit: str = ""
    only_with: str | None = None
    chooses_threshold: bool = False
    in_table: bool = True
    by_class: bool = False
    over_whole_image: bool = False

    def __post_init__(self) -> None:
        """Refuse facts that do not fit together."""
        object.__setattr__(self, "needs", tuple(self.needs))  # Hydra gives a list
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise ConfigError(f"The name of a score is lower case letters, digits and underscores, not {self.name!r}.")
        alone = not set(self.needs) & {*COUNTS, *OBJECTS, *BINS} or len(self.needs) == 1
        if not self.needs or not set(self.needs) <= set(ARGUMENTS) or not alone:
            raise ConfigError(
                f"The score {self.name} needs {list(self.needs)}: give counts, objects or bins alone, or some of "
                "preds, target, valid, spacing, tolerance."
            )
        if self.only_with not in (None, *SWITCHES) or (self.needs == OBJECTS and self.only_with != "instances"):
            raise ConfigError(
                f"The score {self.name} has only_with={self.only_with}: give one of {', '.join(SWITCHES)}, or None; a "
                "score of objects has only_with=instances."
            )
        if self.chooses_threshold and self.needs not in (COUNTS, MASKS):
            raise ConfigError(f"The score {self.name} cannot choose a threshold: it needs more than counts or masks.")

    @property
    def of_counts(self) -> bool:
        """True if the score follows from numbers of right and wrong pixels."""
        return self.needs == COUNTS

    @property
    def pooled(self) -> bool:
        """True if the score is computed over the pixels of all images together, so that no image has one."""
        return self.needs == BINS

    @property
    def of_masks(self) -> bool:
        """True if the score is computed from masks or objects, image by image."""
        return not (self.of_counts or self.pooled)

    @property
    def units(self) -> tuple[str, ...]:
        """Units in which a run may have the score."""
        return tuple(UNITS) if self.unit == LENGTH else (self.unit,)

    @property
    def names(self) -> tuple[str, ...]:
        """Names in ``metrics.json``, without region and class: one for each of ``units``."""
        return tuple(self.name_in(unit) for unit in self.units)

    def name_in(self, unit: str) -> str:
        """Name in ``metrics.json``, without region and class, in a unit."""
        return f"{self.name}_{unit}" if self.unit == LENGTH else self.name

    @staticmethod
    def unit_words(unit: str) -> str:
        """A unit as texts have it: ``pixels`` for ``px``, any other as it is."""
        return UNITS.get(unit, unit)

    def title(self, unit: str | None = None) -> str:
        """Heading with unit, and with ↓ where lower is better."""
        unit = self.unit if unit is None else unit
        text = f"{self.heading}, {self.unit_words(unit)}" if unit else self.heading
        return f"{text} ↓" if self.lower_is_better else text

    def facts(self) -> dict[str, Any]:
        """Facts for ``metrics.json``: all that a report needs to show the score."""
        return {name: getattr(self, name) for name in FACTS}


_MATCHES = "share of objects, predicted and true, that match"

_BUILT_IN = (
    Score(
        name="dice",
        heading="Dice",
        description="overlap of prediction and truth: twice what they have in common over the sum of both",
        function=count_scores.dice,
        chooses_threshold=True,
        by_class=True,
        over_whole_image=True,
    ),
    Score(
        name="iou",
        heading="IoU",
        description="overlap of prediction and truth: what they have in common over what either has",
        function=count_scores.iou,
        chooses_threshold=True,
        by_class=True,
    ),
    Score(
        name="accuracy",
        heading="accuracy",
        description="share of pixels that are right; high for an empty prediction where foreground is rare",
        function=count_scores.accuracy,
        chooses_threshold=True,
        in_table=False,
    ),
    Score(
        name="sensitivity",
        heading="sensitivity",
        description="share of the true foreground that is found",
        function=count_scores.sensitivity,
    ),
    Score(
        name="specificity",
        heading="specificity",
        description="share of the true background that is predicted as background",
        function=count_scores.specificity,
    ),
    Score(
        name="precision",
        heading="precision",
        description="share of the predicted foreground that is true",
        function=count_scores.precision,
    ),
    Score(
        name="balanced_accuracy",
        heading="balanced accuracy",
        description="mean of sensitivity and specificity, so that a rare class counts as much as a common one",
        function=count_scores.balanced_accuracy,
        chooses_threshold=True,
    ),
    Score(
        name="cldice",
        heading="clDice",
        description="overlap of centrelines with masks: thin structures count by their length and connection",
        function=cldice,
        needs=MASKS,
        chooses_threshold=True,
    ),
    Score(
        name="instance_ap",
        heading="instance AP",
        description=_MATCHES + "; mean over overlaps (IoU) above .5, .55, …, .95",
        function=instance_ap.mean_precision,
        needs=OBJECTS,
        only_with="instances",
    ),
    Score(
        name="instance_ap50",
        heading="instance AP50",
        description=_MATCHES + " with an overlap (IoU) above .5",
        function=instance_ap.precision_at_50,
        needs=OBJECTS,
        only_with="instances",
        in_table=False,
    ),
    Score(
        name="instance_ap75",
        heading="instance AP75",
        description=_MATCHES + " with an overlap (IoU) above .75",
        function=instance_ap.precision_at_75,
        needs=OBJECTS,
        only_with="instances",
        in_table=False,
    ),
    Score(
        name="v_rand",
        heading="V_rand",
        description="agreement of the cells between membranes, by pairs of pixels, as in the ISBI 2012 challenge",
        function=v_rand,
        needs=MASKS,
        only_with="partition",
        chooses_threshold=True,
    ),
    Score(
        name="v_info",
        heading="V_info",
        description="agreement of the cells between membranes, by information, as in the ISBI 2012 challenge",
        function=v_info,
        needs=MASKS,
        only_with="partition",
        chooses_threshold=True,
    ),
    Score(
        name="pixel_error",
        heading="pixel error",
        description="share of pixels that are wrong",
        function=count_scores.pixel_error,
        lower_is_better=True,
        only_with="partition",
        chooses_threshold=True,
    ),
    Score(
        name="hd95",
        heading="HD95",
        description="95th percentile of the distances from surface to surface",
        function=hd95,
        needs=(*MASKS, "spacing"),
        lower_is_better=True,
        unit=LENGTH,
        only_with="surface",
        by_class=True,
    ),
    Score(
        name="surface_dice",
        heading="surface Dice",
        description="share of both surfaces that lies within the tolerance of the other",
        function=surface_dice,
        needs=(*MASKS, "spacing", "tolerance"),
        only_with="surface",
        by_class=True,
    ),
    Score(
        name="roc_auc",
        heading="ROC AUC",
        description="chance that a foreground pixel has a higher probability than a background pixel",
        function=auc.roc_auc,
        needs=BINS,
    ),
    Score(
        name="pr_auc",
        heading="PR AUC",
        description="mean precision over all thresholds, each weighted by the foreground that it adds",
        function=auc.pr_auc,
        needs=BINS,
        in_table=False,
    ),
)

SCORES = {score.name: score for score in _BUILT_IN}
"""The built-in scores by name. Tables show them in this order; ``metrics.json`` has those of counts first, those of
masks next, pooled ones last."""


def with_extra_scores(extra: Iterable[Any] = ()) -> dict[str, Score]:
    """The built-in scores and scores from elsewhere, by name.

    Raises:
        ConfigError: something is no ``Score``, a score needs bins, or a name is taken.
    """
    scores = dict(SCORES)
    for score in extra:
        if not isinstance(score, Score):
            raise ConfigError(
                f"metrics.extra_scores has a {type(score).__name__}: each _target_ must give a gequnet.metrics.Score."
            )
        if score.pooled:
            raise ConfigError(f"metrics.extra_scores: {score.name} needs bins, which only built-in scores can.")
        if score.name in scores:
            raise ConfigError(f"metrics.extra_scores: there is a score {score.name} already; give it another name.")
        scores[score.name] = score
    return scores


def find_score(key: str, extra: Iterable[Score] = ()) -> Score | None:
    """The record of a score by its name in ``metrics.json``, with or without region and class; None if unknown.

    >>> find_score("hd95_mm_fov/vessel").heading, find_score("new_score")
    ('HD95', None)
    """
    name = base_name(key)
    return next((score for score in (*SCORES.values(), *extra) if name in score.names), None)


def is_pooled(key: str) -> bool:
    """True for the name of a score over the pixels of all images together.

    >>> is_pooled("roc_auc_fov"), is_pooled("dice")
    (True, False)
    """
    score = find_score(key)
    return score is not None and score.pooled


def base_name(key: str) -> str:
    """The name of a score without region and class.

    >>> base_name("dice_whole/vessel"), base_name("hd95_mm")
    ('dice', 'hd95_mm')
    """
    name = key.partition("/")[0]
    for suffix in REGIONS:
        name = name.removesuffix(suffix)
    return name


def threshold_scores(extra: Iterable[Score] = ()) -> dict[str, Score]:
    """The scores that ``threshold_by`` may name."""
    return {name: score for name, score in with_extra_scores(extra).items() if score.chooses_threshold}


def score(
    name: str, preds: Bool[Tensor, "..."], target: Bool[Tensor, "..."], valid: Bool[Tensor, "*space"] | None = None
) -> Float[Tensor, "..."]:
    """A built-in score of masks.

    Args:
        name: of a score that needs counts or masks, a key of ``SCORES``.
        preds: predicted foreground, [*space]; of a score of counts [K, *space] too.
        target: true foreground, of the same shape.
        valid: the pixels that count; None: all of them.

    Returns:
        The score in float64, [] or [K].

    Raises:
        ConfigError: the score needs something else.

    Example:
        >>> import torch
        >>> preds, target = torch.tensor([True, True, False, False]), torch.tensor([True, False, False, False])
        >>> {name: round(score(name, preds, target).item(), 3) for name in ("dice", "iou", "accuracy", "precision")}
        {'dice': 0.667, 'iou': 0.5, 'accuracy': 0.75, 'precision': 0.5}
    """
    record = SCORES[name]
    assert record.function is not None
    if record.of_counts:
        result: Tensor = record.function(count(preds, target, valid))
        return result
    if record.needs != MASKS:
        raise ConfigError(f"The score {name} needs {', '.join(record.needs)}: call its own function.")
    value: Tensor = record.function(preds, target, valid)
    return value


def facts_of_scores(scores: Iterable[Score]) -> dict[str, dict[str, Any]]:
    """Facts of scores by name, for ``metrics.json``; ``scores_from_facts`` is the inverse."""
    return {score.name: score.facts() for score in scores}


def scores_from_facts(facts: Mapping[str, Mapping[str, Any]]) -> list[Score]:
    """Scores that can be shown, not computed, from the facts in ``metrics.json``."""
    return [Score(**{name: each[name] for name in FACTS if name in each}) for each in facts.values()]
