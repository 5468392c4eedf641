"""Model card of a run: the facts of its folder, and "unknown" for missing ones."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from gequnet.callbacks.equivariance import mean_report
from gequnet.config.compose import compose
from gequnet.config.explain import choices
from gequnet.data.download.catalogue import CATALOGUE, DECATHLON
from gequnet.data.download.licences import UNKNOWN, terms_of
from gequnet.errors import ConfigError
from gequnet.metrics.scores import SCORES, base_name
from gequnet.metrics.segmentation import SegmentationMetrics
from gequnet.nets.unet import UNet
from gequnet.report.model_card import main, write_card
from gequnet.report.model_card_facts import FAMILIES
from gequnet.report.score_descriptions import describe_score
from gequnet.symmetry.equivariance import equivariance_report
from helpers.made_runs import made_run

DICE = np.array([0.5, 0.75, 0.8, 0.9])


def card(folder: Path) -> str:
    return write_card(folder).read_text()


def cells(text: str) -> list[list[str]]:
    """Rows of all tables; an escaped bar does not separate cells."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def facts(text: str) -> dict[str, str]:
    return {row[0]: row[1] for row in cells(text) if len(row) == 2}


def test_what_the_folder_says(tmp_path: Path) -> None:
    run = made_run(
        tmp_path / "run",
        *("model=e2unet", "group=d4", "data=hrf", "seed=3", "threshold_by=iou", "metrics.threshold=0.35"),
        dice=DICE,
        fov=True,
        metrics={"fingerprint": "f00d", "threshold": 0.35, "init_from": {"run": "x", "data": "camvid"}},
    )
    text = card(run)
    said = facts(text)
    assert text.startswith("# e2unet d4, trained on hrf\n")
    assert (said["family"], said["parameters"]) == (FAMILIES["E2UNet"], "62000")
    assert (said["licence"], said["from"]) == (CATALOGUE["hrf"].licence, CATALOGUE["hrf"].home)
    assert "Budai" in said["to be cited"]
    assert said["images"] == "48 train, 8 val, 4 test"
    assert said["split"] == "SHA-256 f62c"
    assert (
        said["started from"]
        == f"a network trained on {CATALOGUE['camvid'].title} (licence: CC BY-NC 4.0: personal and research use)"
    )
    assert (said["loss"], said["optimizer"], said["optimizer steps"]) == ("dice_ce", "AdamW", "1000")
    assert (said["augmentation"], said["precision"], said["seed"]) == ("flips", "32-true", "3")
    assert (said["patches a step"], said["patch size"]) == ("8", "128")
    assert said["threshold"] == "0.35, of the best iou on the validation images"
    assert said["commit of gequnet"] == "58ef852"
    assert said["fingerprint of the recipe"] == "f00d"
    assert "not a medical device" in text
    assert "4 test images are few" in text
    assert f'net = gequnet.load("{run.name}")' in text
    assert f"python -m gequnet.predict {run.name} IMAGES" in text
    assert "[H, W, 3]" in text


