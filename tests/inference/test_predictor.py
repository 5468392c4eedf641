"""Prediction from a run folder: arrays in, labels out."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

import gequnet
from gequnet.data.datasets.field_of_view import estimate_field_of_view
from gequnet.errors import ConfigError, ShapeError
from gequnet.inference.prediction import ImagePredictor, PredictOptions
from gequnet.runs.run_folder import load_run
from helpers.fundus_makers import photograph
from helpers.untrained_run import make_run

SMALL = ["width.widths=[2,4]", "model.depth=2"]
VOLUMES = ["data=phantom_tumours", "model=scale_unet3d"]
CLASSES = ["data.head=softmax", "data.num_classes=3", "data.class_names=[ground,path,roof]"]
REGIONS = ["data.num_classes=2", "data.class_names=[inner,outer]"]


def test_a_picture_is_segmented_as_the_network_does(tmp_path: Path) -> None:
    run = make_run(tmp_path, *SMALL, "data.normalisation=range", "metrics.threshold=0.4")
    picture = np.random.default_rng(0).integers(0, 256, (33, 40), np.uint8)
    picture[0, :2] = 0, 255
    net = gequnet.load(run)
    _, network = load_run(run)
    with torch.inference_mode():
        expected = network(torch.from_numpy(picture / np.float32(255))[None, None]).sigmoid()[0, 0].numpy()
    np.testing.assert_allclose(net.probabilities(picture)[0], expected, atol=1e-6)
    mask = net.predict(picture)
    assert (mask.dtype, mask.shape) == (np.uint8, (33, 40))
    assert ((expected > 0.4) != mask).mean() < 1e-3
    assert "e2unet" in repr(net)
    np.testing.assert_array_equal(net.to("cpu").predict(torch.from_numpy(picture)), mask)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_labels_turn_with_the_picture(k: int, tmp_path: Path) -> None:
    net = gequnet.load(make_run(tmp_path, *SMALL, "group=c4", "inference=sliding", "data.patch_size=16"))
    picture = np.random.default_rng(k).integers(0, 256, (37, 44), np.uint8)
    turned = net.probabilities(np.rot90(picture, k))[0]
    np.testing.assert_allclose(turned, np.rot90(net.probabilities(picture)[0], k), atol=1e-5)


def test_classes_are_labels_and_regions_are_masks(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 24), np.uint8)
    classes = gequnet.load(make_run(tmp_path / "classes", *SMALL, *CLASSES, "loss=cross_entropy"))
    seen = classes.probabilities(picture)
    np.testing.assert_allclose(seen.sum(0), 1, atol=1e-5)
    np.testing.assert_array_equal(classes.predict(picture), seen.argmax(0))
    regions = gequnet.load(make_run(tmp_path / "regions", *SMALL, *REGIONS))
    np.testing.assert_array_equal(regions.predict(picture), regions.probabilities(picture) > 0.5)


def test_volumes_are_segmented(tmp_path: Path) -> None:
    net = gequnet.load(make_run(tmp_path, *VOLUMES, *SMALL, "inference=whole"))
    volume = np.random.default_rng(0).normal(0, 300, (12, 10, 9)).astype(np.int16)
    assert net.probabilities(volume).shape == (net.num_classes, 12, 10, 9)
    assert net.predict(volume).shape == (12, 10, 9)


def test_photographs_are_resized_and_labels_are_not(tmp_path: Path) -> None:
    net = gequnet.load(make_run(tmp_path, *SMALL, "data=cats", "data.source.side=16"))
    photograph = np.random.default_rng(0).integers(0, 256, (50, 61, 3), np.uint8)
    assert net.predict(photograph).shape == (50, 61)
    assert net.preprocessing.needs_whole_image


def test_one_scale_for_all_comes_from_the_run(tmp_path: Path) -> None:
    run = make_run(tmp_path, *SMALL, "data.normalisation=full")
    with pytest.raises(ConfigError, match="scale.json"):
        gequnet.load(run)
    (run / "scale.json").write_text(json.dumps({"mean": [0.5], "std": [0.1]}))
    prepared = gequnet.load(run).preprocessing(torch.full((1, 8, 8), 255, dtype=torch.uint8))
    torch.testing.assert_close(prepared.image.unique(), torch.tensor([5.0]))


def test_a_run_from_before_there_was_a_choice_sees_images_whole(tmp_path: Path) -> None:
    run = make_run(tmp_path, *SMALL, "inference=whole")
    picture = np.random.default_rng(0).integers(0, 256, (20, 24), np.uint8)
    expected = gequnet.load(run).predict(picture)
    recipe = OmegaConf.load(run / "config.yaml")
    del recipe["inference"]
    OmegaConf.save(recipe, run / "config.yaml")
    np.testing.assert_array_equal(gequnet.load(run).predict(picture), expected)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    net = gequnet.load(make_run(tmp_path, *SMALL))
    with pytest.raises(ShapeError, match="no image for this network"):
        net.predict(np.zeros((2, 3, 4, 5), np.uint8))
    with pytest.raises(ConfigError, match="not the folder of a finished run"):
        gequnet.load(tmp_path / "elsewhere")


def test_the_package_is_imported_without_the_training_libraries() -> None:
    program = "import sys, gequnet; assert not {'hydra', 'torch', 'pytorch_lightning'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("classes", [[], [*CLASSES, "loss=cross_entropy"]], ids=["sigmoid", "softmax"])
def test_nothing_is_predicted_outside_of_the_field_of_view(classes: list[str], tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "data=chase", "model=unet", *SMALL, *classes, "metrics.threshold=0.1")
    net, image = gequnet.load(run), torch.from_numpy(photograph(3)).movedim(2, 0)
    inside = estimate_field_of_view(image).numpy()
    assert 0.2 < inside.mean() < 0.9
    found = ImagePredictor(net, PredictOptions()).predict(image)
    bare = ImagePredictor(net, PredictOptions(field_of_view=False)).predict(image)
    assert not found.labels[:, ~inside].any()
    assert bare.labels[:, ~inside].any()
    np.testing.assert_array_equal(found.labels[:, inside], bare.labels[:, inside])
    np.testing.assert_allclose(found.probabilities.sum(0)[~inside], len(classes) > 0)
    np.testing.assert_array_equal(bare.labels.squeeze(), net.predict(photograph(3)))
