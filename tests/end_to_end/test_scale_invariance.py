"""Networks trained at one scale and tested at others: masks of the Scale U-Net agree better than those of a U-Net."""

import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from gequnet.config.compose import compose
from gequnet.experiment import run

STUDY = ["experiment=scale_projections", "budget=cpu", "trainer=cpu", "validations=2", "logger=csv"]


@cache
def agreements(model: str, augment: str) -> dict[str, float]:
    """Agreement of f(s·x) with s·f(x) in the results of a run, for each magnification but 1."""
    folder = mkdtemp()
    run(compose([*STUDY, f"model={model}", f"augment={augment}", f"paths.run={folder}", f"paths.runs={folder}"]))
    scales = json.loads(Path(folder, "metrics.json").read_text())["scales"]
    found = {factor: scores["agreement"] for factor, scores in scales.items() if factor != "1"}
    floor = {factor: scores["agreement_floor"] for factor, scores in scales.items() if factor != "1"}
    print(f"{model}, {augment}: {found}; the labels: {floor}")
    assert min(floor.values()) > 0.95
    return found


@pytest.mark.slow
def test_trained_at_one_scale_masks_grow_with_the_image() -> None:
    found = agreements("scale_unet2d", "flips")
    assert set(found) == {"0.6", "0.7", "0.85", "1.2", "1.4", "1.6"}
    assert min(found.values()) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("augment", ["flips", "rescale"])
def test_they_do_so_better_than_those_of_a_plain_net_of_as_many_parameters(augment: str) -> None:
    plain, scale = (agreements(model, augment) for model in ("unet", "scale_unet2d"))
    assert min(scale.values()) > min(plain.values())
    assert sum(scale.values()) > sum(plain.values())
