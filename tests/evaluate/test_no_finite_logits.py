"""Test of a network whose logits are not finite: everything is written, and no score is a number."""

import csv
import json
from pathlib import Path

import pytest
import torch

from gequnet.evaluate.external_test import evaluate
from gequnet.runs.layout import RunFolder
from helpers.untrained_run import make_run

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning"),
]

SMALL = [
    "data=phantom_vessels",
    "data.source.size=40",
    "data.source.num_images={train: 2, val: 1, test: 2}",
    "data.patch_size=24",
    "width=fixed",
    "width.widths=[2,3]",
    "model=unet",
    "model.depth=2",
    "trainer=cpu",
]


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_network_that_gives_no_numbers_is_tested_to_the_end(value: float, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", *SMALL)
    checkpoint = run / "checkpoints" / "best.ckpt"
    state = torch.load(checkpoint, weights_only=True)
    name = [name for name, weights in state["state_dict"].items() if weights.is_floating_point()][-1]
    state["state_dict"][name].fill_(value)
    torch.save(state, checkpoint)
    with pytest.warns(UserWarning, match="The logits of test-000, test-001 are not finite"):
        folder = evaluate(run, out=tmp_path / "test")
    results = json.loads(RunFolder(folder).metrics.read_text())
    assert results["test"]
    assert set(results["test"].values()) == {None}
    with RunFolder(folder).per_image.open() as file:
        assert {value for row in csv.DictReader(file) for key, value in row.items() if "dice" in key} == {"nan"}
