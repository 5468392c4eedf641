import numpy as np
import pytest
import torch
from hypothesis import given, settings
from scipy.ndimage import binary_dilation
from skimage.draw import line
from skimage.morphology import skeletonize

from gequnet.metrics.cldice import cldice
from helpers.metric_cases import image, seeds


def drawn(*ends, side=40, thickness=1):
    mask = np.zeros((side, side), dtype=bool)
    for start, end in ends:
        mask[line(*start, *end)] = True
    if thickness > 1:
        mask = binary_dilation(mask, iterations=thickness // 2)
    return torch.from_numpy(mask)


def test_a_mask_agrees_with_itself():
    mask = drawn(((5, 5), (30, 35)), ((30, 5), (8, 33)), thickness=5)
    assert cldice(mask, mask) == 1


def test_is_dice_where_both_masks_are_their_own_skeletons():
    # Two horizontal lines of 20 pixels that share 10: precision and sensitivity are both 1/2.
    assert cldice(drawn(((9, 5), (9, 24))), drawn(((9, 15), (9, 34)))).item() == pytest.approx(0.5)
    # 10 of 20 found, nothing wrong: 2 * 1 * .5 / 1.5.
    assert cldice(drawn(((9, 5), (9, 14))), drawn(((9, 5), (9, 24)))).item() == pytest.approx(2 / 3)


def test_a_lost_capillary_costs_its_length_and_not_its_area():
    thick = drawn(((9, 5), (9, 34)), thickness=7)
    both = thick | drawn(((29, 5), (29, 34)))
    precision = 1.0
    skeleton = skeletonize(both.numpy())
    sensitivity = (skeleton & thick.numpy()).sum() / skeleton.sum()
    assert sensitivity < 0.55
    assert cldice(thick, both).item() == pytest.approx(2 * precision * sensitivity / (precision + sensitivity))


def test_thickness_does_not_matter_as_long_as_the_centreline_is_inside():
    thin, thick = drawn(((20, 5), (20, 34)), thickness=3), drawn(((20, 5), (20, 34)), thickness=9)
    assert cldice(thin, thick).item() == pytest.approx(1, abs=0.08)


@pytest.mark.parametrize("space", [(30, 30), (14, 15, 16)])
def test_empty_space_around_a_mask_changes_nothing(space):
    preds, target, _ = image(2, space)
    inner = tuple(slice(9, side + 9) for side in space)
    wide = [torch.zeros([side + 20 for side in space], dtype=torch.bool) for _ in range(2)]
    for whole, part in zip(wide, (preds, target), strict=True):
        whole[inner] = part
    assert cldice(*wide) == cldice(preds, target)


def test_masks_that_touch_nowhere_score_zero():
    assert cldice(drawn(((9, 5), (9, 24))), drawn(((20, 5), (20, 24)))) == 0


@pytest.mark.parametrize(("preds", "target", "score"), [(False, False, 1), (True, False, 0), (False, True, 0)])
def test_empty_masks(preds, target, score):
    mask = drawn(((9, 5), (9, 24)))
    assert cldice(mask & preds, mask & target) == score


def test_without_valid_pixels_there_is_no_score():
    mask = drawn(((9, 5), (9, 24)))
    assert cldice(mask, mask, torch.zeros_like(mask)).isnan()


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_nothing_outside_valid_has_a_say_and_both_masks_play_the_same_part(seed):
    preds, target, valid = image(seed)
    noise = torch.rand(preds.shape, generator=torch.Generator().manual_seed(seed)) < 0.5
    expected = cldice(preds, target, valid)
    assert cldice(torch.where(valid, preds, noise), torch.where(valid, target, ~noise), valid) == expected
    assert cldice(target, preds, valid).item() == pytest.approx(expected.item())
    assert 0 <= expected <= 1


def test_in_space():
    volume = torch.zeros(7, 9, 20, dtype=torch.bool)
    volume[2:5, 3:6, 2:18] = True
    shifted = volume.roll(10, -1)
    assert cldice(volume, volume) == 1
    assert 0 < cldice(volume, shifted) < 1


def test_a_cube_that_thinning_deletes_is_its_own_skeleton():
    volume = torch.zeros(6, 6, 6, dtype=torch.bool)
    volume[2:4, 2:4, 2:4] = True
    assert not skeletonize(volume.numpy()).any()
    assert cldice(volume, volume) == 1
