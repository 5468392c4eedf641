"""Scores as records: complete, in the docs, and open to scores from outside the package.

``PYTHONPATH=.:tests python tests/metrics/test_scores.py`` writes ``docs/scores.md``.
"""

import csv
import json
import pickle
import sys
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest.mock import Mock

import pytest
import pytorch_lightning as pl
import torch
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from gequnet.config.build import build
from gequnet.config.compose import compose, resolve
from gequnet.config.migrations import first_form
from gequnet.errors import ConfigError
from gequnet.metrics import SCORES, Score, SegmentationMetrics
from gequnet.metrics.score_record import COUNTS, MASKS, OBJECTS
from gequnet.metrics.scores import find_score, score, scores_from_facts
from gequnet.metrics.threshold_curve import ThresholdCurve
from gequnet.report import metrics_json
from gequnet.report.comparison_page import write_report
from gequnet.report.model_card import write_card
from gequnet.train.validate_config import validate_config
from helpers.made_runs import made_run
from helpers.repository import CONF

PAGE = Path(__file__).parents[2] / "docs/scores.md"
HEAD = """# Scores

This page lists the records of `gequnet/metrics/scores.py`. Definitions are in
[conventions.md](conventions.md).

- “better”: ↑ higher is better, ↓ lower is better.
- “validation”: the score is also computed in validation; all scores are computed in the test.
- “threshold”: `threshold_by` may name the score.
- “only with”: the setting of the data that the score needs.
- A length is in mm, and its name ends in `_mm`. Where the spacing of voxels is not known, it is in
  pixels, and its name ends in `_px`.

| name | heading | better | unit | validation | threshold | only with | meaning |
|---|---|---|---|---|---|---|---|
"""


def page():
    return HEAD + "".join(f"| {' | '.join(cells(each))} |\n" for each in SCORES.values())


def cells(each):
    names = ", ".join(f"`{name}`" for name in each.names)
    validation = each.of_counts and each.only_with is None
    switch = f"`data.{each.only_with}`" if each.only_with else ""
    unit = ", ".join(each.unit_words(unit) for unit in each.units)
    flags = ["yes" if flag else "" for flag in (validation, each.chooses_threshold)]
    return [names, each.heading, "↓" if each.lower_is_better else "↑", unit, *flags, switch, each.description]


def volume_error():
    """A score of counts from outside the package, as a plugin has it."""
    return Score(
        name="volume_error",
        heading="volume error",
        description="difference of predicted and true volume over the true volume",
        function=relative_difference,
        lower_is_better=True,
        unit="%",
        chooses_threshold=True,
        by_class=True,
    )


def relative_difference(counts):
    difference = (counts.false_positive - counts.false_negative).abs().double()
    return 100 * difference / (counts.true_positive + counts.false_negative)


class Distance(Score):
    """A score of masks from outside the package, as a class."""

    def __init__(self, name="centre_distance"):
        facts = {"heading": "distance of centres", "description": "distance of the centres of mass"}
        super().__init__(name=name, function=centre_distance, needs=(*MASKS, "spacing"), unit="mm", **facts)


def centre_distance(preds, target, valid, spacing):
    scale = torch.ones(preds.ndim) if spacing is None else spacing
    return ((mask_centre(preds & valid) - mask_centre(target & valid)) * scale).norm()


def mask_centre(mask):
    return mask.nonzero().float().mean(0)


EXTRA = {"any": volume_error(), "other": Distance()}
METRICS = partial(SegmentationMetrics, 1, "sigmoid", ["vessel"], fov=False, extra_scores=EXTRA)


@pytest.fixture
def plugin(monkeypatch):
    """A package that is not gequnet, with two scores."""
    module = ModuleType("my_plugin")
    module.volume_error, module.Distance = volume_error, Distance
    monkeypatch.setitem(sys.modules, "my_plugin", module)
    return module


def test_every_built_in_score_has_all_facts() -> None:
    records = list(SCORES.values())
    assert list(SCORES) == [each.name for each in records]
    assert len({each.heading for each in records}) == len(records)
    assert len({each.description for each in records}) == len(records)
    names = [name for each in records for name in each.names]
    assert len(set(names)) == len(names)
    for each in records:
        assert callable(each.function)
        assert each.heading
        assert each.description
        assert not each.description.endswith(".")
        assert "lower is better" not in each.description
        assert all(find_score(f"{name}_fov/vessel") is each for name in each.names)


def test_the_docs_list_the_records() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "see the first lines of this file"


def test_records_that_do_not_fit_together_are_refused() -> None:
    make = partial(Score, heading="a", description="b")
    with pytest.raises(ConfigError, match="lower case letters"):
        make(name="Volume error")
    with pytest.raises(ConfigError, match="alone"):
        make(name="a", needs=("counts", "preds"))
    with pytest.raises(ConfigError, match="alone"):
        make(name="a", needs=("logits",))
    with pytest.raises(ConfigError, match="only_with=None"):
        make(name="a", needs=OBJECTS)
    with pytest.raises(ConfigError, match="only_with=fov"):
        make(name="a", only_with="fov")
    with pytest.raises(ConfigError, match="cannot choose a threshold"):
        make(name="a", needs=(*MASKS, "spacing"), chooses_threshold=True)
    for wrong, match in ((SCORES["dice"], "already"), ("dice", "has a str"), (make(name="a", needs=("bins",)), "bins")):
        with pytest.raises(ConfigError, match=match):
            SegmentationMetrics(1, "sigmoid", ["a"], fov=False, extra_scores={"x": wrong})
    with pytest.raises(ConfigError, match="call its own function"):
        score("hd95", *[torch.ones(3, 3) > 0] * 3)
    assert make(name="a", needs=["counts"]).needs == COUNTS


