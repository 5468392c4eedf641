"""Words beside ``resume=FOLDER``: repetitions of the folder's configuration are fine, others are refused by name."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from gequnet.config.compose import compose, resolve
from gequnet.errors import ConfigError
from gequnet.runs.resume import requested_config
from helpers.tiny_runs import TINY


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    cfg = resolve(compose([*TINY, "optim=sgd", "optim.lr=0.2", f"paths.run={folder}"]))
    cfg.model.widths = [4, 8]
    OmegaConf.save(cfg, folder / "config.yaml")
    return folder


def resumed(run: Path, *words: str) -> None:
    requested_config(compose([f"resume={run}", f"paths.run={run}", *words]))


def test_repetitions_are_fine(run: Path) -> None:
    resumed(run)
    resumed(run, *[word for word in TINY if not word.startswith("resume")], "optim=sgd", "optim.lr=2e-1")
    resumed(run, "model=unet", "trainer=cpu", "optim=sgd", "callbacks=default")


@pytest.mark.parametrize(
    ("words", "ignored"),
    [
        (["trainer.max_steps=30", "optim.lr=1e-4"], "trainer.max_steps=30 optim.lr=1e-4"),
        (["model=unet", "optim=adamw"], "optim=adamw"),
        (["data=drive"], "data=drive"),
        (["paths.data=/elsewhere"], "paths.data=/elsewhere"),
        (["seed=1", "optim.lr=0.2"], "seed=1"),
        (["~callbacks.timing"], "~callbacks.timing"),
        (["callbacks=early_stopping"], "callbacks=early_stopping"),
        (["+trainer.gradient_clip_algorithm=norm"], r"\+trainer.gradient_clip_algorithm=norm"),
    ],
)
def test_other_words_are_refused_by_name(words: list[str], ignored: str, run: Path) -> None:
    with pytest.raises(ConfigError, match=f"so it would ignore {ignored}: leave that out"):
        resumed(run, *words)
