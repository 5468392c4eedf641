"""Whole runs, from the command to the files in the run folder."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from sklearn.metrics import f1_score

import helpers.wandb_file as wandb_file
from gequnet.config.build import build
from gequnet.runs.run_folder import load_run
from helpers.repository import RUN

TINY = [
    "data.source.size=40",
    "data.source.num_images={train: 2, val: 1, test: 2}",
    "data.patch_size=24",
    "data.batch_size=2",
    "data.patches_per_epoch=4",
    "width=fixed",
    "width.widths=[3,4]",
    "model.depth=2",
    "trainer=cpu",
    "trainer.max_steps=3",
    "callbacks.predictions.images=1",
    "callbacks.equivariance.images=1",
]
FILES = {
    "config.yaml",
    "metrics.json",
    "per_image.csv",
    "history.csv",
    "curves.png",
    "predictions.png",
    "contours.png",
    "confusion.csv",
    "confusion.png",
    "card.md",
    "checkpoints",
}

# What Lightning says about itself; a person who runs run.py does not see it either.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning"),
]

Typed = Callable[..., int]


def in_a_process(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(RUN), *overrides]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def only_run(folder: Path) -> Path:
    (recipe,) = folder.glob("runs/**/checkpoints/best.ckpt")
    return recipe.parents[1]


def metrics_of(folder: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return metrics


def check_folder(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} >= FILES
    metrics = metrics_of(folder)
    assert all(0 <= metrics["test"][name] <= 1 for name in ("dice", "iou", "accuracy", "roc_auc"))
    assert 0 <= metrics["val_best"]["dice"] <= 1
    assert metrics["steps"] == 3
    assert metrics["parameters"] > 0
    assert metrics["data"]["images"] == {"train": 2, "val": 1, "test": 2}
    assert len(metrics["data"]["split_hash"]) == 64
    assert metrics["seconds_per_training_step"] > 0
    assert metrics["seconds_per_test_image"] > 0
    assert metrics["versions"]["torch"] == torch.__version__
    with (folder / "per_image.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["test-000", "test-001"]
    mean = sum(float(row["dice"]) for row in rows) / 2
    assert metrics["test"]["dice"] == pytest.approx(mean, abs=1e-6)
    with (folder / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert [row["step"] for row in history] == ["1", "2", "3"]
    assert metrics["val_best"]["dice"] == pytest.approx(max(float(row["val/dice"]) for row in history))
    for name in ("curves.png", "predictions.png", "contours.png"):
        with Image.open(folder / name) as picture:
            assert min(picture.size) > 100


@pytest.mark.parametrize("model", ["unet", "e2unet"])
def test_from_what_is_typed_to_the_folder(typed: Typed, model: str, tmp_path: Path) -> None:
    assert typed(f"model={model}", *TINY) == 0
    folder = only_run(tmp_path)
    check_folder(folder)
    assert folder.parent.name == {"unet": "unet_none", "e2unet": "e2unet_c8"}[model]
    equivariance = metrics_of(folder)["equivariance"]
    promised = {name for name, numbers in equivariance.items() if numbers.get("in_group")}
    assert promised == ({"90°", "180°", "270°"} if model == "e2unet" else set())
    assert all(equivariance[name]["error"] < 1e-5 for name in promised)
    assert {"45°", "22.5°"} < set(equivariance)
    assert equivariance["45°"]["floor"] > 0


@pytest.mark.slow
def test_the_network_of_2015_with_its_weights_for_gaps(typed: Typed, tmp_path: Path) -> None:
    net = ["model.padding_mode=valid", "model.downsample=max", "model.upsample=transposed", "model.norm=none"]
    weights = "data.weights={_target_: gequnet.data.transforms.border_weights.BorderWeights, w0: 5.0}"
    assert typed("model=unet", *TINY, *net, "model.dropout=[0.0,0.5]", "loss=bce", "augment=full", weights) == 0
    folder = only_run(tmp_path)
    check_folder(folder)
    config, reloaded = load_run(folder)
    assert config.data.weights.w0 == 5
    assert reloaded.frame.halvings == 1


@pytest.mark.slow
def test_volumes_from_what_is_typed_to_the_folder(typed: Typed, tmp_path: Path) -> None:
    volumes = ["data.source._target_=helpers.volumes.Balls", "data.spatial_dims=3", "data.name=balls", "augment=none"]
    volumes += ["data.source.size=12", "data.patch_size=8", "~data.source.noise", "~data.source.rotation"]
    assert typed("model=unet3d", *TINY, *volumes) == 0
    metrics = metrics_of(only_run(tmp_path))
    assert 0 <= metrics["test"]["dice"] <= 1
    assert "equivariance" not in metrics  # of the plane only


@pytest.mark.slow
def test_scales_from_what_is_typed_to_the_folder(typed: Typed, tmp_path: Path) -> None:
    """Tests of the same weights at other magnifications; the scores at scale 1 equal those of the test."""
    drawn = [override for override in TINY if "size=" not in override] + ["data=phantom_tumours", "data.batch_size=2"]
    drawn += ["data.source.size=20", "data.patch_size=16", "scales=[1.6,0.6]"]
    assert typed("model=unet3d", *drawn) == 0
    folder = only_run(tmp_path)
    metrics = metrics_of(folder)
    assert list(metrics["scales"]) == ["0.6", "1", "1.6"]
    same = {name: value for name, value in metrics["scales"]["1"].items() if name in metrics["test"]}
    assert same == metrics["test"]
    with (folder / "scales.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["scale"], row["id"]) for row in rows] == [
        (scale, name) for scale in ("0.6", "1.0", "1.6") for name in ("test-000", "test-001")
    ]
    assert all(0 <= float(row["agreement"]) <= 1 and 0 < float(row["agreement_floor"]) <= 1 for row in rows)
    with (folder / "per_image.csv").open() as file:
        tested = {row["id"]: row["dice"] for row in csv.DictReader(file)}
    assert {row["id"]: row["dice"] for row in rows if row["scale"] == "1.0"} == tested


@pytest.mark.parametrize("model", [pytest.param("unet", marks=pytest.mark.slow), "e2unet"])
def test_a_loaded_run_says_the_same(typed: Typed, model: str, tmp_path: Path) -> None:
    assert typed(f"model={model}", *TINY, "trainer.max_steps=20", "loss=bce", "loss.pos_weight=8.0") == 0
    cfg, net = load_run(only_run(tmp_path))
    assert not net.training
    # the same logits: their Dice on each test image, by scikit-learn, is what the run wrote down
    with (only_run(tmp_path) / "per_image.csv").open() as file:
        written = {row["id"]: float(row["dice"]) for row in csv.DictReader(file)}
    for sample in build(cfg.data).test_dataloader():
        with torch.no_grad():
            found = net(sample["image"])[0, 0] > 0
        again = f1_score(sample["mask"].flatten(), found.flatten(), zero_division=1.0)
        assert again == pytest.approx(written[sample["id"][0]], abs=1e-9)
    checkpoint = torch.load(only_run(tmp_path) / "checkpoints" / "best.ckpt", weights_only=True)
    assert {f"net.{key}" for key in net.state_dict()} == set(checkpoint["state_dict"])
    assert cfg.model.widths == [3, 4]
    # nothing but the folder is needed: no environment, no today's defaults
    assert "${" not in (only_run(tmp_path) / "config.yaml").read_text()


@pytest.mark.slow
def test_a_shell_in_another_folder_sweeps_two(tmp_path: Path) -> None:
    done = in_a_process(
        tmp_path, "-m", "seed=0,1", *TINY, "model=unet", "logger=wandb", "callbacks.equivariance.images=0"
    )
    assert done.returncode == 0, done.stderr
    folders = sorted(path.parent for path in tmp_path.glob("runs/sweeps/*/*/metrics.json"))
    assert [folder.name.rpartition("_")[0] for folder in folders] == [
        "phantom_vessels_unet-none_fixed_s0",
        "phantom_vessels_unet-none_fixed_s1",
    ]
    for seed, folder in enumerate(folders):
        check_folder(folder)
        check_wandb(folder, seed)
    first, second = (metrics_of(folder) for folder in folders)
    assert first["seed"] != second["seed"]
    assert first["data"]["split_hash"] == second["data"]["split_hash"]
    assert "2 of 2 jobs done" in done.stdout
    assert "report.html" in done.stdout
    assert "Traceback" not in done.stderr


def check_wandb(folder: Path, seed: int) -> None:
    """The scalars of history.csv, the configuration, and the pictures in colour, read back."""
    session = wandb_file.read(folder)
    history = session.history
    assert session.config["seed"] == seed
    assert session.tags == {"phantom_vessels", "unet", "none", "fixed", "flips", "dice_ce"}
    logged = [row["val/dice"] for row in history if "val/dice" in row]
    with (folder / "history.csv").open() as file:
        assert logged == pytest.approx([float(row["val/dice"]) for row in csv.DictReader(file)], abs=1e-6)
    assert any("train/loss" in row for row in history)
    (test,) = [row for row in history if "test/dice" in row]
    assert test["test/dice"] == pytest.approx(metrics_of(folder)["test"]["dice"], abs=1e-6)
    for name in ("curves", "predictions"):
        (sent,) = folder.glob(f"wandb/offline-run-*/files/media/images/{name}_*.png")
        with Image.open(sent) as picture, Image.open(folder / f"{name}.png") as drawn:
            assert picture.convert("RGB").tobytes() == drawn.convert("RGB").tobytes()


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model=unet", "group=c8"], "cannot use group=c8"),
        (["model=unet3d"], "3-D network"),
        (["group=c9"], "There is no group=c9; the nearest are"),
        (["optim.lrr=1"], "the nearest are optim.lr"),
        (["loss=cross_entropy"], "does not fit head=sigmoid"),
        (["data=drive", "paths.data=nowhere"], "DRIVE was not found"),
        (["trainer.val_check_interval=9"], "without a validation"),
        (["paths.runs="], "paths.runs= is empty: give a folder"),
        (["paths.runs=/dev/null/x"], "cannot be used (Not a directory)"),
    ],
)
def test_a_mistake_is_one_sentence(
    typed: Typed, overrides: list[str], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert typed(*(TINY if "data=drive" not in overrides else []), *overrides) == 2
    said = capfd.readouterr().err.strip()
    assert words in said
    assert "\n" not in said
    assert "Traceback" not in said


def test_a_mistake_in_a_shell(tmp_path: Path) -> None:
    done = in_a_process(tmp_path, "model=unet", "group=c8")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "model=unet has no group" in done.stderr


def test_a_secret_is_refused_before_anything_is_written(
    typed: Typed, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert typed(*TINY, "+logger.api_key=0123456789") == 2
    said = capfd.readouterr().err
    assert "logger.api_key holds a secret" in said
    assert "0123456789" not in said
    assert not list(tmp_path.iterdir())


def test_a_bug_of_ours_keeps_its_traceback(typed: Typed) -> None:
    with pytest.raises(Exception, match="no_such_class"):
        typed(*TINY, "optim._target_=torch.optim.no_such_class")


@pytest.mark.slow
def test_tensorboard_gets_scalars_and_pictures(typed: Typed, tmp_path: Path) -> None:
    assert typed("model=unet", *TINY, "logger=tensorboard") == 0
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(only_run(tmp_path) / "tensorboard")).Reload()
    scalars = {"train/loss", "val/dice", "test/dice", "test/equivariance/turn_45", "train/seconds_per_step"}
    assert scalars <= set(events.Tags()["scalars"])
    assert set(events.Tags()["images"]) == {"confusion", "contours", "curves", "predictions"}


@pytest.mark.slow
def test_epochs_instead_of_steps(typed: Typed, tmp_path: Path) -> None:
    tiny = [override for override in TINY if "max_steps" not in override]
    assert typed("model=unet", *tiny, "trainer.max_epochs=2", "callbacks.equivariance.images=0") == 0
    assert metrics_of(only_run(tmp_path))["steps"] == 4


@pytest.mark.slow
def test_real_fundus_images(typed: Typed, real_data: Path, tmp_path: Path) -> None:
    quick = ["trainer=cpu", "trainer.max_steps=2", "data.batch_size=2", "data.patch_size=64", "validations=1"]
    quick += ["trainer.limit_val_batches=1", "trainer.limit_test_batches=1", "callbacks.equivariance.images=0"]
    small = ["width=fixed", "width.widths=[2,3]", "model.depth=2"]
    assert typed("data=chase", f"paths.data={real_data}", "group=c4", *quick, *small) == 0
    test = metrics_of(only_run(tmp_path))["test"]
    scores = {f"{score}_{region}" for score in ("dice", "roc_auc") for region in ("fov", "whole", "whole_masked")}
    assert scores <= set(test)


@pytest.mark.parametrize("model", [pytest.param("unet", marks=pytest.mark.slow), "e2unet"])
@pytest.mark.slow
def test_a_run_starts_from_another(typed: Typed, model: str, tmp_path: Path) -> None:
    assert typed(f"model={model}", *TINY, "paths.run=first") == 0
    # From another folder's point of view the first run has an absolute path; and what is frozen stays bit by bit.
    assert typed(f"model={model}", *TINY, "init_from=first", "finetune=frozen", "paths.run=second", "seed=1") == 0
    first, second = (load_run(tmp_path / name)[1].state_dict() for name in ("first", "second"))
    same = {key for key in first if torch.equal(first[key], second[key])}
    assert same == {key for key in first if key.startswith("encoders.")}
    started = metrics_of(tmp_path / "second")["init_from"]
    assert started["run"] == str(tmp_path / "first")
    assert (len(started["taken"]), started["left"]) == (4 + 2 + 1, {})
    assert metrics_of(tmp_path / "first")["init_from"] is None


@pytest.mark.slow
def test_a_run_refuses_to_start_from_another_kind(
    typed: Typed, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert typed("model=e2unet", "group=c4", *TINY, "paths.run=first") == 0
    for overrides, message in (
        (["model=unet"], "was trained with model=e2unet, and this network has model=unet"),
        (["model=e2unet", "group=d4"], "was trained with group=c4, and this network has group=d4"),
        (["model=e2unet", "group=c4", "init_from=nowhere"], "is not the folder of a finished run"),
        (["model=e2unet", "group=c4", "width.widths=[4,5]"], "no layer of the encoder fits"),
    ):
        capfd.readouterr()
        assert typed(*TINY, "init_from=first", "paths.run=second", *overrides) == 2
        assert message in capfd.readouterr().err
