"""Border weights of the U-Net paper: the formula pixel by pixel, and the path from scene to batch."""

import math
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial.distance import cdist
from skimage.io import imread
from skimage.measure import label
from sklearn.utils.class_weight import compute_class_weight

from gequnet.config.build import build
from gequnet.config.compose import compose
from gequnet.data.dataset import PatchDataset, SceneCache, WholeImages
from gequnet.data.phantoms.phantom_vessels import PhantomVessels
from gequnet.data.sampler import generator_for
from gequnet.data.scene import Scene
from gequnet.data.transforms.augment import Chain, Flips
from gequnet.data.transforms.border_weights import BorderWeights, balanced, cells_of, two_nearest
from gequnet.data.transforms.colour import Colour
from gequnet.data.transforms.normalise import intensity_scale
from gequnet.data.transforms.patch import Patch, window
from gequnet.data.transforms.warp import Warp
from gequnet.errors import ConfigError

SPACES = st.one_of(st.tuples(*[st.integers(1, 9)] * 2), st.tuples(*[st.integers(1, 5)] * 3))
few_cells = arrays.arrays(np.int32, SPACES, elements=st.sampled_from([0, 0, 0, 0, 1, 2, 5, 6, 40]))


def scene_of(mask, **parts):
    mask = torch.as_tensor(mask).to(torch.uint8)
    return Scene("made", mask[None].float(), mask, parts.pop("valid", torch.ones_like(mask, dtype=torch.bool)), **parts)


def one_by_one(cells):
    """Distances to the two nearest cells, from every pixel to every pixel of each cell."""
    places = np.argwhere(np.ones_like(cells, bool))
    to_each = [cdist(places, np.argwhere(cells == name)).min(1) for name in np.unique(cells[cells != 0])]
    to_each += [np.full(cells.size, math.inf)] * 2
    return [least.reshape(cells.shape) for least in np.sort(to_each, axis=0)[:2]]


@settings(max_examples=100, deadline=None)
@given(few_cells)
def test_the_two_nearest_cells_are_the_nearest_of_all(cells):
    for ours, expected in zip(two_nearest(cells), one_by_one(cells), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_many_cells_are_told_apart():
    cells = np.zeros((40, 45), np.int32)
    names = 1 + np.random.default_rng(0).permutation(130)
    cells[1::4, 1::3][:, :13] = names.reshape(10, 13)
    for ours, expected in zip(two_nearest(cells), one_by_one(cells), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(2, 9), st.integers(2, 9)), elements=st.integers(0, 1)))
def test_cells_are_what_scikit_image_finds_between_membranes(mask):
    np.testing.assert_array_equal(cells_of(scene_of(mask)), label(mask == 0, connectivity=1))


def test_a_corner_keeps_cells_apart_and_connects_none():
    assert cells_of(scene_of(torch.eye(4))).max() == 2


def test_is_the_formula_of_the_paper():
    generator = np.random.default_rng(1)
    mask = (generator.random((17, 23)) < 0.45).astype(np.uint8)
    nearest, second = one_by_one(cells_of(scene_of(mask)))
    shares = np.array([(mask == 0).mean(), (mask == 1).mean()])
    expected = 0.5 / shares[mask] + 7 * np.exp(-((nearest + second) ** 2) / (2 * 3**2))
    np.testing.assert_allclose(BorderWeights(w0=7.0, sigma=3.0)(scene_of(mask)), expected, rtol=1e-5)


@pytest.mark.parametrize("mask", [torch.zeros(6, 7), torch.ones(6, 7)], ids=["one cell", "no cell"])
def test_without_two_cells_there_is_no_gap(mask):
    assert torch.equal(BorderWeights()(scene_of(mask)), torch.ones(6, 7))


def test_instances_are_the_cells_where_there_are_any():
    instances = torch.tensor([[4, 4, 0, 0, 9], [4, 4, 0, 0, 9]], dtype=torch.int32)
    scene = scene_of(instances > 0, instances=instances)
    gaps = BorderWeights(w0=1.0, sigma=1.0, balance=False)(scene)[0] - 1
    sums = torch.tensor([4.0, 3, 3, 3, 3])  # of the distances to the two; the first pixel is two from the gap
    torch.testing.assert_close(gaps, torch.exp(-(sums**2) / 2))


def test_classes_are_balanced_as_scikit_learn_does_it():
    generator = torch.Generator().manual_seed(0)
    mask = torch.randint(0, 40, (20, 30), generator=generator) // 13  # 0 to 3, the last one rare
    valid = torch.rand(20, 30, generator=generator) < 0.8
    scene = scene_of(mask, valid=valid)
    expected = compute_class_weight("balanced", classes=np.arange(4), y=mask[valid].numpy())
    np.testing.assert_allclose(balanced(scene), expected[mask], rtol=1e-5)
    assert balanced(scene)[valid].mean() == pytest.approx(1, rel=1e-5)
    nowhere = balanced(scene_of(mask, valid=valid & (mask != 3)))
    assert (nowhere[mask == 3] == 0).all()
    assert nowhere[valid & (mask != 3)].mean() == pytest.approx(1, rel=1e-5)


