import pickle

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from gequnet.data.datasets.chase import Chase
from gequnet.data.errors import DatasetNotFoundError
from gequnet.data.phantoms.phantom_vessels import PhantomVessels
from gequnet.data.scene import Scene
from gequnet.data.source import SPLITS, Source
from gequnet.data.views.orientation import directions
from gequnet.data.views.orientation_grid import farthest_corners
from gequnet.data.views.orientation_shift import OrientationShift
from gequnet.errors import ConfigError
from helpers.data_modules import module, samples
from helpers.drawn_lines import apart, line
from helpers.repository import CONF

FEW = {"train": 4, "val": 3, "test": 4}
SMALL = {"_target_": "gequnet.data.phantoms.phantom_vessels.PhantomVessels", "size": 96, "num_images": FEW}
VIEW = {"_target_": "gequnet.data.views.orientation_shift.OrientationShift", "_partial_": True, "size": 32}


class Drawn(Source):
    """Source with one scene in every split, with a given mask."""

    name = "drawn"

    def __init__(self, mask, valid=None):
        self.mask = torch.from_numpy(np.asarray(mask)).to(torch.uint8)
        self.valid = torch.ones(self.mask.shape[-2:], dtype=torch.bool) if valid is None else valid

    def ids(self, split):
        return [split]

    def load(self, sample_id):
        image = torch.arange(self.valid.numel()).reshape(1, *self.valid.shape) % 251
        return Scene(sample_id, image.to(torch.uint8), self.mask, self.valid, second=1 - self.mask.clamp(max=1))

    def check(self):
        pass

    def facts(self, sample_id):
        return {"kind": "drawn"}

    def labels_differ(self):
        return ["train"]


def phantoms(size=160, rotation=0.0):
    return PhantomVessels(size=size, num_images=FEW, rotation=rotation)


def place_of(patch):
    image, _, corner = patch.partition("@")
    return image, [int(number) for number in corner.split(",")]


def votes_by_range(scene, size, corners):
    """Number of foreground pixels in each of four ranges of coherence, pixel by pixel, without histograms."""
    found, foreground = directions((scene.mask > 0).numpy()), scene.mask.numpy() > 0
    nearest = np.stack([apart(np.degrees(found.angle), middle) for middle in (0, 45, 90, 135)]).argmin(0)
    for corner in corners:
        here = window(foreground, corner, size)
        weights = window(found.coherence, corner, size)[here]
        votes = np.bincount(window(nearest, corner, size)[here], weights, minlength=4)
        yield votes / max(votes.sum(), 1e-12)


def window(part, corner, size):
    return part[..., corner[0] : corner[0] + size, corner[1] : corner[1] + size]


def viewed(**changes):
    """Data module of small phantoms through the orientation view, with patches of 32 pixels."""
    return module(source=SMALL, view=VIEW, **changes)


@pytest.mark.parametrize(("split", "wanted"), [("val", {0, 1}), ("test", {2, 3})])
def test_patches_run_in_the_ranges_of_their_split(split, wanted):
    source = phantoms()
    shifted = OrientationShift(source, 64)
    patches = shifted.ids(split)
    assert len(patches) > 8
    for patch in patches:
        image, corner = place_of(patch)
        assert image in source.ids(split)
        (votes,) = votes_by_range(source.load(image), 64, [corner])
        assert votes.argmax() in wanted
        assert votes.max() > 0.45
        middle = 45 * votes.argmax()
        assert apart(shifted.facts(patch)["orientation"], middle) <= 22.5
        assert shifted.facts(patch)["image"] == image


def test_training_images_list_every_place_of_the_grid_that_qualifies():
    source = phantoms()
    shifted = OrientationShift(source, 64, stride=16)
    assert set(shifted.ids("train")) <= set(source.ids("train"))
    for image in shifted.ids("train"):
        scene = source.load(image)
        grid = [(row, column) for row in range(0, 97, 16) for column in range(0, 97, 16)]
        votes = dict(zip(grid, votes_by_range(scene, 64, grid), strict=True))
        filled = {corner: window(scene.mask, corner, 64).float().mean() >= 0.01 for corner in grid}
        expected = [c for c in grid if filled[c] and votes[c].max() > 0.45 and votes[c].argmax() in (0, 1)]
        assert [tuple(corner) for corner in shifted.load(image).corners.tolist()] == expected


