"""Callbacks from outside the package are reported, logged and evaluated like those of the package."""

import json
from pathlib import Path

import pytest
import pytorch_lightning as pl

from gequnet import experiment
from gequnet.callbacks import LogImages
from gequnet.config.compose import compose, resolve
from gequnet.config.migrations import PICTURES, first_form, upgraded
from gequnet.evaluate.external_test import evaluate
from gequnet.evaluate.further_tests import callbacks_for
from gequnet.runs.callback_outputs import files_of, results_of, takes_part
from gequnet.runs.run_folder import load_config
from helpers.repository import CONF
from helpers.stripes import Stripes
from helpers.tiny_runs import TINY

MINE = "+callbacks.mine={_target_: helpers.stripes.Stripes, path: '${paths.run}/stripes.png'}"


def test_results_and_files_are_those_of_all_callbacks(tmp_path: Path) -> None:
    callbacks = [pl.Callback(), Stripes(str(tmp_path / "stripes.png"))]
    assert results_of(callbacks) == {"stripes": 3}
    assert files_of(callbacks) == {}
    (tmp_path / "stripes.png").touch()
    (tmp_path / "stripes.csv").touch()
    assert list(files_of(callbacks)) == ["stripes", "lines"]
    assert files_of(callbacks, ".png") == {"stripes": tmp_path / "stripes.png"}
    assert [takes_part(callback, "test") for callback in callbacks] == [False, True]
    assert not takes_part(callbacks[1], "tta")


def test_further_tests_have_the_callbacks_that_are_for_them(tmp_path: Path) -> None:
    cfg = resolve(compose(["paths.run=run"]))
    names = [type(callback).__name__ for callback in callbacks_for("tta", cfg, tmp_path)]
    assert names == ["Timing", "Predictions"]
    callbacks = callbacks_for("test", cfg, tmp_path)
    assert [type(callback).__name__ for callback in callbacks] == [
        *("Timing", "Predictions", "Contours", "UnlabelledImages", "Volumes", "SecondObserver", "Equivariance")
    ]
    assert callbacks[1].files()["predictions"] == tmp_path / "predictions.png"


@pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*treespec, LeafSpec:FutureWarning")
def test_a_callback_from_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(LogImages, "_send", staticmethod(lambda trainer, name, pixels: sent.append(name)))
    folder = tmp_path / "run"
    experiment.run(
        compose([*TINY, MINE, "logger=tensorboard", "trainer.max_steps=2", "validations=1", f"paths.run={folder}"])
    )
    assert f"{folder}/stripes.png" in capsys.readouterr().out
    assert json.loads((folder / "metrics.json").read_text())["stripes"] == 3
    assert "stripes" in sent
    assert {"curves", "confusion"} <= set(sent)
    monkeypatch.setenv("GEQUNET_TRUST", "helpers.stripes.Stripes")
    again = evaluate(folder)
    assert (again / "stripes.png").exists()
    assert str(again / "stripes.png") in capsys.readouterr().out
    assert json.loads((again / "metrics.json").read_text())["stripes"] == 3


@pytest.mark.parametrize("words", ["callbacks=[default,early_stopping]", "callbacks=early_stopping"])
def test_callbacks_are_added_by_name(words: str) -> None:
    names = list(compose(["paths.run=."]).callbacks)
    assert list(compose(["paths.run=.", words]).callbacks) == [*names, "early_stopping"]
    assert list(compose(["paths.run=.", words, "~callbacks.equivariance"]).callbacks) == [
        *(name for name in names if name != "equivariance"),
        "early_stopping",
    ]


def test_every_default_callback_has_a_yaml_of_its_own() -> None:
    assert len(list((CONF / "callbacks").glob("*.yaml"))) == len(compose(["paths.run=."]).callbacks) + 2


def test_the_list_of_all_pictures_is_null_today(tmp_path: Path) -> None:
    old = {"callbacks": {"pictures": {"paths": [f"/{name}" for name in PICTURES]}}, "seed": 0}
    new = {"callbacks": {"pictures": {"paths": None}}, "seed": 0}
    assert upgraded(old) == new
    assert first_form(new) == old
    explicit = {"callbacks": {"pictures": {"paths": ["a.png"]}}}
    assert upgraded(explicit) == explicit == first_form(explicit)
    assert upgraded({"callbacks": {}}) == {"callbacks": {}}
    nodes = "data: {}\nmodel: {}\npaths: {}\n"
    (tmp_path / "config.yaml").write_text(nodes + "callbacks: {pictures: {paths: ['/r/predictions.png']}}\n")
    assert load_config(tmp_path).callbacks.pictures.paths == ["/r/predictions.png"]