def test_numbers_are_those_of_the_test_with_their_meaning(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", "model=unet", dice=DICE)
    table = pd.read_csv(run / "per_image.csv")
    table.loc[0, "iou"] = np.nan  # an image without this score
    table.to_csv(run / "per_image.csv", index=False)
    rows = {row[0]: row for row in cells(card(run)) if len(row) == 4}
    assert rows["dice"] == ["dice", f"0.7375 ± {DICE.std(ddof=1):.4f}", "4", describe_score("dice")]
    assert rows["iou"][1:3] == [f"0.6000 ± {(0.8 * DICE[1:]).std(ddof=1):.4f}", "3"]
    assert rows["roc_auc"][1:3] == ["not defined", "all pixels"]


def test_equivariance_is_what_was_measured(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = UNet(in_channels=1, num_classes=1, widths=[2, 3]).eval()
    measured = mean_report([equivariance_report(net, torch.randn(1, 1, 24, 24))])
    run = made_run(tmp_path / "run", "model=unet", metrics={"equivariance": measured})
    rows = {row[0]: row[1:] for row in cells(card(run)) if len(row) == 4 and row[0] in measured}
    assert set(rows) == set(measured)
    for element, row in rows.items():
        assert row[0] == f"{measured[element]['error']:.1e}"
        assert row[2] == ("no" if "in_group" in measured[element] else "–")
    assert rows["45°"][1] == f"{measured['45°']['floor']:.1e}"


def test_further_tests_are_listed(tmp_path: Path) -> None:
    run = made_run(
        tmp_path / "run", "model=unet", dice=0.8, metrics={"scales": {"0.5": {"dice": 0.7}, "1": {"dice": 0.8}}}
    )
    assert "only. Other cameras" in card(run)
    made_run(run, "model=unet", dice=0.85, evaluation="tta_d4")
    for name, dice, familiar in (("stare", 0.6, {}), ("hrf", 0.9, {"train": ["a"]}), ("drive", 0.5, None)):
        made_run(tmp_path / name, "model=unet", dice=dice, images=5)
        folder = run / "evaluations" / name
        folder.parent.mkdir(exist_ok=True)
        (tmp_path / name).rename(folder)
        (folder / "config.yaml").unlink()
        metrics = json.loads((folder / "metrics.json").read_text())
        metrics |= {"evaluation": f"on {name}", "run": "../..", "trained_on": {}, "seen_in_training": familiar}
        metrics["data"]["name"] = name
        (folder / "metrics.json").write_text(json.dumps(metrics))
    text = card(run)
    rows = [row for row in cells(text) if len(row) == 3]
    assert rows[1:] == [
        ["on drive, not known if it was trained on them", "5", "0.5000 (dice)"],
        ["on hrf, some of which it was trained on", "5", "0.9000 (dice)"],
        ["on stare", "5", "0.6000 (dice)"],
        ["with D4 averaging", "8", "0.8500 (dice)"],
        ["on its test images, magnified by 0.5", "8", "0.7000 (dice)"],
    ]
    assert "and on drive, hrf, stare (above). Other cameras" in text
    assert "another resolution" not in text


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", "model=unet", "data=folder", dice=DICE)
    metrics = json.loads((run / "metrics.json").read_text())
    metrics = {name: value for name, value in metrics.items() if name not in ("equivariance", "versions", "val_best")}
    del metrics["data"]["split_hash"]
    (run / "metrics.json").write_text(json.dumps(metrics))
    text = card(run)
    said = facts(text)
    assert said["licence"] == said["from"] == said["to be cited"] == UNKNOWN
    assert said["commit of gequnet"] == said["on"] == said["fingerprint of the recipe"] == "not recorded"
    assert said["split"] == "SHA-256 not recorded"
    assert said["checkpoint"].endswith("not defined")
    assert "was not measured in this run." in text
    assert "licence of its images is not known" in text


def test_volumes_classes_and_regions(tmp_path: Path) -> None:
    volumes = card(made_run(tmp_path / "msd", "model=unet3d", "data=msd", metrics={"equivariance": None}))
    assert "The mask holds 0 for background, 1 for anterior, 2 for posterior." in volumes
    assert "every voxel of an image which of background, anterior and posterior it is" in volumes
    assert "# [X, Y, Z]" in volumes
    assert "(it never is on volumes)" in volumes
    assert facts(volumes)["threshold"] == "none: the most probable class is taken"
    assert facts(volumes)["patch size"] == "32 x 40 x 32"
    assert "Task04_Hippocampus" in facts(volumes)["dataset"]
    regions = card(made_run(tmp_path / "brats", "model=unet3d", "data=brats", metrics={"equivariance": None}))
    assert "a mask of 0 and 1 for each of whole, core, enhancing, in this order" in regions
    assert "# [4, X, Y, Z]" in regions
    drawn = card(made_run(tmp_path / "drawn", "model=unet"))
    assert "It was trained on drawings only" in drawn
    assert "Subgroups of the images" not in drawn


def test_every_table_is_one(tmp_path: Path) -> None:
    """A bar in a name does not begin a column."""
    names = ["data.source.palette={sky|cloud:0,*road*:1}", "data.num_classes=2"]
    text = card(made_run(tmp_path / "run", "model=unet", "data=folder", *names, dice=DICE))
    assert {len(row) for row in cells(text)} == {2, 4}
    assert facts(text)["classes"] == r"sky\|cloud, \*road\*"


def test_what_is_no_finished_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="is not the folder of a finished run"):
        write_card(tmp_path)
    assert main([str(tmp_path)]) == 2
    assert "is not the folder of a finished run" in capsys.readouterr().err
    run = made_run(tmp_path / "run", "model=unet")
    assert main([str(run)]) == 0
    assert str(run / "card.md") in capsys.readouterr().out
    assert not list(run.glob(".part-*"))


@pytest.mark.parametrize("name", choices()["data"])
def test_the_terms_of_every_dataset_are_known(name: str) -> None:
    """Each choice of conf/data, by the name in a run."""
    cfg = compose([f"data={name}", "paths.run=."])
    found = terms_of(cfg.data.name, cfg.data.source.get("task"))
    known = UNKNOWN not in (found.title, found.home, found.licence, found.cite)
    assert known == (name != "folder")
    assert found.drawn == name.startswith("phantom")
    assert all((found.title, found.home, found.licence, found.cite))


def test_terms_of_parts_and_of_what_nobody_knows() -> None:
    assert {terms_of("msd", task).title.rpartition(" ")[2] for task in DECATHLON} == set(DECATHLON)
    assert terms_of("msd", "Task99_Mine").licence == terms_of("my_own").licence == UNKNOWN
    pool = terms_of("retina")
    for name in ("drive", "stare", "chase", "hrf", "prime_fp20"):
        assert CATALOGUE[name].licence in pool.licence
        assert CATALOGUE[name].cite in pool.cite


def test_every_score_has_a_meaning() -> None:
    found = set()
    for facts_of in ({"instances": True}, {"surface": True}, {"partition": True, "background": "cell"}, {"fov": True}):
        metrics = SegmentationMetrics(1, "sigmoid", ["a"], **{"fov": False} | facts_of)
        mask = torch.zeros(1, 8, 8, dtype=torch.long)
        mask[:, 2:5, 2:5] = 1
        more = {"instances": mask} if "instances" in facts_of else {}
        for spacing in (None, torch.ones(1, 2)) if "surface" in facts_of else (None,):
            metrics.reset()
            metrics.update(
                4.0 * mask.unsqueeze(1) - 2, mask, torch.ones(1, 8, 8).bool(), ["x"], **more, spacing=spacing
            )
            found |= {base_name(name) for name in metrics.compute()}
    assert found == {name for score in SCORES.values() for name in score.names}
    assert describe_score("new_score") == "not known to gequnet"
