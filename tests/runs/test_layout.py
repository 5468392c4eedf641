"""Files of run folders: their names are in one place."""

import ast
from collections.abc import Iterator
from pathlib import Path

from gequnet.runs.layout import File, RunFolder, SweepFolder, find_results, find_sweep_folders
from helpers.repository import ROOT

LAYOUT = ROOT / "gequnet" / "runs" / "layout.py"
NAMES = {
    Path(value.name).name
    for folder in (RunFolder, SweepFolder)
    for value in vars(folder).values()
    if isinstance(value, File)
}


def spelled(path: Path) -> Iterator[str]:
    """Strings of a file that are or end in one of the names; sentences do not count."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value.strip():
            name = node.value.strip().rpartition("/")[2].removesuffix(".part")
            if name in NAMES and "." in name:
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.value}"


def test_no_other_file_spells_their_names() -> None:
    assert {"config.yaml", "metrics.json", "per_image.csv", "best.ckpt", "sweep.json", "error.txt"} <= NAMES
    files = [path for folder in ("gequnet", "hydra_plugins") for path in sorted((ROOT / folder).rglob("*.py"))]
    assert [text for path in files if path != LAYOUT for text in spelled(path)] == []


def test_a_run_is_finished_when_it_has_metrics(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "sweep" / "job")
    run.path.mkdir(parents=True)
    assert [run.is_run, run.is_finished, run.has_failed, run.sweep.is_sweep] == [False] * 4
    assert run.read_fingerprint() is None
    run.config.touch()
    run.error.touch()
    run.fingerprint.write_text("f00d\n")
    run.sweep.plan.write_text('{"jobs": []}')
    assert run.is_run
    assert run.has_failed
    assert not run.is_finished
    assert run.sweep.is_sweep
    assert run.read_fingerprint() == "f00d"
    assert run.sweep.read_plan() == {"jobs": []}
    assert run.sweep.finished_jobs() == []
    run.metrics.write_text('{"seed": 3}')
    assert run.is_finished
    assert run.read_metrics() == {"seed": 3}
    assert [job.path for job in run.sweep.finished_jobs()] == [run.path]
    assert [found.path for found in find_results(tmp_path)] == [run.path]
    assert [found.path for found in find_sweep_folders(tmp_path)] == [run.sweep.path]