def test_a_quarter_turn_of_the_pictures_makes_test_places_of_training_places():
    plain = OrientationShift(phantoms(), 64, train=[0, 1])
    turned = OrientationShift(phantoms(rotation=np.pi / 2), 64, train=[2, 3])
    assert plain.ids("train") == turned.ids("train")
    for image in plain.ids("train"):
        # rot90 moves row r, column c to row 159 - c, column r, so a window's corner to 160 - 64 - c, r.
        expected = {(96 - column, row) for row, column in plain.load(image).corners.tolist()}
        assert {tuple(corner) for corner in turned.load(image).corners.tolist()} == expected


@pytest.mark.parametrize(("degrees", "split"), [(0, "train"), (50, "train"), (85, "test"), (140, "test")])
def test_a_line_trains_or_tests_by_its_angle(degrees, split):
    shifted = OrientationShift(Drawn(line(degrees, 4)), 64, stride=1)
    if split == "train":
        assert shifted.ids("train") == ["train"]
        with pytest.raises(ConfigError, match="no test image has a patch of 64x64"):
            shifted.ids("test")
        return
    facts = [shifted.facts(patch) for patch in shifted.ids("test")]
    assert all(apart(fact["orientation"], degrees) < 2.5 and fact["kind"] == "drawn" for fact in facts)
    with pytest.raises(ConfigError, match=r"other data\.view\.train"):
        shifted.ids("train")


def test_a_patch_is_a_scene_of_its_own():
    source = Drawn(line(90, 4))
    shifted = OrientationShift(source, [40, 48], stride=3)
    patch = shifted.ids("test")[0]
    scene, whole, (row, column) = shifted.load(patch), source.load("test"), place_of(patch)[1]
    here = np.s_[..., row : row + 40, column : column + 48]
    assert scene.id == patch
    for part in ("image", "mask", "valid", "second"):
        assert torch.equal(getattr(scene, part), getattr(whole, part)[here])
    assert scene.corners is None
    assert scene.origin.id == "test"


def test_patches_keep_the_intensity_scale_of_their_image():
    whole = {sample_id: image for sample_id, image, *_ in samples(module(source=SMALL).test_dataloader())}
    patches = samples(viewed().test_dataloader())
    assert len(patches) > 3
    for sample_id, image, *_ in patches:
        name, corner = place_of(sample_id)
        assert torch.equal(image, window(whole[name], corner, 32))


def test_training_patches_start_at_corners():
    made = viewed(augment="none", patches_per_epoch=40)
    made.setup("fit")
    seen = samples(made.train_dataloader())
    for sample_id, image, *_ in seen:
        scene, scale = made.scenes[sample_id]
        places = [scale(window(scene.image, corner, 32)) for corner in scene.corners.tolist()]
        assert any(torch.equal(image, place) for place in places)
    assert len({tuple(image.flatten().tolist()) for _, image, *_ in seen}) > 10


def test_classes_and_regions_are_foreground_alike():
    mask = line(100, 4).astype(np.uint8)
    one, other = OrientationShift(Drawn(mask), 64), OrientationShift(Drawn(3 * mask), 64)
    regions = OrientationShift(Drawn(np.stack([0 * mask, mask])), 64)
    assert one.ids("test") == other.ids("test") == regions.ids("test")
    assert regions.load(regions.ids("test")[0]).mask.shape == (2, 64, 64)


