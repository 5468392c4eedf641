"""Built-in scores: `SCORES` lists their records, one `Score` each.

Metrics, tables, model cards, the choice of a threshold and ``docs/scores.md`` all read these records.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor

from gequnet.errors import ConfigError
from gequnet.metrics import auc, count_scores, instance_ap
from gequnet.metrics.cldice import cldice
from gequnet.metrics.counts import count
from gequnet.metrics.score_record import BINS, FACTS, LENGTH, MASKS, OBJECTS, Score
from gequnet.metrics.surface_distances import hd95, surface_dice
from gequnet.metrics.v_info import v_info
from gequnet.metrics.v_rand import v_rand

REGIONS = {
    "_fov": "inside the field of view",
    "_whole": "over the whole image, of the network alone",
    "_whole_masked": "over the whole image, with background outside the estimated field of view, as `predict` has it",
}
"""Endings of names in ``metrics.json``, where a dataset has a field of view."""

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
