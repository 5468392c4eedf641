"""Augmentation: invariants of every recipe of conf/augment, and each transform against another library."""

import math

import kornia
import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from scipy import ndimage, stats
from scipy.spatial.transform import Rotation

from gequnet.data.phantoms.phantom_tumours import draw_tumour_phantom
from gequnet.data.phantoms.phantom_vessels import draw_vessel_phantom
from gequnet.data.sampler import generator_for
from gequnet.data.scene import Scene
from gequnet.data.transforms.augment import Chain, Flips
from gequnet.data.transforms.colour import Colour
from gequnet.data.transforms.patch import Patch, window
from gequnet.data.transforms.warp import Warp
from gequnet.errors import ConfigError
from helpers.repository import CONF

RECIPES = sorted((CONF / "augment").glob("*.yaml"))
SIDE = 48


def scene_of(size=160, channels=3, seed=0):
    image, mask = draw_vessel_phantom(seed, size, noise=0.02)
    labels = torch.from_numpy(mask)
    colours = torch.from_numpy(image).clamp(0, 1) * torch.linspace(1, 0.6, channels)[:, None, None]
    return Scene("made", colours, labels.to(torch.uint8), torch.ones_like(labels))


def recipe(path):
    """The augmentation of a file of conf/augment for data without a front and a back."""
    cfg = OmegaConf.create({"augment": OmegaConf.load(path), "data": {"flip_axes": None}})
    return instantiate(cfg.augment, _convert_="all")


