import pytest
import torch

from gequnet.data.datasets.msd import Msd
from gequnet.data.phantoms.phantom_tumours import PhantomTumours
from gequnet.data.phantoms.phantom_vessels import PhantomVessels
from gequnet.data.scene import Scene
from gequnet.data.transforms.magnify import magnified_sides
from gequnet.data.views.rescaled import Rescaled, at_scale, magnified_scene
from gequnet.errors import ConfigError
from gequnet.metrics.scores import score

FEW = {"train": 1, "val": 1, "test": 2}


def tumours(dims, **arguments):
    return PhantomTumours({2: 96, 3: 36}[dims], dims, FEW, noise=0.0, **arguments)


@pytest.mark.parametrize("factor", [0.6, 0.8, 1.25, 1.6])
@pytest.mark.parametrize("dims", [2, 3])
def test_drawn_larger_is_close_to_resampled(dims, factor):
    source = tumours(dims)
    drawn, resampled = at_scale(source, factor).load("test-000"), Rescaled(source, factor).load("test-000")
    assert drawn.space == resampled.space
    inner = (..., *[slice(4, -4)] * dims)
    error = (drawn.image - resampled.image)[inner].square().mean().sqrt()
    assert error < (0.05 if factor > 1 else 0.35) * drawn.image.std()  # reduced images are smoothed first
    assert score("dice", drawn.mask.bool(), resampled.mask.bool()) > 0.93  # the smallest tumours are 5 pixels across


def test_scales_of_a_phantom_multiply():
    twice = tumours(2).at_scale(1.5).at_scale(0.8).load("test-001")
    once = tumours(2).at_scale(1.2).load("test-001")
    assert torch.allclose(twice.image, once.image, atol=1e-5)
    assert not torch.equal(once.mask, tumours(2, scale=1.1).load("test-001").mask)


def test_every_part_of_a_scene_is_magnified():
    labels = torch.zeros(2, 30, 40, dtype=torch.uint8)
    labels[0, 5:25, 5:25], labels[1, 10:20, 10:20] = 1, 1
    valid = torch.ones(30, 40, dtype=torch.bool)
    valid[:, 35:] = False
    scene = Scene(
        "all",
        (labels[:1] * 200),
        labels,
        valid,
        second=labels,
        instances=labels[0].int() * 7,
        corners=torch.zeros(1, 2, dtype=torch.int64),
    )
    large = magnified_scene(scene, 2.0)
    assert large.image.shape == (1, 60, 80)
    assert large.image.max() == pytest.approx(200 / 255)
    assert large.mask.flatten(1).sum(1).tolist() == [1600, 400]
    assert torch.equal(large.second, large.mask)
    assert large.valid.float().mean() == valid.float().mean()
    assert large.instances.unique().tolist() == [0, 7]
    assert large.corners is None
    assert magnified_scene(scene, 1.0) is scene


def test_any_dataset_can_be_rescaled():
    source = PhantomVessels(size=48, num_images=FEW)
    small = at_scale(source, 0.5)
    assert isinstance(small, Rescaled)
    assert small.name == source.name
    assert small.ids("test") == source.ids("test")
    assert small.load("test-000").space == (24, 24)
    assert at_scale(small, 2.0).load("test-000").space == (48, 48)
    small.check()
    assert small.labels_differ() == []
    assert small.facts("test-000") == {}


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan")])
def test_no_magnification_is_refused(factor):
    with pytest.raises(ConfigError, match="above 0"):
        Rescaled(PhantomVessels(size=48), factor)


def test_a_real_volume_grows_with_its_labels(real_data):
    """At 1.5 times the size each part of a hippocampus has 3.4 times as many voxels of the same size."""
    source = Msd(real_data)
    name = source.ids("test")[0]
    volume, large = source.load(name), at_scale(source, 1.5).load(name)
    assert large.space == tuple(magnified_sides(volume.space, 1.5))
    assert large.spacing == volume.spacing
    assert large.geometry is None
    for label in (1, 2):
        ratio = (large.mask == label).sum() / (volume.mask == label).sum()
        assert ratio.item() == pytest.approx(1.5**3, rel=0.05)
    assert large.image.max() <= volume.image.max()
    assert large.image.mean().item() == pytest.approx(volume.image.float().mean().item(), rel=0.05)
