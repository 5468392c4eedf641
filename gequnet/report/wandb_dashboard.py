"""A dashboard as code: the same runs as a workspace of Weights & Biases, seeds of one thing grouped into one line.

The workspace names the scalars that runs with ``logger=wandb`` send, see ``docs/conventions.md``; it is built without a
network, from folders, and is only as wide as what was measured in them.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gequnet.config.extras import optional_imports
from gequnet.errors import ConfigError
from gequnet.report.finished_runs import Run
from gequnet.report.scalars import element_name

STEP = "trainer/global_step"
PICTURES = ("predictions", "contours", "confusion", "unlabelled", "curves")
PROJECT, ENTITY = "logger.project", "logger.entity"


def write_dashboard(runs: Sequence[Run], out: Path, place: str = "") -> Path:
    """Writes the specification of a workspace as JSON, in the form in which W&B stores it.

    Args:
        runs: finished ones.
        out: of the JSON.
        place: ``ENTITY/PROJECT``; that of the runs if it is empty.

    Returns:
        ``out``.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    text = workspace(runs, place)._to_model().model_dump_json(by_alias=True, exclude_none=True, indent=2)
    out.write_text(text + "\n", encoding="utf-8")
    return out


def save_dashboard(runs: Sequence[Run], place: str = "") -> str:
    """Saves the workspace at W&B and returns its address.

    Raises:
        ConfigError: nobody knows whose it is to be, or W&B does not take it.
    """
    made = workspace(runs, place)
    if not made.entity:
        raise ConfigError("The runs do not say to whom at W&B they belong: give --save ENTITY/PROJECT.")
    try:
        return str(made.save().url)
    except Exception as error:  # of the network, of credentials, of a project that is not there: all come from W&B
        raise ConfigError(f"W&B has not taken the dashboard ({error}): `wandb login`, or see --save.") from None


def workspace(runs: Sequence[Run], place: str = "") -> Any:
    """The workspace, built and not yet sent.

    Args:
        runs: finished ones.
        place: ``ENTITY/PROJECT``.
    """
    with optional_imports():  # most reports can do without
        import wandb_workspaces.workspaces as ws

    entity, _, project = place.rpartition("/")
    settings = runs[0].settings
    sections = [ws.Section(name=name, panels=list(panels), is_open=True) for name, panels in contents(runs)]
    return ws.Workspace(
        entity=entity or settings.get(ENTITY) or "",
        project=project or settings.get(PROJECT) or "gequnet",
        name=f"gequnet, {runs[0].metrics['data']['name']}",
        sections=[section for section in sections if section.panels],
        settings=ws.WorkspaceSettings(x_axis=STEP),
        runset_settings=ws.RunsetSettings(groupby=[ws.Metric("Group")]),
    )


def contents(runs: Sequence[Run]) -> Iterator[tuple[str, Iterable[Any]]]:
    """The sections by name, each with its panels."""
    with optional_imports():
        import wandb_workspaces.reports.v2 as wr

    def lines(title: str, *names: str) -> Any:
        return wr.LinePlot(title=title, x=STEP, y=list(names))

    def bars(title: str, names: Iterable[str]) -> Any:
        return wr.BarPlot(title=title, metrics=list(names))

    scores = list(dict.fromkeys(name for run in runs for name in run.metrics["test"]))
    elements = list(dict.fromkeys(name for run in runs for name in run.metrics.get("equivariance", {})))
    score = f"test/{runs[0].score}"
    curves = {"train/loss": "loss, patches", "val/loss": "loss, validation", "val/dice": "Dice, validation"}
    yield "Training", [lines(title, name) for name, title in (curves | {"train/lr": "learning rate"}).items()]
    yield "Test", [bars(name, [f"test/{name}"]) for name in sorted(scores, key=lambda name: f"test/{name}" != score)]
    if elements:
        names = [f"test/equivariance/{element_name(element)}" for element in elements]
        yield "Symmetry", [bars("equivariance error", names)]
    costs = ("cost/parameters", "cost/flops", "train/seconds_per_step", "test/seconds_per_image")
    against = wr.ScatterPlot(title="score against cost", x=wr.SummaryMetric("cost/flops"), y=wr.SummaryMetric(score))
    yield "Costs", [against, *(bars(name, [name]) for name in costs)]
    yield "Pictures", [wr.MediaBrowser(media_keys=[name]) for name in PICTURES if _drawn(runs, name)]
    machine = {"system.cpu": "CPU, %", "system.memory_percent": "memory, %", "system.gpu.0.gpu": "GPU 0, %"}
    yield "System", [wr.LinePlot(title=title, y=[name]) for name, title in machine.items()]


def _drawn(runs: Sequence[Run], name: str) -> bool:
    return any((run.folder / f"{name}.png").exists() for run in runs)