def test_an_extra_score_is_computed_in_validation_and_test() -> None:
    mask = torch.zeros(1, 8, 8, dtype=torch.long)
    mask[:, 2:6, 2:6] = 1
    logits = 4.0 * mask.unsqueeze(1) - 2
    logits[:, :, 5, 2:6] = -2  # a row less: 4 of 16 pixels, and the centre moves by half a pixel
    for full, unit, spacing in ((True, "px", None), (True, "mm", torch.tensor([[3.0, 1.0]])), (False, "", None)):
        metrics = pickle.loads(pickle.dumps(METRICS(full=full)))
        metrics.update(logits, mask, torch.ones(1, 8, 8) > 0, ["x"], spacing=spacing)
        scores = metrics.compute()
        assert scores["volume_error"] == 25
        assert [name for name in scores if "centre" in name] == ([f"centre_distance_{unit}"] if full else [])
        if full:
            assert scores[f"centre_distance_{unit}"] == (1.5 if unit == "mm" else 0.5)
            [row] = metrics.per_image()
            assert row["volume_error"] == 25


def test_an_extra_score_is_a_node_of_the_configuration(plugin, tmp_path: Path) -> None:
    """One file and one yaml: the yaml lies in a folder on Hydra's search path."""
    folder = tmp_path / "conf" / "metrics"
    folder.mkdir(parents=True)
    (folder / "volume_error.yaml").write_text(
        "defaults: [default]\nextra_scores:\n  volume_error:\n    _target_: my_plugin.volume_error\n"
        "  distance:\n    _target_: my_plugin.Distance\n"
    )
    words = ["metrics=volume_error", f"hydra.searchpath=[file://{tmp_path}/conf]", "paths.run=."]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = hydra_compose("config", words, return_hydra_config=False).metrics
    cfg = resolve(compose(["paths.run=.", "threshold_by=dice"]))
    cfg.metrics.extra_scores = composed.extra_scores
    metrics = build(cfg.metrics)(full=True)
    assert [each.name for each in metrics.extra_scores] == ["volume_error", "centre_distance"]
    cfg.threshold_by = "volume_error"
    validate_config(cfg)
    cfg.threshold_by = "centre_distance"
    with pytest.raises(ConfigError, match="There is no threshold_by=centre_distance"):
        validate_config(cfg)


def test_a_threshold_is_chosen_by_an_extra_score() -> None:
    curve = ThresholdCurve(volume_error())
    logits = torch.tensor([0.2, 0.3, 0.9]).logit().view(1, 1, 1, 3)
    curve.update(logits, torch.tensor([[[0, 1, 1]]]), torch.ones(1, 1, 3).bool(), ["left"])
    found = curve.compute()
    assert (found["volume_error above 0.1"], found["volume_error above 0.25"]) == (50, 0)


def test_a_configuration_without_extra_scores_keeps_its_first_form() -> None:
    node = {"_target_": "gequnet.metrics.SegmentationMetrics", "extra_scores": {}, "fov": False}
    old = {"_target_": "gequnet.metrics.segmentation.SegmentationMetrics", "fov": False}
    assert first_form({"metrics": node, "x": [node]}) == {"metrics": old, "x": [old]}
    more = {"a": {"_target_": "my_plugin.volume_error"}}
    assert first_form(node | {"extra_scores": more}) == old | {"extra_scores": more}


def summary_with_extra_scores(values) -> dict:
    """The part of ``metrics.json`` that a test with the extra scores writes."""
    scores = {f"test/{name}": torch.tensor(value) for name, value in values.items()}
    trainer = Mock(spec=pl.Trainer, callback_metrics=scores, callbacks=[])
    task = SimpleNamespace(net=torch.nn.Identity(), test_metrics=METRICS(full=True))
    data = SimpleNamespace(name="a", splits={}, split_hash="b")
    cfg = OmegaConf.create({"chosen": {"arm": None}, "seed": 0})
    summary = metrics_json.summarise(cfg, data, task, trainer)
    return json.loads(json.dumps({name: summary[name] for name in ("test", "extra_scores")}))


def test_an_extra_score_reaches_metrics_json_the_table_and_the_card(tmp_path: Path) -> None:
    values = {"dice": 0.8, "volume_error": 12.5, "volume_error/a": 10.0, "centre_distance_mm": 3.0, "iou": 0.7}
    written = summary_with_extra_scores(values)
    error = scores_from_facts(written["extra_scores"])[0]
    assert (error.heading, error.unit, error.lower_is_better) == ("volume error", "%", True)
    for model in ("unet", "e2unet"):
        made_run(tmp_path / model, f"model={model}", metrics=written)
    write_report([tmp_path], tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()
    heading = next(line for line in text.splitlines() if "Dice against the reference" in line)
    assert heading.startswith("|  | Dice | IoU | volume error, % ↓ | distance of centres, mm | seeds |")
    assert "| 12.5000 ± – | 3.0000 ± – |" in text
    assert "a: volume error, % ↓" in text
    assert "volume error: difference of predicted and true volume over the true volume." in text
    card = write_card(tmp_path / "unet").read_text()
    assert "difference of predicted and true volume over the true volume, in %; lower is better; of a |" in card
    assert "distance of the centres of mass, in mm |" in card
    with (tmp_path / "out" / "report.csv").open() as file:
        columns = next(csv.reader(file))
    assert "test.volume_error" in columns
    assert not [name for name in columns if name.startswith("extra_scores")]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
