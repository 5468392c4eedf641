import pytest
import torch
from torch.nn import functional

from gequnet.data.scene import Scene
from gequnet.data.transforms.resize import resized


def scene(mask, valid=None, image=None):
    image = mask[None] if image is None else image
    return Scene("some", image, mask, torch.ones_like(mask, dtype=torch.bool) if valid is None else valid)


@pytest.mark.parametrize("sides", [(16, 16), (9, 21), (40, 50), (30, 37)])
def test_intensities_are_those_of_torch(sides):
    image = torch.randint(0, 256, (3, 30, 37), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    small = resized(scene(image[0], image=image), sides)
    expected = functional.interpolate(image[None].float(), sides, mode="bilinear", antialias=True)[0]
    assert small.image.dtype == torch.uint8
    assert (small.image.float() - expected).abs().max() <= 1.5  # both round
    deep = resized(scene(image[0], image=image.float()), sides)
    torch.testing.assert_close(deep.image, expected, rtol=0, atol=1e-3)


def test_labels_are_those_with_most_of_the_area():
    mask = torch.randint(0, 3, (24, 36), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    blocks = functional.one_hot(mask.long()).reshape(8, 3, 12, 3, 3).sum((1, 3))  # numbers of pixels, of 9
    torch.testing.assert_close(resized(scene(mask), (8, 12)).mask.long(), blocks.argmax(-1))


def test_parts_of_pixels_count_as_parts():
    """By hand: 5 pixels become 2 of 2.5 each, so the middle pixel is half in each."""
    for labels, expected in (([1, 0, 1, 0, 0], [1, 0]), ([0, 0, 1, 0, 1], [0, 1]), ([1, 0, 0, 1, 0], [0, 0])):
        mask = torch.tensor([labels], dtype=torch.uint8)
        assert resized(scene(mask), (1, 2)).mask.tolist() == [expected]


def test_what_does_not_count_is_a_label():
    mask = torch.tensor([[2, 2, 2, 2, 0, 2]], dtype=torch.uint8)
    valid = torch.tensor([[True, False, False, True, True, True]])
    small = resized(scene(mask, valid), (1, 2))
    assert (small.mask.tolist(), small.valid.tolist()) == ([[0, 2]], [[False, True]])
    nothing = resized(scene(mask, torch.zeros_like(valid)), (2, 2))
    assert not nothing.valid.any()


def test_a_larger_one_has_the_same_labels():
    mask = torch.randint(0, 4, (5, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    large = resized(scene(mask), (15, 21)).mask
    torch.testing.assert_close(large, mask.repeat_interleave(3, 0).repeat_interleave(3, 1))
