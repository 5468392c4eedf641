"""Sentences beside the tables of a report: the result of each comparison, and caveats."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gequnet.report.arms import Arm
from gequnet.report.comparability import STEPS, effective, is_varied
from gequnet.report.comparisons import Row
from gequnet.report.costs import passes
from gequnet.report.finished_runs import Run
from gequnet.report.statistics import SIGNIFICANCE, Comparison, smallest_p
from gequnet.report.tables import format_number, p_value
from gequnet.runs.layout import RunFolder

FEW_SEEDS = 3
# Settings that a report lists, by names of the configuration.
RECIPE = {
    STEPS: "optimizer steps",
    "data.batch_size": "patches a step",
    "data.patch_size": "patch size",
    "data.num_patches": "number of patches",
    "data.num_images": "images trained on",
    "augment": "augmentation",
    "loss": "loss",
    "optim._target_": "optimizer",
    "optim.lr": "learning rate",
    "scheduler._target_": "schedule",
    "trainer.precision": "precision",
    "threshold_by": "threshold with the best validation",
}


def findings(rows: Sequence[Row]) -> Iterator[str]:
    """One sentence for each comparison."""
    for row in rows:
        if row.comparison:
            yield finding(row.label, row.reference or "", row.comparison)


def finding(label: str, reference: str, comparison: Comparison) -> str:
    """Sentence about one comparison: verdict, difference, interval and p-value."""
    heads = {
        "better": f"{label} is better than {reference}",
        "worse": f"{label} loses to {reference}",
        "no difference shown": f"No difference between {label} and {reference} is shown",
    }
    low, high = format_number(comparison.low, sign=True), format_number(comparison.high, sign=True)
    p = p_value(comparison.corrected)
    return (
        f"{heads[comparison.verdict]}: Dice {format_number(comparison.mean, sign=True)} (95 % interval {low} to "
        f"{high}), better on {comparison.better} of {comparison.images} images, "
        f"p {p if p.startswith('<') else f'= {p}'} after Holm's correction."
    )


def recipe(run: Run, varied: Sequence[str]) -> dict[str, str]:
    """Settings that are equal in all runs, under the names that a report shows."""
    settings, chosen = effective(run), run.metrics["chosen"]
    images = run.metrics["data"].get("images") or {}
    values = {"data": run.metrics["data"]["name"]}
    if run.fold is None:
        values |= {f"{split} images": str(count) for split, count in images.items()}
    else:
        values["cross-validation"] = f"{settings['data.source.folds']} folds"
    for key, name in RECIPE.items():
        value = chosen.get(key, settings.get(key))
        if value is not None and not is_varied(key, varied):
            values[name] = str(value).rpartition(".")[2] if key.endswith("_target_") else str(value)
    return values


def caveats(rows: Sequence[Row], runs: Sequence[Run]) -> Iterator[str]:
    """Sentences about limits of the evidence."""
    yield from _about_seeds(rows)
    yield from _about_folds(rows)
    yield from _about_images(rows)
    if alone := [row.label for row in rows if row.reference is None]:
        yield f"There is no plain U-Net with the same width rule and conditions to compare with {_listed(alone)}."
    if others := {row.reference for row in rows if row.is_reference and not row.arm.plain}:
        yield f"There is no plain U-Net among these runs: the reference is {_listed(sorted(filter(None, others)))}."
    counted = {id(run) for row in rows for run in row.arm.runs}
    if repeated := [str(run.folder) for run in runs if id(run) not in counted]:
        yield f"Of two runs of the same arm, seed and fold the later one counts; left out: {_listed(repeated)}."
    if averaged := [row.label for row in rows if passes(row.arm.first.evaluation) > 1]:
        yield f"FLOPs count every averaged pass ({_listed(averaged)}); costs of training are those without averaging."
    yield from _about_machines(runs)


def left_out(others: Sequence[Run]) -> Iterator[str]:
    """Sentence about tests on other datasets, which are not part of the comparison."""
    if others:
        names = sorted({str(run.evaluation) for run in others})
        yield (
            f"Tests of these networks {_listed(names)} are left out: scores on different images cannot be compared. "
            "For a report on them give their own folders, RUN/evaluations/NAME."
        )


def unfinished(sweeps: Sequence[tuple[Path, Mapping[str, Any]]]) -> Iterator[str]:
    """Sentences about the jobs of a sweep without a result, and the notes of the sweep."""
    for folder, plan in sweeps:
        jobs = [str(job["folder"]) for job in plan.get("jobs", [])]
        missing = [job for job in jobs if not RunFolder(folder / job).is_finished]
        if missing:
            yield f"{len(missing)} of the sweep's {len(jobs)} jobs left no result: {_listed(missing)}."
        yield from plan.get("notes", [])


def _about_seeds(rows: Sequence[Row]) -> Iterator[str]:
    if few := [row.label for row in rows if len(row.arm.seeds) < FEW_SEEDS]:
        who = "All arms have" if len(few) == len(rows) else f"{_listed(few)} {'has' if len(few) == 1 else 'have'}"
        yield f"{who} fewer than {FEW_SEEDS} seeds: the variation between seeds is hardly known."
    if len({tuple(row.arm.seeds) for row in rows}) > 1:
        yield "The arms do not have the same seeds: the seeds may cause a part of their difference."
    arms = {row.label: row.arm for row in rows}
    decided = [row for row in rows if row.comparison and row.comparison.corrected < SIGNIFICANCE]
    if unsure := [row.label for row in decided if _within_seeds(row, arms[row.reference or ""])]:
        yield (
            f"{_listed(unsure)}: less than two standard errors over seeds from the reference. These trainings differ "
            "on the test images, but with other seeds the difference may have the other sign."
        )


def _about_folds(rows: Sequence[Row]) -> Iterator[str]:
    if not any(row.arm.folds for row in rows):
        return
    if len({tuple(row.arm.folds) for row in rows}) > 1:
        yield "The arms were not tested on the same folds; each comparison uses the images that both were tested on."
    if partial := [row.label for row in rows if row.arm.incomplete]:
        yield f"{_listed(partial)}: not every seed was tested on every fold."
    yield (
        "Cross-validated: each image was tested by a network that was not trained on it. The trainings of different "
        "folds share images, so intervals and p-values, which assume independent images, are somewhat too small."
    )


def _within_seeds(row: Row, reference: Arm) -> bool:
    ours, theirs = (arm.values("test", arm.first.score) for arm in (row.arm, reference))
    if min(len(ours), len(theirs)) < 2:
        return False
    if row.arm.seeds == reference.seeds:  # with one seed the patches are the same, or even the weights
        error = np.sqrt((ours - theirs).var(ddof=1) / len(ours))
    else:
        error = np.sqrt(ours.var(ddof=1) / len(ours) + theirs.var(ddof=1) / len(theirs))
    return bool(abs(ours.mean() - theirs.mean()) < 2 * error)


def _about_images(rows: Sequence[Row]) -> Iterator[str]:
    comparisons = [row.comparison for row in rows if row.comparison]
    if not comparisons:
        return
    images = min(comparison.images for comparison in comparisons)
    smallest = smallest_p(images, len(comparisons))
    if smallest >= SIGNIFICANCE:
        noun = "comparison" if len(comparisons) == 1 else "comparisons"
        yield (
            f"{images} test images and {len(comparisons)} {noun} are too few for the test: the smallest possible "
            f"corrected p is {format_number(smallest)}, so no difference can be shown; read the intervals."
        )
    if "image" in rows[0].arm.per_image:
        yield (
            "The test patches of one image are averaged before images are compared: all images have the same weight, "
            "so the differences need not be those of the mean scores over patches."
        )


def _about_machines(runs: Sequence[Run]) -> Iterator[str]:
    for name in ("device", "commit", "torch", "gequnet"):
        values = list(dict.fromkeys(str(run.metrics.get("versions", {}).get(name)) for run in runs))
        if len(values) > 1:
            values = [value if name != "commit" else value[:10] + "+" * value.endswith("+") for value in values]
            times = " Times cannot be compared." if name == "device" else ""
            yield f"The runs differ in {name}: {_listed(values)}.{times}"
    steps = [run.metrics.get("steps") for run in runs]
    if len(set(steps)) > 1:
        yield f"Trainings ended after {min(filter(None, steps))} to {max(filter(None, steps))} steps."


def _listed(names: Sequence[str], most: int = 8) -> str:
    shown = list(names[:most]) + ([f"{len(names) - most} more"] if len(names) > most else [])
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
