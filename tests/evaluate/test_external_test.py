"""Test of a run on another dataset: with its own configuration, and refused if the datasets do not fit."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from omegaconf import DictConfig, OmegaConf
from sklearn.metrics import f1_score

from gequnet import experiment
from gequnet.callbacks import Equivariance
from gequnet.config.build import build
from gequnet.config.compose import CONF, compose, resolve
from gequnet.data.transforms.normalise import Scale
from gequnet.errors import ConfigError
from gequnet.evaluate import external_test, further_tests
from gequnet.evaluate.__main__ import main
from gequnet.evaluate.dataset_config import check_fit, dataset_nodes, metrics_node
from gequnet.evaluate.external_test import evaluate
from gequnet.evaluate.training_overlap import PLACES, relocate_data, training_overlap
from gequnet.report.comparison_page import write_report
from gequnet.report.finished_runs import find_runs, read_run, split_external
from gequnet.runs.run_folder import load_run, save_scale
from helpers.fundus_makers import make_chase, make_drive
from helpers.picture_makers import make_folder
from helpers.untrained_run import make_run
from helpers.volume_makers import HIPPOCAMPUS, make_msd

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning"),
]

TINY = ["width=fixed", "width.widths=[2,3]", "model.depth=2", "trainer=cpu", "callbacks.equivariance.images=1"]
SMOKE = [*TINY, "trainer.max_steps=3", "data.batch_size=2", "data.patch_size=24", "data.patches_per_epoch=4"]
SMOKE += ["validations=1", "optim.lr=0.05", "paths.cache=null"]


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with made files in the layout of DRIVE and CHASE_DB1."""
    root = tmp_path_factory.mktemp("datasets")
    make_drive(root)
    make_chase(root)
    return root


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, datasets: Path) -> Path:
    """A run of three steps on DRIVE, with a threshold of its own."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    drive = ["data=drive", f"paths.data={datasets}", "metrics.threshold=0.48", "data.normalisation=range"]
    experiment.run(compose(["model=unet", *SMOKE, *drive, f"paths.run={folder}"]))
    return folder


@pytest.fixture(autouse=True)
def _unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns off pictures, which take a second each; one test draws them, in a process of its own."""
    monkeypatch.setattr(further_tests, "takes_part", lambda callback, stage: isinstance(callback, Equivariance))


