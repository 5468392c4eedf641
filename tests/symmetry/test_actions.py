import math

import numpy as np
import pytest
import torch

from gequnet.symmetry.actions import act_on_fields, act_on_image, disc, rotate
from gequnet.symmetry.gspace import Element, FieldType, PlaneGroup

D4 = PlaneGroup.parse("d4").elements()


def test_quarter_turn_is_counter_clockwise_and_flip_upside_down():
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert act_on_image(image, Element(math.pi / 2))[0, 0].tolist() == [[2, 4], [1, 3]]
    assert act_on_image(image, Element(0.0, True))[0, 0].tolist() == [[3, 4], [1, 2]]


@pytest.mark.parametrize("a", D4, ids=str)
@pytest.mark.parametrize("b", D4, ids=str)
def test_is_an_action(a, b):
    image = torch.randn(1, 2, 4, 7)
    torch.testing.assert_close(act_on_image(image, a @ b), act_on_image(act_on_image(image, b), a), rtol=0, atol=0)


@pytest.mark.parametrize("side", [48, 49])
def test_rotation_is_the_drawing_of_the_turned_scene(side):
    """The image is a sum of waves; the expected one is drawn at the rotated coordinates."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    c, s = math.cos(0.5), math.sin(0.5)

    def drawn(x, y):
        return np.sin(0.11 * x + 0.05 * y) + np.cos(0.08 * y - 0.03 * x)

    ours = rotate(torch.from_numpy(drawn(x, y))[None, None].float(), 0.5)[0, 0].numpy()
    inside = disc(side, 4).numpy()
    # Rows run downwards, so a counter-clockwise turn reads at (c x - s y, s x + c y).
    assert np.abs(ours - drawn(c * x - s * y, s * x + c * y))[inside].max() < 1e-3


def test_rotation_by_a_quarter_is_the_permutation():
    image = torch.rand(1, 1, 9, 9)
    torch.testing.assert_close(rotate(image, math.pi / 2), torch.rot90(image, 1, (-2, -1)), atol=1e-5, rtol=0)


def test_fields_are_moved_in_space_and_in_their_channels():
    field_type = FieldType(PlaneGroup.parse("c4").regular, 1)
    fields = torch.zeros(1, 4, 3, 3)
    fields[0, 0, 0, 1] = 1  # at the top, in the channel of the identity
    moved = act_on_fields(fields, field_type, Element(math.pi / 2))
    assert moved.nonzero().tolist() == [[0, 1, 1, 0]]  # at the left, in the channel of the quarter turn
