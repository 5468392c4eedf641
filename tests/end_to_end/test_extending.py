"""A loss, network, dataset, score and callback from a package outside gequnet, as docs/extending.md shows them."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

import gequnet
from gequnet.errors import ConfigError
from helpers.repository import ROOT, TESTS

PLUGIN = TESTS / "plugin" / "my_plugin"
NETWORK = "my_plugin.dilated_net.DilatedNet"
SEARCH_PATH = "hydra.searchpath=[pkg://my_plugin.conf]"
CHOICES = ["model=dilated_net", "data=discs", "loss=absolute_error", "metrics=size_error"]
CHOICES += ["callbacks=largest_gradient"]
TINY = ["width.widths=[4,4]", "width=fixed", "model.depth=2", "data.batch_size=2", "trainer=cpu", "trainer.max_steps=2"]
TINY += ["validations=1", "~callbacks.predictions", "~callbacks.contours", "callbacks.equivariance.images=1"]

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning"),
]


def files_on_the_page() -> dict[str, str]:
    """The text of each file that docs/extending.md shows, by its path."""
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^`(my_plugin/\S+)`\n\n```\w+\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))


@pytest.fixture
def run(typed: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run of two steps with everything from the plugin."""
    monkeypatch.syspath_prepend(PLUGIN.parent)
    assert typed(SEARCH_PATH, *CHOICES, *TINY) == 0
    (metrics,) = tmp_path.glob("runs/*/*/*/metrics.json")
    return metrics.parent


def test_page_shows_every_file_of_the_plugin() -> None:
    files = [path for path in PLUGIN.rglob("*") if path.suffix in (".py", ".yaml") and path.name != "__init__.py"]
    assert files_on_the_page() == {
        path.relative_to(PLUGIN.parent).as_posix(): path.read_text(encoding="utf-8") for path in files
    }


def test_trains_and_loads_with_parts_from_outside(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    assert cfg["model"]["_target_"] == "my_plugin.dilated_net.DilatedNet"
    assert cfg["loss"]["_target_"] == "my_plugin.absolute_error.AbsoluteErrorLoss"
    assert cfg["data"]["source"]["_target_"] == "my_plugin.discs.Discs"
    assert cfg["callbacks"]["history"]["_target_"] == "gequnet.callbacks.History"
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["steps"] == 2
    assert metrics["largest_gradient"] > 0
    assert metrics["test"]["size_error"] >= 0
    assert "relative to the true size; lower is better" in (run / "card.md").read_text(encoding="utf-8")
    assert (run.parent.name, run.parent.parent.name) == ("dilated_net_none", "discs")
    with pytest.raises(ConfigError, match=re.escape(f"GEQUNET_TRUST={NETWORK}.")):
        gequnet.load(run)
    monkeypatch.setenv("GEQUNET_TRUST", NETWORK)
    assert gequnet.load(run).predict(torch.zeros(20, 30).numpy()).shape == (20, 30)


def test_loss_is_the_mean_absolute_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(PLUGIN.parent)
    from my_plugin.absolute_error import AbsoluteErrorLoss

    logits, mask = torch.randn(2, 1, 5, 6), torch.randint(2, (2, 5, 6))
    valid = torch.rand(2, 5, 6) > 0.5
    expected = torch.nn.functional.l1_loss(logits.sigmoid()[:, 0][valid], mask[valid].float())
    torch.testing.assert_close(AbsoluteErrorLoss("sigmoid")(logits, mask, valid), expected)


@pytest.mark.slow
def test_network_starts_from_a_run_of_its_own_kind(
    run: Path, typed: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEQUNET_TRUST", NETWORK)
    second = run.parent / "second"
    started = [f"init_from={run}", "finetune=frozen", f"paths.run={second}"]
    assert typed(SEARCH_PATH, *CHOICES, *TINY, *started) == 0
    metrics = json.loads((second / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["init_from"]["left"] == {}
