"""The evidence on the card of a run: scores with their meaning, equivariance as measured, and what nobody knows."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from omegaconf import DictConfig

from gequnet.data.download.licences import UNKNOWN, Terms
from gequnet.metrics.scores import is_pooled
from gequnet.report.arm_labels import testing
from gequnet.report.finished_runs import Run
from gequnet.report.model_card_facts import number
from gequnet.report.score_descriptions import describe_score, extra_scores

FEW = 20  # test images, below which a card warns
Rows = list[tuple[str, ...]]


def scores(run: Run) -> Rows:
    """Each score of the test: mean and deviation over images, how many have it, what it measures."""
    table, extra = run.per_image, extra_scores([run.metrics])
    rows: Rows = []
    for name, mean in run.metrics["test"].items():
        if name in table and not is_pooled(name):
            values = pd.to_numeric(table[name]).dropna()
            deviation = number(values.std(ddof=1)) if len(values) > 1 else "–"
            rows.append((name, f"{number(mean)} ± {deviation}", str(len(values)), describe_score(name, extra)))
        else:
            how = "all pixels" if is_pooled(name) else "–"
            rows.append((name, number(mean), how, describe_score(name, extra)))
    return rows


def notes(run: Run) -> Iterator[str]:
    """What else there is to say about the scores."""
    yield "1 is perfect and 0 the worst, unless it says otherwise."
    yield "The validation Dice above has selected the checkpoint, and is too good for that."
    if second := run.metrics.get("second_observer"):
        yield f"A second human observer, scored as the network is, has {run.score} {number(second.get(run.score))}."


def further_tests(run: Run, others: Sequence[Run]) -> Rows:
    """What else the same weights were tested on, and how they did."""
    return [*(_tested(each) for each in others), *_magnified(run)]


def symmetry(run: Run, cfg: DictConfig) -> dict[str, Any]:
    """What was measured of the network's equivariance."""
    measured = run.metrics.get("equivariance")
    if not measured:
        why = " (of volumes it is not)" if cfg.data.spatial_dims == 3 else ""
        return {
            "symmetry": f"How the answer changes when an image is turned was not measured in this run{why}.",
            "errors": [],
        }
    errors = [
        (element, f"{each['error']:.1e}", f"{each['floor']:.1e}" if "floor" in each else "0", _promise(each))
        for element, each in measured.items()
    ]
    words = (
        "Root mean square of f(g·x) − g·f(x) over the standard deviation of g·f(x), on test images, where g turns or "
        "mirrors the image (flip turns it upside down, before the turn): 0 for a network that does not care, about 1.4 "
        "for answers that have nothing to do with each other."
    )
    return {"symmetry": words, "errors": errors}


def limits(run: Run, cfg: DictConfig, terms: Terms, further: Sequence[Run]) -> Iterator[str]:
    """What was not tested, as far as the run's folder shows it."""
    count, elsewhere = len(run.per_image), sorted({each.metrics["data"]["name"] for each in further if each.elsewhere})
    others = [name for name in elsewhere if name != cfg.data.name]
    if terms.drawn:
        yield "It has seen drawings only: what it says about photographs or scans means nothing."
    yield (
        f"It was tested on images from where its training images come from{_and(others)}. Other cameras, scanners, "
        "stains, protocols, hospitals and populations may be another matter; python -m gequnet.evaluate tells."
    )
    if run.metrics.get("init_from"):
        yield "Whether the network that it started from has learned from some of the test images is not known."
    if not run.metrics.get("scales"):
        yield "Images in which things are larger or smaller than in its own (another resolution) were not tested."
    if count < FEW:
        yield f"{count} test images are few: the scores of others may well lie outside of the deviations above."
    fold = " on one part of a cross-validation" if run.fold is not None else ""
    yield f"One training with one seed{fold}: how far another one would be from it is not known from this run."
    yield "Its probabilities were not calibrated: .9 need not be right nine times out of ten."
    if not terms.drawn:
        yield "Who or what is on the images was not looked at: whether it does worse for some of them is not known."
    if terms.licence == UNKNOWN:
        yield "The licence of its images is not known to gequnet: whoever passes the network on has to know it."


def _tested(run: Run) -> tuple[str, ...]:
    familiar = run.metrics.get("seen_in_training", {}) if run.elsewhere else {}
    marks = ", not known whether it has learned from them" if familiar is None else ""
    marks = marks or (", of which it has learned from some" if familiar else "")
    tested = testing(run.evaluation).removeprefix(", tested ") + marks
    return tested, str(len(run.per_image)), f"{number(run.metrics['test'].get(run.score))} ({run.score})"


def _magnified(run: Run) -> Rows:
    found = run.metrics.get("scales") or {}
    return [
        (
            f"on its test images, {scale} times as large",
            str(len(run.per_image)),
            f"{number(each.get(run.score))} ({run.score})",
        )
        for scale, each in found.items()
        if scale != "1"
    ]


def _promise(each: dict[str, Any]) -> str:
    return "–" if "in_group" not in each else "yes" if each["in_group"] else "no"


def _and(names: Sequence[str]) -> str:
    return f", and on {', '.join(names)} (above)" if names else " only"