def metrics_of(folder: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return metrics


def rows_of(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "per_image.csv").open() as file:
        return {row["id"]: row for row in csv.DictReader(file)}


@pytest.mark.slow
def test_from_a_shell_in_another_folder(trained: Path, datasets: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gequnet.evaluate", str(trained), "data=chase", f"paths.data={datasets}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "-o", "out"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("metrics.json", "per_image.csv", "predictions.png", "samples.npz", "contours.png")
    }
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    assert "chase, 8 test images" in done.stdout
    assert "trained on drive" in done.stdout
    assert "Traceback" not in done.stderr
    assert "were trained on" not in done.stderr
    metrics = metrics_of(tmp_path / "out")
    assert metrics["evaluation"] == "on chase"
    assert metrics["data"]["images"] == {"test": 8}
    assert metrics["trained_on"] == metrics_of(trained)["data"]
    assert metrics["seen_in_training"] == {}
    assert metrics["chosen"]["data"] == "drive"
    assert "second_observer" in metrics
    assert read_run(tmp_path / "out").training.resolve() == trained.resolve()


def test_another_dataset_by_the_runs_own_recipe(trained: Path, datasets: Path) -> None:
    """Predictions scored by scikit-learn; intensities and threshold are those of the run, not of the dataset."""
    folder = evaluate(trained, ["data=chase", f"paths.data={datasets}"])
    assert folder == trained / "evaluations" / "chase"
    _, net = load_run(trained)
    chase = build(resolve(compose(["data=chase", f"paths.data={datasets}", "paths.run=."])).data)
    rows = rows_of(folder)
    assert list(rows) == chase.splits["test"]
    for name in chase.splits["test"][:3]:
        scene = chase.source.load(name)
        image, inside = scene.image.float() / 255, scene.valid
        low, high = image[:, inside].amin(1), image[:, inside].amax(1)
        with torch.no_grad():
            logits = net(((image - low[:, None, None]) / (high - low)[:, None, None])[None])[0, 0]
        found = logits.sigmoid() > 0.48
        assert 0 < found[inside].float().mean() < 0.5
        again = f1_score(scene.mask[inside], found[inside], zero_division=1.0)
        assert float(rows[name]["dice_fov"]) == pytest.approx(again, abs=1e-6)
    assert metrics_of(folder)["threshold"] == 0.48


def test_its_own_dataset_once_more_is_what_the_run_has_found(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test needs neither today's configuration nor the working folder of the run."""
    monkeypatch.setattr("gequnet.config.compose.CONF", Path("nowhere"))
    monkeypatch.setattr("gequnet.evaluate.dataset_config.CONF", Path("nowhere"))
    folder = evaluate(trained)
    mine, own = metrics_of(folder), metrics_of(trained)
    assert mine["test"] == own["test"]
    assert rows_of(folder) == rows_of(trained)
    assert mine["equivariance"] == own["equivariance"]
    assert mine["seen_in_training"] == {}
    assert evaluate(trained) == folder  # and again, into the same folder
    with pytest.raises(ConfigError, match="nowhere, which says what datasets there are: install gequnet from its repo"):
        evaluate(trained, ["data=chase"])


def test_images_that_were_trained_on_are_named(trained: Path, datasets: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = evaluate(trained, ["data=drive", f"paths.data={datasets}"], split="all")
    familiar = metrics_of(folder)["seen_in_training"]
    splits = build(load_run(trained)[0].data).splits
    assert familiar == {"train": splits["train"], "val": splits["val"]}
    assert "16 of the images tested were trained on in this run (21_training, " in caplog.text
    assert "4 of the images tested have selected the checkpoint in this run" in caplog.text
    assert (folder.name, metrics_of(folder)["evaluation"]) == ("drive_all", "on all of drive")
    assert len(rows_of(folder)) == 40


@pytest.mark.slow
def test_what_cannot_be_tested_is_refused(
    trained: Path, datasets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for overrides, words in (
        (["data=isbi2012"], "trained on drive with in_channels=3, and data=isbi2012 has in_channels=1: it cannot be"),
        (["data=msd"], "spatial_dims=2, and data=msd has spatial_dims=3"),
        (["data=camvid"], "num_classes=1 (vessel), and data=camvid has num_classes=12 (void, sky, "),
        (["data=chse"], "There is no data=chse; the nearest are"),
        (["data=chase", "optim.lr=1"], "optim.lr=1 cannot be typed here"),
        (["data=chase", "inference=sliding"], "inference=sliding cannot be typed here"),
        (["data=chase", "data.normalisation=none"], "intensities are scaled as in the run"),
        (["data=chase", "data.nme=x"], "There is nothing called data.nme"),
        (["data.nme=x"], "There is nothing called data.nme"),
        (["data=chase", "paths.data=nowhere"], "CHASE_DB1 was not found"),
        (["data=chase", "-o", str(trained)], "is a run's folder"),
        (["data=chase", "-o", str(datasets)], "holds something else"),
    ):
        assert main([str(trained), *overrides]) == 2
        said = capsys.readouterr().err.strip()
        assert words in said
        assert "\n" not in said
    assert main([str(tmp_path), "data=chase"]) == 2
    assert "is not the folder of a finished run" in capsys.readouterr().err
    assert not (trained / "evaluations" / "isbi2012").exists()


def test_a_machine_without_the_runs_device(trained: Path, datasets: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(ConfigError, match=r"type trainer\.accelerator=cpu"):
        evaluate(trained, ["data=chase", f"paths.data={datasets}", "trainer.accelerator=gpu"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_part_of_a_dataset_may_be_tested_whole(tmp_path: Path) -> None:
    """A folder with training volumes only, by the split of the dataset."""
    make_msd(tmp_path, HIPPOCAMPUS[:20])
    volumes = ["data=msd", f"paths.data={tmp_path}", "paths.cache=null"]
    run = make_run(tmp_path / "run", "model=unet3d", *TINY, *volumes)
    with pytest.raises(ConfigError, match="data=msd has images, and none of them is in its split test: .*--split all"):
        evaluate(run, volumes)
    folder = evaluate(run, volumes, split="all")
    assert len(rows_of(folder)) == 20
    assert set(metrics_of(folder)["seen_in_training"]) == {"train", "val"}


def test_classes_have_one_order() -> None:
    own = OmegaConf.create(
        {"name": "a", "spatial_dims": 2, "in_channels": 1, "num_classes": 3, "head": "softmax", "class_names": "xyz"}
    )
    own.class_names = ["sky", "road", "car"]
    other = OmegaConf.merge(own, {"name": "b", "class_names": ["sky", "car", "road"]})
    with pytest.raises(ConfigError, match="sky, road, car, in this order, and those of data=b sky, car, road"):
        check_fit(own, other)
    with pytest.raises(ConfigError, match="with head=softmax, and data=b has head=sigmoid"):
        check_fit(own, OmegaConf.merge(own, {"name": "b", "head": "sigmoid"}))
    check_fit(own, OmegaConf.merge(own, {"name": "b", "class_names": ["sky", "street", "cart"]}))


def own_recipe(*overrides: str) -> DictConfig:
    return resolve(compose([*overrides, "paths.run=.", "paths.cache=null"]))


def test_other_names_are_said_and_images_are_made_as_large_as_they_were() -> None:
    nodes, said = dataset_nodes(own_recipe("data=cats", "data.source.side=64"), ["data=voc2012"])
    assert nodes.data.source.side == 64
    assert said == ["The network was trained on cat and is tested on object, which are taken for the same."]
    typed, _ = dataset_nodes(own_recipe("data=cats", "data.source.side=64"), ["data=voc2012", "data.source.side=32"])
    assert typed.data.source.side == 32
    nodes, said = dataset_nodes(own_recipe("data=cats", "data.normalisation=range"), ["data=folder"])
    assert nodes.data.normalisation == "range"
    assert "The network was trained on images with data.source.side=128, which data=folder does not know" in said[0]
    volumes = own_recipe("data=brats", "data.source.spacing=2.0", "data.source.crop=false")
    nodes, _ = dataset_nodes(volumes, ["data=brats"])
    assert (nodes.data.source.spacing, nodes.data.source.crop) == (2.0, False)


def test_scores_take_the_facts_of_the_data_and_keep_what_was_chosen_for_them() -> None:
    cfg = own_recipe("data=drive", "metrics.threshold=0.3", "metrics.curve_bins=77")
    other = own_recipe("data=hrf", "data.fov=false", "scoring.curve_bins=1000", "scoring.tolerance_mm=2.0")
    scores = metrics_node(cfg, other)
    assert (scores.fov, scores.threshold, scores.curve_bins, cfg.metrics.fov) == (False, 0.3, 77, True)
    assert (scores.tolerance_mm, cfg.metrics.tolerance_mm) == (2.0, 1.0)


def test_facts_of_the_task_can_be_typed_by_old_and_new_names() -> None:
    own = own_recipe("data=drive")
    for words in (["scoring.background=rest"], ["data.background=rest"], ["data=chase", "scoring.background=rest"]):
        nodes, _ = dataset_nodes(own, words)
        assert nodes.scoring.background == "rest"
        assert "background" not in nodes.data
    assert own.scoring.background is None
    nodes, _ = dataset_nodes(own_recipe("data=brats", "scoring.surface=false"), ["data=brats"])
    assert nodes.scoring.surface


@pytest.mark.slow
def test_a_scale_for_all_images_is_that_of_the_training(tmp_path: Path, datasets: Path) -> None:
    drive = ["data=drive", f"paths.data={datasets}", "data.normalisation=full"]
    run = make_run(tmp_path / "run", "model=unet", *TINY, *drive)
    cfg = load_run(run)[0]
    chase = ["data=chase", f"paths.data={datasets}"]

    def dice(name: str) -> list[float]:
        folder = evaluate(run, chase, tmp_path / name)
        return [float(row["dice_fov"]) for row in rows_of(folder).values()]

    computed = dice("computed")  # an older run has no scale.json: its own images say it
    save_scale(cfg, build(cfg.data).fixed_scale)
    assert dice("read") == computed
    save_scale(cfg, Scale(torch.full((3,), 3.0), torch.full((3,), 0.01)))
    assert dice("other") != computed


def test_files_are_looked_for_where_they_were_or_where_they_are_now(tmp_path: Path) -> None:
    def source(recorded: str, now: str | None = None, **places: str) -> dict[str, str]:
        return dict(relocate_data(OmegaConf.create({"source": places}), recorded, now).source)

    assert source("/a/.data", root=".data") == {"root": "/a/.data"}
    assert source("/a/.data", "/b", root=".data") == {"root": "/b"}
    assert source("/a/b", "/c", root="/a/b", images="/a/b/images", other="/a/b") == {
        **{"root": "/c", "images": "/c/images", "other": "/a/b"}
    }
    assert source("/a/b", "/c", root="/d") == {"root": "/d"}
    assert source("/a/x/y", masks="x/y/masks") == {"masks": "/a/x/y/masks"}
    assert source("/a", root=".") == {"root": "/a"}


def test_every_place_is_known() -> None:
    """A run can be read back without the folders that conf/data sets below paths.data."""
    for path in (CONF / "data").glob("*.yaml"):
        content = yaml.safe_load(path.read_text())
        settings = content.get("data", content)["source"]
        assert {name for name, value in settings.items() if "paths.data" in str(value)} <= set(PLACES), path


def test_a_pool_and_its_parts_are_known_to_share_images(datasets: Path) -> None:
    run = own_recipe("data=retina", f"paths.data={datasets}", "data.num_images=3")
    data = build(own_recipe("data=chase", f"paths.data={datasets}").data)
    data.test_ids = [each for ids in data.splits.values() for each in ids]
    found = training_overlap(run, data, None, None)
    trained = [name.partition("/")[2] for name in build(run.data).training_ids if name.startswith("chase/")]
    assert found is not None
    assert found["train"] == trained
    assert 0 < len(trained) <= 3
    assert found["val"] == data.splits["val"]


def test_images_of_ones_own_that_are_not_there_any_more(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_folder(tmp_path / name)
    run, other = (own_recipe("data=folder", f"paths.data={tmp_path / name}") for name in ("one", "two"))
    split_hash = build(run.data).split_hash
    data = build(other.data)
    data.test_ids = data.splits["train"]
    assert training_overlap(run, data, None, split_hash) == {}  # of the same names, in another folder
    (tmp_path / "one").rename(tmp_path / "three")
    assert training_overlap(run, data, None, split_hash) is None
    assert training_overlap(run, data, str(tmp_path / "two"), "another") is None
    moved = training_overlap(run, data, str(tmp_path / "two"), split_hash)  # said to be the same, and of the same split
    assert moved == {"train": data.splits["train"]}
    assert external_test._overlap_warnings(None)[0].startswith(
        "The images that the run was trained on cannot be listed"
    )


@pytest.mark.slow
def test_a_report_tells_tests_elsewhere_from_runs(tmp_path: Path, trained: Path, datasets: Path) -> None:
    evaluate(trained, ["data=chase", f"paths.data={datasets}"])
    evaluate(trained, ["data=chase", f"paths.data={datasets}"], split="val")
    runs = find_runs([trained])
    assert [run.evaluation for run in split_external(runs)[0]] == [None]
    assert {run.evaluation for run in split_external(runs)[1]} >= {"on chase", "on the validation images of chase"}
    page = write_report([trained], tmp_path / "own")
    assert "are left out: scores on different images cannot be compared" in page.read_text()
    chase = trained / "evaluations" / "chase"
    page = write_report([chase], tmp_path / "chase")
    text = page.read_text()
    assert "tested on chase" in text
    assert "8 images each, on chase" in text
    assert "left out" not in text
    with pytest.raises(ConfigError, match=r"data\.split is test in .* and val in "):
        write_report([chase, trained / "evaluations" / "chase_val"], tmp_path / "both")
