"""Trained at one scale, asked at others: the masks of the Scale U-Net grow with the image, those of a U-Net less so."""

import json
from pathlib import Path

import pytest

from gequnet.composition import compose
from gequnet.experiment import run

STUDY = ["experiment=scale_projections", "budget=cpu", "trainer=cpu", "validations=2", "logger=csv"]
NETWORKS = {"plain": "model=unet", "scale": "model=scale_unet2d"}


@pytest.fixture(scope="module", params=["flips", "rescale"])
def agreements(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    """For each network and magnification: the agreement of f(s·x) with s·f(x), and that of the labels, its floor."""
    found: dict[str, dict[str, float]] = {}
    for name, model in NETWORKS.items():
        folder = tmp_path_factory.mktemp(name)
        run(compose([*STUDY, model, f"augment={request.param}", f"paths.run={folder}", f"paths.runs={folder}"]))
        scales = json.loads(Path(folder, "metrics.json").read_text())["scales"]
        scales.pop("1")
        found[name] = {factor: scores["agreement"] for factor, scores in scales.items()}
        found["floor"] = {factor: scores["agreement_floor"] for factor, scores in scales.items()}
    print(request.param, json.dumps(found, indent=1))
    return found


@pytest.mark.slow
def test_masks_grow_with_the_image(agreements: dict[str, dict[str, float]]) -> None:
    assert min(agreements["floor"].values()) > 0.95
    assert min(agreements["scale"].values()) >= 0.9


@pytest.mark.slow
def test_they_do_so_better_than_those_of_a_plain_net_of_as_many_parameters(
    agreements: dict[str, dict[str, float]],
) -> None:
    plain, scale = (agreements[name] for name in NETWORKS)
    assert min(scale.values()) > min(plain.values())
    assert sum(scale.values()) > sum(plain.values())
