"""Dashboard of finished runs as a workspace of Weights & Biases, with the seeds of a run grouped into one line.

The workspace names the scalars that runs with ``logger=wandb`` send, see ``docs/conventions.md``. It is built offline
from the folders of the runs, and shows only what was measured in them.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gequnet.config.extras import optional_imports
from gequnet.errors import ConfigError
from gequnet.report.finished_runs import Run
from gequnet.report.scalars import element_name
from gequnet.runs.callback_outputs import PICTURE

STEP = "trainer/global_step"
PROJECT, ENTITY = "logger.project", "logger.entity"


def write_dashboard(runs: Sequence[Run], out: Path, place: str = "") -> Path:
    """Write the specification of a workspace as JSON, in W&B's own format.

    Args:
        runs: finished ones.
        out: of the JSON.
        place: ``ENTITY/PROJECT``; if empty, that of the runs.

    Returns:
        ``out``.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    text = workspace(runs, place)._to_model().model_dump_json(by_alias=True, exclude_none=True, indent=2)
    out.write_text(text + "\n", encoding="utf-8")
    return out


def save_dashboard(runs: Sequence[Run], place: str = "") -> str:
    """Save the workspace at W&B and return its URL.

    Raises:
        ConfigError: the entity is not known, or W&B refuses the workspace.
    """
    made = workspace(runs, place)
    if not made.entity:
        raise ConfigError("The runs have no W&B entity: give --save ENTITY/PROJECT.")
    try:
        return str(made.save().url)
    except Exception as error:  # W&B raises errors of many kinds: network, credentials, missing project
        raise ConfigError(f"W&B has not taken the dashboard ({error}): `wandb login`, or see --save.") from None


def workspace(runs: Sequence[Run], place: str = "") -> Any:
    """Workspace of runs, not yet saved.

    Args:
        runs: finished ones.
        place: ``ENTITY/PROJECT``.
    """
    with optional_imports():  # most reports can do without
        import wandb_workspaces.workspaces as ws

    entity, _, project = place.rpartition("/")
    settings = runs[0].settings
    sections = [ws.Section(name=name, panels=list(panels), is_open=True) for name, panels in panel_sections(runs)]
    return ws.Workspace(
        entity=entity or settings.get(ENTITY) or "",
        project=project or settings.get(PROJECT) or "gequnet",
        name=f"gequnet, {runs[0].metrics['data']['name']}",
        sections=[section for section in sections if section.panels],
        settings=ws.WorkspaceSettings(x_axis=STEP),
        runset_settings=ws.RunsetSettings(groupby=[ws.Metric("Group")]),
    )


def panel_sections(runs: Sequence[Run]) -> Iterator[tuple[str, Iterable[Any]]]:
    """Sections of a workspace by name, each with its panels."""
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
    yield "Pictures", [wr.MediaBrowser(media_keys=[name]) for name in _pictures(runs)]
    machine = {"system.cpu": "CPU, %", "system.memory_percent": "memory, %", "system.gpu.0.gpu": "GPU 0, %"}
    yield "System", [wr.LinePlot(title=title, y=[name]) for name, title in machine.items()]


def _pictures(runs: Sequence[Run]) -> list[str]:
    return sorted({path.stem for run in runs for path in run.folder.glob(f"*{PICTURE}")})