def augmented(augment, scene, generator, corner=(56, 56), side=SIDE):
    needed = augment.needs((side, side))
    outer = [c - (n - side) // 2 for c, n in zip(corner, needed, strict=True)]
    return augment(window(scene, outer, needed), (side, side), generator)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_recipe_keeps_sizes_types_and_labels(path, channels):
    augment, scene = recipe(path), scene_of(channels=channels)
    generator = generator_for(path.stem)
    for _ in range(8):
        patch = augmented(augment, scene, generator)
        assert patch.image.shape == (channels, SIDE, SIDE)
        assert patch.image.dtype == torch.float32
        assert patch.mask.dtype == torch.uint8
        assert patch.valid.dtype == torch.bool
        assert set(patch.mask.unique().tolist()) <= {0, 1}
        assert patch.valid.all()  # the surroundings are large enough: no corner is empty


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_a_function_of_the_generator(path):
    augment, scene = recipe(path), scene_of()
    before = torch.random.get_rng_state()
    one, again = (augmented(augment, scene, generator_for("same")) for _ in range(2))
    assert torch.equal(one.image, again.image)
    assert torch.equal(one.mask, again.mask)
    assert torch.equal(torch.random.get_rng_state(), before)  # the global generator is unchanged


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_mask_and_regions_move_with_the_image(path):
    """An image equal to its mask stays equal, up to interpolation along edges."""
    augment, scene = recipe(path), scene_of()
    twin = Scene("twin", scene.mask[None].float(), scene.mask, scene.mask.bool(), outside=~scene.mask.bool())
    patch = augmented(augment, twin, generator_for("twin"))
    assert torch.equal(patch.valid, patch.mask.bool())
    assert torch.equal(patch.outside, ~patch.valid)
    if path.stem == "colour":
        return
    assert ((patch.image[0] > 0.5) == patch.valid).float().mean() > 0.97


def test_outside_the_picture_nothing_is_valid():
    augment, scene = Warp(rotation=math.pi), scene_of(64)
    for corner in ((-20, 10), (40, -30), (50, 50)):
        patch = augmented(augment, scene, generator_for(*corner), corner)
        assert not patch.valid.all()
        assert patch.valid.any()
        assert not patch.mask[~patch.valid].any()


def test_flips_are_the_eight_elements_of_d4_equally_often():
    patch = Patch(torch.rand(1, 5, 5), torch.zeros(5, 5, dtype=torch.uint8), torch.ones(5, 5, dtype=torch.bool))
    group = [
        rotated.flip(-1) if mirrored else rotated
        for quarters in range(4)
        for mirrored in (False, True)
        for rotated in [torch.rot90(patch.image, quarters, (-2, -1))]
    ]
    generator, counts = generator_for("d4"), np.zeros(8)
    for _ in range(1600):
        moved = Flips()(patch, (5, 5), generator).image
        matches = [torch.equal(moved, element) for element in group]
        assert sum(matches) == 1
        counts += matches
    assert abs(counts / 200 - 1).max() < 0.3


def test_only_the_axes_that_are_named_are_mirrored():
    image = torch.arange(27.0).view(1, 3, 3, 3)
    patch = Patch(image, torch.zeros(3, 3, 3, dtype=torch.uint8), torch.ones(3, 3, 3, dtype=torch.bool))
    generator = generator_for("left and right")
    seen = [Flips(axes=[0])(patch, (3, 3, 3), generator).image for _ in range(60)]
    assert all(torch.equal(moved, image) or torch.equal(moved, image.flip(1)) for moved in seen)
    assert 15 < sum(torch.equal(moved, image) for moved in seen) < 45


@pytest.mark.parametrize(
    ("flips", "size"), [(Flips(quarter_turns=False), (5, 5)), (Flips(), (5, 4)), (Flips(), (3, 5, 4))]
)
def test_without_quarter_turns_or_on_oblong_patches_only_mirrors(flips, size):
    patch = Patch(torch.rand(1, *size), torch.zeros(size, dtype=torch.uint8), torch.ones(size, dtype=torch.bool))
    generator, seen = generator_for("mirrors"), set()
    for _ in range(100):
        seen.add(tuple(flips(patch, size, generator).image.flatten().tolist()))
    assert len(seen) == 2 ** len(size)


def test_a_warp_without_ranges_changes_nothing():
    scene = scene_of()
    patch = augmented(Warp(), scene, generator_for(0))
    assert torch.allclose(patch.image, scene.image[:, 56:104, 56:104], atol=1e-5)
    assert torch.equal(patch.mask, scene.mask[56:104, 56:104])


class FixedWarp(Warp):
    """Warp with a given matrix."""

    def _matrix(self, dims, generator):
        return self.matrix


@pytest.mark.parametrize("degrees", [17, 90, -140])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_rotation_is_that_of_scipy_and_kornia(degrees, interpolation):
    scene, angle = scene_of(161), math.radians(degrees)
    warp = FixedWarp(rotation=math.pi, interpolation=interpolation)
    warp.matrix = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    side, corner = 49, (56, 56)
    patch = augmented(warp, scene, generator_for(0), corner, side)
    middle = (slice(56, 105), slice(56, 105))
    mask = ndimage.rotate(scene.mask.numpy(), degrees, reshape=False, order=0)[middle]
    assert (patch.mask.numpy() == mask).mean() > 0.999
    if interpolation == "bilinear":
        by_kornia = kornia.geometry.rotate(scene.image[None], torch.tensor(float(degrees)), align_corners=True)[0]
        assert torch.allclose(patch.image, by_kornia[(slice(None), *middle)], atol=1e-4)
        by_scipy = ndimage.rotate(scene.image[0].numpy(), degrees, reshape=False, order=1)[middle]
        np.testing.assert_allclose(patch.image[0], by_scipy, atol=1e-4)
    else:
        by_scipy = ndimage.rotate(scene.image[0].numpy(), degrees, reshape=False, order=3)[middle]
        assert np.abs(patch.image[0].numpy() - by_scipy).mean() < 0.01


def test_magnification_and_shear_are_those_of_scipy():
    scene = scene_of(161)
    warp = FixedWarp(scale=(0.5, 0.5), shear=0.2, interpolation="bilinear")
    warp.matrix = torch.tensor([[1.0, 0.0], [0.2, 1.0]]) / 0.5
    patch = augmented(warp, scene, generator_for(0), (64, 64), 33)
    matrix = warp.matrix.numpy()
    expected = ndimage.affine_transform(
        scene.image[0].numpy(), matrix, offset=80 - matrix @ [16, 16], output_shape=(33, 33), order=1
    )
    np.testing.assert_allclose(patch.image[0], expected, atol=1e-4)
    assert patch.valid.all()


def volume_of(size=64):
    image, mask = draw_tumour_phantom("augment", size, 3)
    labels = torch.from_numpy(mask)
    return Scene("made", torch.from_numpy(image)[None], labels.to(torch.uint8), torch.ones_like(labels))


@pytest.mark.parametrize("magnification", [0.6, 1.0, 1.57])  # of 1.6 some places are between two voxels
@pytest.mark.parametrize("vector", [(0.0, 0.0, 0.0), (0.4, -0.3, 0.8)])
def test_a_volume_is_turned_and_magnified_as_scipy_does(magnification, vector):
    scene, side = volume_of(), 17
    warp = FixedWarp(rotation=math.pi, scale=(magnification, magnification))
    warp.matrix = torch.from_numpy(Rotation.from_rotvec(vector).as_matrix()).float() / magnification
    needed = warp.needs((side,) * 3)
    corner = [(64 - n) // 2 for n in needed]
    patch = warp(window(scene, corner, needed), (side,) * 3, generator_for(0))
    matrix = warp.matrix.double().numpy()
    centre = np.array(corner) + (np.array(needed) - 1) / 2
    offset = centre - matrix @ np.full(3, (side - 1) / 2)

    def by_scipy(part, order):
        return ndimage.affine_transform(part.numpy(), matrix, offset, (side,) * 3, order=order)

    np.testing.assert_allclose(patch.image[0], by_scipy(scene.image[0], 1), atol=1e-4)
    assert (patch.mask.numpy() == by_scipy(scene.mask, 0)).mean() > 0.999
    assert patch.mask.any()
    assert patch.valid.all()


@pytest.mark.parametrize(
    "warp",
    [
        Warp(scale=(0.6, 1.6)),
        Warp(rotation=math.pi, scale=(0.8, 1.25)),
        Warp(rotation=0.3, elastic=2.0, spacing=8.0),
    ],
    ids=["rescale", "rotation", "elastic"],
)
@pytest.mark.parametrize("size", [(12, 12, 12), (7, 12, 16)])
def test_a_window_holds_all_that_a_draw_in_space_can_ask_for(warp, size):
    scene, generator = volume_of(), generator_for(*size)
    for _ in range(20):
        needed = warp.needs(size)
        patch = warp(window(scene, [(64 - n) // 2 for n in needed], needed), size, generator)
        assert patch.valid.shape == size
        assert patch.valid.all()
        assert set(patch.mask.unique().tolist()) <= {0, 1}


def test_magnifications_are_uniform_in_the_logarithm():
    warp, generator = Warp(scale=(0.6, 1.6)), generator_for("log")
    drawn = [-math.log(warp._matrix(3, generator)[0, 0]) for _ in range(2000)]
    assert stats.kstest(drawn, stats.uniform(math.log(0.6), math.log(1.6 / 0.6)).cdf).pvalue > 0.01


def test_regions_of_a_volume_move_together():
    scene = volume_of()
    regions = torch.stack([scene.mask, scene.mask * (scene.image[0] > 0.5)])
    warp = Warp(rotation=1.0, scale=(0.8, 1.2))
    both = Scene("regions", scene.image, regions, scene.valid)
    needed = warp.needs((16, 16, 16))
    patch = warp(window(both, [(64 - n) // 2 for n in needed], needed), (16, 16, 16), generator_for("regions"))
    assert patch.mask.shape == (2, 16, 16, 16)
    assert (patch.mask[1] <= patch.mask[0]).all()


def test_elastic_displacements_have_the_deviation_asked_for():
    warp = Warp(elastic=3.0, spacing=8.0)
    at_knots = [warp._displacement((17, 17), generator_for(n))[:, ::8, ::8] for n in range(300)]
    assert torch.stack(at_knots).std().item() == pytest.approx(3.0, rel=0.05)  # 2.5 sigma are kept: .97 of it


def cubic(distance):
    """Kernel of cubic convolution with a slope of -3/4, as in torch and OpenCV."""
    a, x = -0.75, np.abs(distance)
    near, far = (a + 2) * x**3 - (a + 3) * x**2 + 1, a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


@pytest.mark.parametrize("side", [48, 129, 256])
def test_three_knots_are_the_grid_of_the_unet_of_2015_whatever_the_patch(side):
    warp = Warp(elastic=10.0, knots=3)
    pull = torch.randn(1, 2, 3, 3, generator=generator_for("knots")).clamp(-2.5, 2.5)[0].numpy() * 10
    places = np.linspace(0, 2, side)
    # Knots beyond the border are those on it.
    weights = sum(cubic(places[:, None] - k) * np.eye(3)[min(max(k, 0), 2)] for k in range(-2, 5))
    expected = weights @ pull @ weights.T
    moved = warp._displacement((side, side), generator_for("knots")).numpy()
    np.testing.assert_allclose(moved, expected, atol=1e-4)
    np.testing.assert_allclose(moved[:, [0, 0, -1, -1], [0, -1, 0, -1]], pull[:, [0, 0, 2, 2], [0, 2, 0, 2]], atol=1e-4)


def test_three_knots_are_half_a_side_apart_and_move_by_ten_pixels():
    warp, spaced = Warp(elastic=10.0, knots=3), Warp(elastic=10.0, spacing=128.0)
    one, other = (each._displacement((256, 256), generator_for(7)) for each in (warp, spaced))
    assert torch.equal(one, other)
    corners = [warp._displacement((65, 65), generator_for(n))[:, ::32, ::32] for n in range(300)]
    assert torch.stack(corners).std().item() == pytest.approx(10, rel=0.05)  # 2.5 sigma are kept: .97 of it


def test_upright_things_are_never_turned_upside_down():
    cfg = OmegaConf.create({"augment": OmegaConf.load(RECIPES[0].with_name("cats.yaml")), "data": {"flip_axes": [1]}})
    augment, generator, side = instantiate(cfg.augment, _convert_="all"), generator_for("upright"), 64
    down = torch.linspace(0, 1, 200).view(-1, 1).expand(200, 200)  # bright below
    scene = Scene("sky", down.expand(3, -1, -1), torch.ones(200, 200, dtype=torch.uint8), torch.ones(200, 200).bool())
    for _ in range(20):
        image = augmented(augment, scene, generator, (68, 68), side).image.mean(0)
        assert image[-8:].mean() > image[:8].mean() + 0.1


def test_labels_of_many_classes_and_of_regions_stay_labels():
    warp, generator = Warp(rotation=math.pi, elastic=2.0), generator_for("labels")
    labels = (torch.arange(160 * 160).reshape(160, 160) // 640).to(torch.uint8)
    valid = torch.ones(160, 160, dtype=torch.bool)
    many = augmented(warp, Scene("many", torch.rand(1, 160, 160), labels, valid), generator)
    assert set(many.mask.unique().tolist()) <= set(labels.unique().tolist())
    regions = torch.stack([labels > 5, labels > 20]).to(torch.uint8)
    both = augmented(warp, Scene("regions", torch.rand(1, 160, 160), regions, valid), generator)
    assert both.mask.shape == (2, SIDE, SIDE)
    assert (both.mask[1] <= both.mask[0]).all()


def test_colour_touches_the_image_only_and_stays_in_range():
    patch = window(scene_of(), (0, 0), (32, 32))
    changed = Colour(0.1, 0.3, 0.3, 0.3, 0.3)(patch, (32, 32), generator_for("colour"))
    assert changed.mask is patch.mask
    assert changed.valid is patch.valid
    assert not torch.allclose(changed.image, patch.image)
    assert changed.image.min() >= 0
    assert changed.image.max() <= 1


def test_brightness_is_added():
    patch = window(scene_of(channels=1), (0, 0), (32, 32))
    changed = Colour(brightness=0.05)(patch, (32, 32), generator_for("brightness"))
    difference = (changed.image - patch.image)[(changed.image > 0) & (changed.image < 1)]
    assert difference.std() < 1e-6
    assert 0 < abs(difference.mean()) <= 0.05


@pytest.mark.slow
def test_a_chain_of_warps_asks_for_enough():
    chain = Chain([Warp(rotation=math.pi), Flips(), Warp(rotation=math.pi, scale=(0.5, 1.0))])
    scene = scene_of(400)
    for n in range(5):
        patch = augmented(chain, scene, generator_for(n), (180, 180), 32)
        assert patch.valid.all()
        assert patch.valid.shape == (32, 32)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Warp(scale=(1.2, 0.8)),
        lambda: Warp(rotation=-1.0),
        lambda: Warp(spacing=0.0),
        lambda: Warp(knots=1),
        lambda: Colour(contrast=1.0),
        lambda: Colour(brightness=-0.1),
        lambda: Warp(shear=0.1).needs((4, 4, 4)),
        lambda: Warp().needs((4,)),
    ],
)
def test_impossible_ranges_are_refused(wrong):
    with pytest.raises(ConfigError, match="augment"):
        wrong()


def test_colours_of_four_channels_have_no_meaning():
    patch = window(scene_of(channels=4), (0, 0), (32, 32))
    with pytest.raises(ConfigError, match="4 channels"):
        Colour(hue=0.1)(patch, (32, 32), generator_for(0))


def test_colours_of_intensities_in_another_unit_are_refused_and_not_cut():
    patch = window(volume_of(), (0, 0, 0), (8, 8, 8))
    with pytest.raises(ConfigError, match="colour is for intensities from 0 to 1, and here they are .* to 9"):
        Colour(0.1)(Patch(900 + 0 * patch.image, patch.mask, patch.valid), (8, 8, 8), generator_for(0))
