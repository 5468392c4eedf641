"""Report that compares finished runs: pages, CSV tables and figures."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gequnet.config.migrations import current_words
from gequnet.errors import ConfigError
from gequnet.report.comparability import check_equal
from gequnet.report.comparisons import Row, make_rows
from gequnet.report.csv_tables import arms_frame, runs_frame
from gequnet.report.findings import caveats, findings, left_out, recipe, unfinished
from gequnet.report.finished_runs import Run, find_runs, find_sweeps, job_folders, split_external
from gequnet.report.report_figures import draw_all
from gequnet.report.scale_tables import agreement_table, scales_table
from gequnet.report.tables import classes_table, costs_table, differences_table, equivariance_table, scores_table
from gequnet.report.templates import environment
from gequnet.runs.layout import RunFolder

METHODS = (
    "Scores are of thresholded predictions on whole test images, averaged over images; AUC is pooled over pixels. "
    "Tables give the mean over seeds ± the standard deviation over seeds (n − 1).",
    "Before a comparison the scores of an image are averaged over seeds: images are the independent units, not runs.",
    "The interval is a BCa bootstrap of the mean difference over images; p is Wilcoxon's signed-rank test, two-sided, "
    "corrected by Holm's method over all rows of the table. “Better” and “worse” mean a corrected p below .05.",
    "Interval and p hold for other images of this kind and these trainings; the ± shows the variation between seeds.",
    "FLOPs are those of a forward pass on one training patch (a multiply-add counts 2), activations the bytes that its "
    "backward pass keeps. × is the ratio to the baseline of the width rule; for times, to the reference. Times are "
    "medians on the machine of the run.",
)


def write_report(
    folders: Sequence[Path],
    out: Path,
    varied: Sequence[str] = (),
    title: str = "",
    images: bool = True,
    reference: str = "",
) -> Path:
    """Compare finished runs: write ``report.html``, ``report.md``, ``report.csv``, ``arms.csv`` and figures.

    Args:
        folders: of runs, or folders that contain runs.
        out: folder of the report; created if it does not exist.
        varied: names of the settings that are compared beside networks and widths; those that the sweeps in
            ``folders`` varied are added.
        title: of the page.
        images: True to show test images; False where the terms of a dataset do not allow passing them on.
        reference: label of the arm that all others are compared with; empty for the plain U-Net of each baseline.

    Returns:
        The path of ``report.html``, which contains its figures and needs no other file.

    Raises:
        ConfigError: there are no runs, no such reference, or a setting differs that must be equal.
    """
    sweeps = list(find_sweeps(folders))
    varied = current_words([*varied, *(name for _, plan in sweeps for name in plan.get("varied", []))])
    varied = list(dict.fromkeys(varied))
    title = title or next((plan["title"] for _, plan in sweeps if plan.get("title")), "Comparison")
    if RunFolder(out).is_run:
        raise ConfigError(f"{out} is a run's folder, which has figures of its own: choose another folder with --out.")
    runs, others = split_external(find_runs([each for folder in folders for each in job_folders(folder)]))
    check_equal(runs, varied)
    rows = make_rows(runs, varied, reference)
    out.mkdir(parents=True, exist_ok=True)
    runs_frame(rows, out).to_csv(out / "report.csv", index=False)
    arms_frame(rows).to_csv(out / "arms.csv", index=False)
    content = page_values(rows, runs, varied) | {
        "title": title,
        "figures": list(draw_all(rows, out, images)),
        "caveats": [*caveats(rows, runs), *left_out(others), *unfinished(sweeps)],
    }
    for name in ("report.md", "report.html"):
        (out / name).write_text(render(name, content, out), encoding="utf-8")
    return out / "report.html"


def page_values(rows: Sequence[Row], runs: Sequence[Run], varied: Sequence[str]) -> dict[str, Any]:
    """Values of the page templates by name, except figures and caveats."""
    makers = (
        *(scores_table, classes_table, differences_table),
        *(scales_table, agreement_table),
        *(costs_table, equivariance_table),
    )
    tables = [make(rows) for make in makers]
    table = rows[0].arm.per_image
    images = f"{len(table)} images"
    if "image" in table:
        images = f"{len(table)} patches of {table['image'].nunique()} images"
    return {
        "about": f"{len(rows)} arms, {len(runs)} tests of {images} each, on {runs[0].metrics['data']['name']}.",
        "findings": list(findings(rows)),
        "tables": [table for table in tables if table.rows],
        "recipe": recipe(runs[0], varied),
        "methods": METHODS,
    }


def render(name: str, content: dict[str, Any], out: Path) -> str:
    """Text of a page from its template; values are escaped in HTML only."""
    pages = environment(html=name.endswith(".html"))
    pages.filters["embedded"] = lambda file: base64.b64encode((out / file).read_bytes()).decode()
    return pages.get_template(f"comparison_page.{name.rpartition('.')[2]}.j2").render(content)
