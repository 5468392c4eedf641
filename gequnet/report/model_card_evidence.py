"""Evidence on the model card of a run: scores and their meaning, measured equivariance, limitations."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from omegaconf import DictConfig

from gequnet.data.download.licences import UNKNOWN, Terms
from gequnet.metrics.scores import is_pooled
from gequnet.report.arm_labels import testing
from gequnet.report.finished_runs import Run
from gequnet.report.model_card_facts import score_text
from gequnet.report.score_descriptions import describe_score, extra_scores

FEW = 20  # test images; with fewer the card warns
Rows = list[tuple[str, ...]]


def score_rows(run: Run) -> Rows:
    """Rows for the scores of the test: name, mean ± deviation over images, number of images, description."""
    table, extra = run.per_image, extra_scores([run.metrics])
    rows: Rows = []
    for name, mean in run.metrics["test"].items():
        if name in table and not is_pooled(name):
            values = pd.to_numeric(table[name]).dropna()
            deviation = score_text(values.std(ddof=1)) if len(values) > 1 else "–"
            rows.append((name, f"{score_text(mean)} ± {deviation}", str(len(values)), describe_score(name, extra)))
        else:
            how = "all pixels" if is_pooled(name) else "–"
            rows.append((name, score_text(mean), how, describe_score(name, extra)))
    return rows


def score_notes(run: Run) -> Iterator[str]:
    """Sentences below the table of scores."""
    yield "1 is the best value and 0 the worst, unless the description says otherwise."
    if run.metrics.get("selected_by", "val/dice") == "val/dice":
        yield "The validation Dice above has selected the checkpoint, so it is too optimistic."
    if second := run.metrics.get("second_observer"):
        yield f"A second human observer, scored like the network, has {run.score} {score_text(second.get(run.score))}."


def further_tests(run: Run, others: Sequence[Run]) -> Rows:
    """Rows for further tests of the same weights: data, number of images, score."""
    return [*(_tested(each) for each in others), *_magnified(run)]


def equivariance_evidence(run: Run, cfg: DictConfig) -> dict[str, Any]:
    """Equivariance errors as measured, by the names of the card's template."""
    measured = run.metrics.get("equivariance")
    if not measured:
        why = " (it never is on volumes)" if cfg.data.spatial_dims == 3 else ""
        return {
            "symmetry": f"The equivariance error was not measured in this run{why}.",
            "errors": [],
        }
    errors = [
        (element, error_text(each.get("error")), error_text(each.get("floor", 0)), _promise(each))
        for element, each in measured.items()
    ]
    words = (
        "Root mean square of f(g·x) − g·f(x) over the standard deviation of g·f(x), on test images. The element g "
        "rotates or reflects the image (flip: upside down, before the rotation). The error is 0 for an equivariant "
        "network, and about 1.4 for unrelated predictions."
    )
    return {"symmetry": words, "errors": errors}


def limitations(run: Run, cfg: DictConfig, terms: Terms, further: Sequence[Run]) -> Iterator[str]:
    """Sentences about properties that were not tested, as far as the run's folder shows."""
    count, datasets = len(run.per_image), sorted({each.metrics["data"]["name"] for each in further if each.elsewhere})
    others = [name for name in datasets if name != cfg.data.name]
    if terms.drawn:
        yield "It was trained on drawings only: its predictions on photographs or scans mean nothing."
    yield (
        f"It was tested on images from the source of its training images{_and(others)}. Other cameras, scanners, "
        "stains, protocols, hospitals and populations may give other scores: test them with python -m gequnet.evaluate."
    )
    if run.metrics.get("init_from"):
        yield "It is not known if the network that it started from was trained on some of the test images."
    if not run.metrics.get("scales"):
        yield "Images with larger or smaller objects (another resolution) were not tested."
    if count < FEW:
        yield f"{count} test images are few: scores of other images may lie outside of the deviations above."
    fold = " on one part of a cross-validation" if run.fold is not None else ""
    yield f"One training with one seed{fold}: the variation between seeds is not known from this run."
    yield "Its probabilities were not calibrated: .9 does not mean correct in nine of ten cases."
    if not terms.drawn:
        yield "Subgroups of the images (patients, devices) were not compared: it may be worse on some of them."
    if terms.licence == UNKNOWN:
        yield "The licence of its images is not known to gequnet: find it out before you share the network."


def _tested(run: Run) -> tuple[str, ...]:
    seen = run.metrics.get("seen_in_training", {}) if run.elsewhere else {}
    marks = ", not known if it was trained on them" if seen is None else ""
    marks = marks or (", some of which it was trained on" if seen else "")
    tested = testing(run.evaluation).removeprefix(", tested ") + marks
    return tested, str(len(run.per_image)), f"{score_text(run.metrics['test'].get(run.score))} ({run.score})"


def _magnified(run: Run) -> Rows:
    means = run.metrics.get("scales") or {}
    return [
        (
            f"on its test images, magnified by {scale}",
            str(len(run.per_image)),
            f"{score_text(each.get(run.score))} ({run.score})",
        )
        for scale, each in means.items()
        if scale != "1"
    ]


def error_text(value: Any) -> str:
    """An equivariance error, or ``not defined``.

    >>> error_text(3e-7), error_text(0), error_text(None)
    ('3.0e-07', '0', 'not defined')
    """
    if value is None or pd.isna(value):
        return "not defined"
    return f"{value:.1e}" if value else "0"


def _promise(each: dict[str, Any]) -> str:
    return "–" if "in_group" not in each else "yes" if each["in_group"] else "no"


def _and(names: Sequence[str]) -> str:
    return f", and on {', '.join(names)} (above)" if names else " only"
