"""Records and descriptions of the scores in ``metrics.json``, built-in ones and those from outside the package."""

from collections.abc import Iterable, Mapping
from typing import Any

from gequnet.metrics.score_record import Score
from gequnet.metrics.scores import REGIONS, base_name, find_score, scores_from_facts

EXTRA_SCORES = "extra_scores"
"""Key of ``metrics.json`` with the facts of scores from outside the package."""


def extra_scores(tests: Iterable[Mapping[str, Any]]) -> list[Score]:
    """The scores from outside the package that some tests have, each once.

    Args:
        tests: contents of ``metrics.json``.
    """
    facts = {name: each for test in tests for name, each in test.get(EXTRA_SCORES, {}).items()}
    return scores_from_facts(facts)


def describe_score(key: str, extra: Iterable[Score] = ()) -> str:
    """Description of a score with its unit, direction, region and class.

    Args:
        key: name of the score in ``metrics.json``.
        extra: records of scores from outside the package.

    >>> describe_score("sensitivity_fov/vessel")
    'share of the true foreground that is found; inside the field of view; of vessel'
    >>> describe_score("hd95_px")
    '95th percentile of the distances from surface to surface, in pixels; lower is better'
    """
    name, _, class_name = key.partition("/")
    base = base_name(name)
    score = find_score(base, extra)
    parts = [_description(score, base) if score else "not known to gequnet", REGIONS.get(name.removeprefix(base), "")]
    return "; ".join(part for part in [*parts, f"of {class_name}" if class_name else ""] if part)


def _description(score: Score, name: str) -> str:
    unit = next(unit for unit in score.units if score.name_in(unit) == name)
    in_unit = f", in {score.unit_words(unit)}" if unit else ""
    return score.description + in_unit + ("; lower is better" if score.lower_is_better else "")
