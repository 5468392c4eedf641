import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gequnet.layers.frame import MirroredFrame, mirror_pad

margins = st.tuples(st.integers(0, 25), st.integers(0, 25))


@given(st.integers(1, 9), st.integers(1, 9), margins, margins)
def test_mirror_images_are_those_of_numpy(height, width, rows, columns):
    image = torch.arange(2 * height * width).view(1, 2, height, width).float()
    expected = np.pad(image.numpy(), ((0, 0), (0, 0), rows, columns), mode="reflect")
    np.testing.assert_array_equal(mirror_pad(image, [rows, columns]), expected)


def test_volumes_are_mirrored_along_each_axis():
    volume = torch.randn(1, 1, 4, 3, 5)
    expected = np.pad(volume.numpy(), ((0, 0), (0, 0), (7, 2), (0, 0), (1, 9)), mode="reflect")
    np.testing.assert_array_equal(mirror_pad(volume, [(7, 2), (0, 0), (1, 9)]), expected)


def test_the_sides_of_the_paper():
    """Figure 1 of arXiv:1505.04597: five levels with two convolutions of 3 each, from 572 to 388 through 28."""
    frame = MirroredFrame(halvings=4, block=4)
    assert frame.sides(388) == (572, 388)
    assert frame.sides(387) == (572, 388)
    assert frame.sides(389) == (588, 404)
    assert frame.sides(512) == (700, 516)


def walk(side, halvings, block, halving, doubling):
    """Side after each layer of a U-Net, at the end; None if a layer does not accept its input."""
    skips = []
    for level in range(halvings + 1):
        if level:
            skips.append(side)
            if side % 2:
                return None
            side = side // 2 - halving
        side -= block
        if side < 1:
            return None
    for skip in reversed(skips):
        side = 2 * side - doubling
        if (skip - side) % 2 or side > skip:
            return None
        side -= block
        if side < 1:
            return None
    return side


@given(st.integers(1, 150), st.integers(0, 4), st.integers(0, 3), st.integers(0, 2), st.sampled_from([0, 2]))
def test_the_frame_is_the_least_that_every_layer_can_take(side, halvings, half_block, halving, doubling):
    layers = (halvings, 2 * half_block, halving, doubling)
    start, end = MirroredFrame(*layers).sides(side)
    assert walk(start, *layers) == end >= side
    smaller = [walk(fewer, *layers) for fewer in range(side, start)]
    assert all(reached is None or reached < side for reached in smaller)


@given(st.integers(1, 40), st.integers(1, 40))
def test_the_image_is_in_the_middle_of_its_frame(height, width):
    image = torch.randn(1, 1, height, width)
    framed = MirroredFrame(halvings=2, block=4)(image)
    top, left = ((big - side) // 2 for big, side in zip(framed.shape[2:], image.shape[2:], strict=True))
    assert torch.equal(framed[:, :, top : top + height, left : left + width], image)
    assert framed.shape[2] - height - top - top in (0, 1)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda frame: pickle.loads(pickle.dumps(frame))])
def test_a_frame_can_be_copied(copied):
    frame = MirroredFrame(halvings=2, block=4, halving=1, doubling=2)
    assert copied(frame) == frame
