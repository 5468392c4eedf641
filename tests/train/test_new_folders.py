"""A command that is refused leaves the disk as it was."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gequnet.errors import ConfigError

REFUSED = ["data=drive", "paths.data=/nowhere", "trainer=cpu"]


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ([], []),
        (["runs/drive/"], []),
        (["mine/"], ["hydra.run.dir=mine"]),
        (["mine/.hydra/hydra.yaml"], ["hydra.run.dir=mine"]),
        (["mine/note.txt"], ["hydra.run.dir=mine/deep/run"]),
    ],
)
def test_what_was_there_stays_and_nothing_else(
    there: list[str], words: list[str], typed: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in there:
        path = Path(name)
        (path if name.endswith("/") else path.parent).mkdir(parents=True)
        if not name.endswith("/"):
            path.write_text("mine")
    before = tree(Path())
    assert typed(*REFUSED, *words) == 2
    assert "DRIVE was not found" in capsys.readouterr().err
    kept = [name for name in tree(Path()) if not name.startswith("mine/.hydra")]
    assert kept == [name for name in before if not name.startswith("mine/.hydra")]
    assert Path("mine").is_dir() == any(name.startswith("mine") for name in there)


def test_what_a_run_has_written_stays(typed: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(cfg: object) -> float:
        Path("made/config.yaml").write_text("its")
        raise ConfigError("later")

    monkeypatch.setattr("gequnet.experiment.run", refused)
    assert typed("hydra.run.dir=made") == 2
    assert {"made/config.yaml", "made/.hydra/config.yaml"} <= set(tree(Path()))


@pytest.mark.parametrize(
    "word",
    ["optim.betas=[1,2]", "scheduler.warmup=2", "trainer.devices=abc", "~callbacks.best", "model=null", "seed=null"],
)
def test_a_value_that_is_refused_late_leaves_nothing_either(
    word: str, typed: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["width=fixed", "width.widths=[2,2]", "model.depth=2", "data.source.size=32", "trainer=cpu"]
    assert typed(*small, word) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert tree(Path()) == []