def test_patches_lie_in_the_field_of_view_and_hold_some_foreground():
    valid = torch.zeros(101, 101, dtype=torch.bool)
    valid[:60] = True
    shifted = OrientationShift(Drawn(line(90, 3), valid), 32, stride=1, min_valid=1.0, train=[2, 3])
    corners = shifted.load("train").corners
    assert corners[:, 0].max() == 60 - 32
    # The line covers columns 49 to 51; 32 x 1 of 32 x 32 pixels are .03125.
    assert corners[:, 1].tolist() == corners[:, 1].clamp(49 - 31, 51).tolist()
    strict = OrientationShift(Drawn(line(90, 3), valid), 32, stride=1, min_foreground=0.09, train=[2, 3])
    assert strict.load("train").corners[:, 1].max() == 49


def test_the_same_every_time_and_after_pickling():
    shifted, again = (OrientationShift(phantoms(96), 48) for _ in range(2))
    thawed = pickle.loads(pickle.dumps(shifted))
    for split in SPLITS:
        assert shifted.ids(split) == again.ids(split) == thawed.ids(split)
    assert shifted.labels_differ() == []
    assert OrientationShift(Drawn(line(0, 4)), 64).labels_differ() == ["train"]


def test_patches_of_an_image_are_few_and_apart():
    corners = np.argwhere(np.ones((20, 20), dtype=bool)) * 5
    chosen = np.array(farthest_corners(corners, nearest=25.0, most=64))
    distances = abs(chosen[:, None] - chosen).max(-1) + 1000 * np.eye(len(chosen), dtype=int)
    assert distances.min() >= 25
    assert len(chosen) >= 9
    few = np.array(farthest_corners(corners, nearest=25.0, most=4))
    assert sorted(map(tuple, few)) == [(0, 0), (0, 95), (95, 0), (95, 95)]
    assert farthest_corners(corners[:0], nearest=1.0, most=4) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"test": [4]}, r"data\.view\.test=\[4\].*0 to 3"),
        ({"train": []}, r"data\.view\.train=\[\]"),
        ({"size": [8, 8, 8]}, "not the size of a patch"),
        ({"bins": 100}, "multiple of twice"),
        ({"stride": 0}, "must be at least 1"),
        ({"size": 0}, "must be at least 1"),
        ({"max_per_image": 0}, "1 or more"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        OrientationShift(**{"source": phantoms(), "size": 32, **changes})


def test_volumes_are_refused():
    source = Drawn(np.zeros((8, 8)))
    source.load = lambda name: Scene(
        name, torch.zeros(1, 8, 8, 8), torch.zeros(8, 8, 8).byte(), torch.ones(8, 8, 8) > 0
    )
    with pytest.raises(ConfigError, match="train has 3 axes"):
        OrientationShift(source, 4).ids("train")


def test_places_cannot_be_chosen_by_foreground_too():
    with pytest.raises(ConfigError, match=r"data\.foreground=0\.5"):
        viewed(foreground=0.5).setup("fit")


@pytest.mark.parametrize("name", ["phantom_vessels", "chase"])
def test_the_experiment_views_any_dataset_and_no_file_is_read_before_setup(name):
    view = OmegaConf.load(CONF / "experiment" / "orientation_shift.yaml").data.view
    changes = {"source": SMALL} if name == "phantom_vessels" else {}
    made = module(name, view=view, **changes)
    assert isinstance(made.source, OrientationShift)
    if name == "chase":
        with pytest.raises(DatasetNotFoundError):
            made.setup("fit")
        return
    made.setup("fit")
    assert made.split_hash != module(name, **changes).split_hash
    assert {place_of(patch)[0].partition("-")[0] for patch in made.splits["test"]} == {"test"}


def test_chase(real_data):
    source = Chase(real_data)
    shifted = OrientationShift(source, 128)
    patches = shifted.ids("test")
    assert 200 < len(patches) < 400
    assert {place_of(patch)[0] for patch in patches} == set(source.ids("test"))
    orientations = np.array([shifted.facts(patch)["orientation"] for patch in patches])
    assert orientations.min() >= 67.5
    assert orientations.max() <= 157.5
    assert shifted.load(patches[-1]).second.shape == (128, 128)
