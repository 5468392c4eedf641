from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gequnet.data.errors import SizeMismatchError
from gequnet.data.sampler import generator_for
from gequnet.data.scene import Scene
from gequnet.data.transforms.patch import centre, draw_corner, window


def scene_of(height, width, valid=None, mask=None):
    image = torch.arange(3 * height * width).reshape(3, height, width) % 251
    mask = torch.zeros(height, width) if mask is None else mask
    valid = torch.ones(height, width, dtype=torch.bool) if valid is None else valid
    return Scene("made", image.to(torch.uint8), mask.to(torch.uint8), valid)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.tuples(st.integers(-12, 12), st.integers(-12, 12)), st.integers(1, 12))
def test_a_window_is_a_slice_of_the_padded_scene(height, width, corner, side):
    scene = scene_of(height, width)
    patch = window(scene, corner, (side, side))
    pad = 30
    padded = np.pad(scene.image.numpy(), ((0, 0), (pad, pad), (pad, pad)))
    inside = np.pad(np.ones((height, width), bool), pad)
    rows, columns = (slice(pad + c, pad + c + side) for c in corner)
    np.testing.assert_array_equal(patch.image, (padded[:, rows, columns] / 255).astype(np.float32))
    np.testing.assert_array_equal(patch.valid, inside[rows, columns])
    assert patch.mask.shape == (side, side)


def test_windows_and_centres_of_volumes():
    volume = Scene(
        "made", torch.rand(2, 6, 7, 8), torch.zeros(6, 7, 8, dtype=torch.uint8), torch.ones(6, 7, 8, dtype=torch.bool)
    )
    patch = window(volume, (-1, 2, 3), (5, 5, 5))
    assert not patch.valid[0].any()
    assert torch.equal(patch.image[:, 1:], volume.image[:, :4, 2:7, 3:8])
    assert torch.equal(centre(patch, (3, 3, 3)).image, patch.image[:, 1:4, 1:4, 1:4])


def test_corners_lie_in_the_scene_and_in_its_field_of_view():
    valid = torch.zeros(60, 80, dtype=torch.bool)
    valid[:, 40:] = True
    scene = scene_of(60, 80, valid)
    generator = generator_for(0)
    for _ in range(100):
        y, x = draw_corner(scene, (20, 20), generator, min_valid=0.9)
        assert 0 <= y <= 40
        assert 38 <= x <= 60


def test_every_corner_is_equally_likely():
    scene, generator = scene_of(12, 11), generator_for("likely")
    counts = np.zeros((3, 2))
    for _ in range(3000):
        counts[tuple(draw_corner(scene, (10, 10), generator))] += 1
    assert abs(counts / 500 - 1).max() < 0.2


def test_foreground_asked_for_is_in_the_middle():
    mask = torch.zeros(100, 100)
    mask[40:46, 30:36] = 1
    scene, generator = scene_of(100, 100, mask=mask), generator_for(1)
    for _ in range(20):
        y, x = draw_corner(scene, (21, 21), generator, foreground=1.0)
        assert scene.mask[y + 10, x + 10] == 1


def test_listed_corners_are_the_only_ones_and_equally_likely():
    valid = torch.ones(60, 80, dtype=torch.bool)
    valid[:, :40] = False
    listed = [[0, 60], [7, 41], [40, 50], [0, 0]]  # the last shows nothing valid
    scene, generator = replace(scene_of(60, 80, valid), corners=torch.tensor(listed)), generator_for("listed")
    drawn = [draw_corner(scene, (20, 20), generator, foreground=1.0) for _ in range(600)]
    counts = [drawn.count(corner) for corner in listed]
    assert sum(counts) == 600
    assert counts[3] == 0
    assert abs(np.array(counts[:3]) / 200 - 1).max() < 0.2


def test_a_scene_without_foreground_or_field_of_view_still_gives_a_patch():
    scene = scene_of(30, 30, valid=torch.zeros(30, 30, dtype=torch.bool))
    y, x = draw_corner(scene, (10, 10), generator_for(2), foreground=1.0)
    assert min(y, x) >= 0
    assert max(y, x) <= 20


def test_a_small_scene_lies_in_the_middle_of_its_patch():
    scene = scene_of(6, 20)
    corner = draw_corner(scene, (10, 10), generator_for(3))
    valid = window(scene, corner, (10, 10)).valid
    assert corner[0] == -2
    assert valid.all(1).tolist() == [False] * 2 + [True] * 6 + [False] * 2


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(SizeMismatchError, match="mask has 4x5 pixels and the image 4x4"):
        Scene(
            "x",
            torch.zeros(1, 4, 4),
            torch.zeros(4, 5, dtype=torch.uint8),
            torch.ones(4, 4, dtype=torch.bool),
        )