def test_what_makes_no_sense_is_refused():
    for numbers in ({"w0": -1.0}, {"sigma": 0.0}):
        with pytest.raises(ConfigError, match=r"data\.weights: w0="):
            BorderWeights(**numbers)
    regions = Scene("two", torch.zeros(1, 4, 4), torch.zeros(2, 4, 4).to(torch.uint8), torch.ones(4, 4) > 0)
    with pytest.raises(ConfigError, match="two has 2 overlapping classes"):
        BorderWeights()(regions)


def weighted_scene(side=40):
    """Smooth image whose weight equals one of its channels, so that both must move together."""
    rows, columns = torch.meshgrid(*[torch.linspace(0, 3, side)] * 2, indexing="ij")
    weight = torch.sin(rows) + torch.cos(2 * columns) ** 2
    mask = (weight > 1).to(torch.uint8)
    return Scene("made", torch.stack([weight, rows, columns]), mask, mask < 2, weight=weight)


MOVES = {
    "flips": Flips(),
    "warp": Warp(rotation=3.0, elastic=2.0, interpolation="bilinear"),
    "chain": Chain([Flips(), Warp(scale=[0.7, 1.5], interpolation="bilinear")]),
}


@pytest.mark.parametrize("augment", MOVES.values(), ids=list(MOVES))
def test_weights_move_with_the_image(augment):
    scene, generator = weighted_scene(), generator_for("weights")
    for corner in ((12, 12), (-6, 25)):
        needed = augment.needs((16, 16))
        patch = window(scene, [c - (n - 16) // 2 for c, n in zip(corner, needed, strict=True)], needed)
        moved = Chain([augment])(patch, (16, 16), generator)
        assert moved.weight.shape == (16, 16)
        torch.testing.assert_close(moved.weight, moved.image[0], atol=1e-6, rtol=0)


def test_outside_the_picture_weights_are_nothing():
    scene = weighted_scene(20)
    cut = window(scene, (-5, 12), (15, 15))
    assert (cut.weight[~cut.valid] == 0).all()
    moved = Warp(rotation=math.pi)(cut, (15, 15), generator_for("outside"))
    assert (~moved.valid).any()
    beyond = torch.nn.functional.max_pool2d(moved.valid[None].float(), 3, 1, 1)[0] == 0
    assert (moved.weight[beyond] == 0).all()


def test_colours_leave_weights_alone_and_nothing_comes_from_nothing():
    patch = Patch(torch.rand(3, 8, 8), torch.zeros(8, 8).to(torch.uint8), torch.ones(8, 8) > 0, torch.rand(8, 8))
    changed = Colour(brightness=0.3)(patch, (8, 8), generator_for("colour"))
    assert torch.equal(changed.weight, patch.weight)
    assert not torch.equal(changed.image, patch.image)
    bare = Patch(patch.image, patch.mask, patch.valid)
    for augment in (Flips(), Warp(rotation=1.0), Colour(), Chain()):
        assert augment(bare, (8, 8), generator_for("bare")).weight is None


def test_samples_carry_weights_if_and_only_if_there_are_any():
    source = PhantomVessels(size=32, num_images={"train": 2, "val": 1, "test": 1}, noise=0.0, rotation=0.0)
    asked = []

    def weight_of(scene):
        asked.append(scene.id)
        return BorderWeights()(scene)

    ids = source.ids("train")
    scenes = SceneCache(source, lambda scene: intensity_scale(scene, "none"), weight_of)
    patches = PatchDataset(scenes, ids, (16, 16), Flips(), 0, 8)
    for index in range(8):
        sample = patches[0, index]
        assert (sample["weight"].shape, sample["weight"].dtype) == ((16, 16), torch.float32)
        assert sample["weight"].untyped_storage().nbytes() == 4 * 16 * 16  # not the whole scene's
    whole = WholeImages(scenes, ids)[0]
    torch.testing.assert_close(whole["weight"], BorderWeights()(source.load(ids[0])))
    assert sorted(asked) == sorted(ids)  # once each
    assert "weight" not in PatchDataset(SceneCache(source, scenes.scale_of), ids, (16, 16), Flips(), 0, 8)[0, 0]


def test_a_data_module_weighs_what_is_trained_and_validated_with():
    weights = "data.weights={_target_: gequnet.data.transforms.border_weights.BorderWeights, sigma: 3.0}"
    small = ["data.source.size=32", "data.source.num_images={train: 2, val: 1, test: 1}", "data.patch_size=16"]
    made = build(compose(["paths.run=/nowhere", *small, weights]).data)
    made.setup()
    assert next(iter(made.train_dataloader()))["weight"].shape == (8, 16, 16)
    (whole,) = made.val_dataloader()
    expected = BorderWeights(sigma=3.0)(made.source.load(whole["id"][0]))
    torch.testing.assert_close(whole["weight"][0], expected)
    assert all("weight" not in batch for batch in made.test_dataloader())


def test_a_slice_of_a_brain_takes_less_than_a_second(real_data):
    labels = imread(real_data / "ISBI2012" / "train-labels.tif")
    scene = scene_of(torch.from_numpy(labels[0]) == 0)
    began = time.process_time()
    weights = BorderWeights()(scene)
    assert time.process_time() - began < 1
    assert cells_of(scene).max() > 100
    assert weights[scene.mask == 1].median() > 2 * weights[scene.mask == 0].median()
