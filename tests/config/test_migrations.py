"""Values that version 0.1.0 had in ``data`` are in ``scoring``, by either name, and runs before and after compare."""

import pytest
from omegaconf import OmegaConf

from gequnet.config.compose import compose, resolve
from gequnet.config.migrations import SCORING, current_words, first_form, first_words, upgraded
from gequnet.report.finished_runs import flattened
from gequnet.sweep.jobs import sweep_name

OLD = ["data.surface=true", "data.tolerance_mm=2.0", "data.curve_bins=100", "data.partition=true", "data.background=x"]
NEW = [word.replace("data.", "scoring.") for word in OLD]


def test_old_words_mean_what_they_meant_and_name_the_same_folder() -> None:
    assert current_words(["data=drive", *OLD, "~data.surface"]) == ["data=drive", *NEW, "~scoring.surface"]
    assert first_words(current_words(OLD)) == OLD
    assert compose(["paths.run=.", *OLD]) == compose(["paths.run=.", *NEW])
    assert sweep_name(OLD) == sweep_name(NEW)
    assert current_words(["data.background", "data.surfaces=1", "data.source.surface=1"]) == [
        "scoring.background",
        "data.surfaces=1",
        "data.source.surface=1",
    ]


@pytest.mark.parametrize("data", ["drive", "brats", "msd", "isbi2012"])
def test_a_configuration_goes_to_the_first_form_and_back(data: str) -> None:
    cfg = OmegaConf.to_container(resolve(compose([f"data={data}", "paths.run=."])))
    assert isinstance(cfg, dict)
    first = first_form(cfg)
    assert "scoring" not in first
    assert set(SCORING) <= set(first["data"])
    settings = flattened(cfg)
    # Empty or false, which is what their absence means.
    newer = (".extra_scores", ".nodata", ".outside_weight")
    added = {name for name, value in settings.items() if name.endswith(newer) and not value}
    assert flattened(upgraded(first)) == {name: value for name, value in settings.items() if name not in added}
    assert upgraded(cfg) == cfg


def test_scores_and_callbacks_read_what_a_dataset_writes() -> None:
    brats, slices = (resolve(compose([f"data={name}", "paths.run=."])) for name in ("brats", "isbi2012"))
    assert (brats.metrics.surface, brats.metrics.curve_bins, brats.metrics.tolerance_mm) == (True, 1000, 1.0)
    assert (slices.metrics.partition, slices.callbacks.confusion.background) == (True, "cell")
