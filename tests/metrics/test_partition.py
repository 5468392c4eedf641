"""The scores of the ISBI 2012 challenge, beside those of scikit-learn and scikit-image, and by hand."""

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from skimage.metrics import adapted_rand_error, variation_of_information
from sklearn.metrics import accuracy_score, normalized_mutual_info_score
from sklearn.metrics.cluster import pair_confusion_matrix

from gequnet.metrics.partition import Overlaps, cells, overlaps, thinned
from gequnet.metrics.scores import score
from gequnet.metrics.v_info import v_info, v_info_of
from gequnet.metrics.v_rand import v_rand, v_rand_of
from helpers.metric_cases import image, seeds

SCORES = (v_rand, v_info)


def partitions(seed, cells=6, side=12):
    """Predicted and true maps of cells, where a third of the prediction is the truth; both with pixels in no cell."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, cells, (side, side))
    predicted = np.where(rng.random(true.shape) < 1 / 3, true, rng.integers(0, cells, true.shape))
    return predicted, true


def scored(predicted, true):
    """The labels of the scored pixels for other libraries; in no predicted cell means in one of its own."""
    inside = true > 0
    numbers = np.where(predicted > 0, predicted, predicted.max() + 1 + np.arange(predicted.size).reshape(true.shape))
    return true[inside], np.unique(numbers[inside], return_inverse=True)[1]


@given(seeds, st.integers(2, 20))
def test_v_rand_is_a_ratio_of_pairs_that_scikit_learn_counts(seed, number):
    predicted, true = partitions(seed, number)
    labels = scored(predicted, true)
    (_, merged), (split, together) = pair_confusion_matrix(*labels)  # without the pairs of a pixel with itself
    together += len(labels[0])
    expected = together / (together + (merged + split) / 2)
    assert v_rand_of(Overlaps.of(predicted, true)).item() == pytest.approx(expected, abs=1e-12)


@given(seeds, st.integers(2, 20))
def test_v_rand_is_that_of_scikit_image_but_for_pairs_of_a_pixel_with_itself(seed, number):
    predicted, true = partitions(seed, number)
    labels = scored(predicted, true)
    pixels = len(labels[0])
    pairs = sum(float((np.bincount(part).astype(float) ** 2).sum()) for part in labels) / 2
    theirs = 1 - adapted_rand_error(*labels, ignore_labels=())[0]
    expected = (theirs * (pairs - pixels) + pixels) / pairs
    assert v_rand_of(Overlaps.of(predicted, true)).item() == pytest.approx(expected, abs=1e-12)


@given(seeds, st.integers(2, 20))
def test_v_info_is_the_mutual_information_of_scikit_learn(seed, number):
    predicted, true = partitions(seed, number)
    expected = normalized_mutual_info_score(*scored(predicted, true), average_method="arithmetic")
    assert v_info_of(Overlaps.of(predicted, true)).item() == pytest.approx(expected, abs=1e-12)


def test_what_v_info_lacks_is_the_variation_of_information_of_scikit_image():
    predicted, true = partitions(0)
    labels = scored(predicted, true)
    lost = variation_of_information(*labels).sum() * np.log(2)
    entropies = sum(-sum(p * np.log(p) for p in np.bincount(part) / len(part) if p) for part in labels)
    assert 1 - v_info_of(Overlaps.of(predicted, true)).item() == pytest.approx(lost / entropies, abs=1e-12)


def walls(*columns, side=21):
    """A membrane across the image at each of these columns."""
    mask = torch.zeros(side, side, dtype=torch.bool)
    mask[:, list(columns)] = True
    return mask


def test_two_cells_that_are_merged():
    """Shares of 1/2 each: 2 / 4 of the predicted pairs are true. One cell tells nothing about two."""
    assert v_rand(walls(), walls(10)).item() == pytest.approx(2 * 0.5 / (1 + 0.5))
    assert v_info(walls(), walls(10)) == 0


def test_a_cell_that_is_split_in_halves():
    """Pixels on the line of the wall that is not there, which the truth has in a cell, are alone."""
    truth, found = walls(10), walls(4, 10)
    n, line = 2 * 210, 21
    true = 2 * 210**2
    both = predicted = 84**2 + 105**2 + 210**2 + line
    assert v_rand(found, truth).item() == pytest.approx(2 * both / (true + predicted), abs=1e-12)
    entropies = [-sum(k / n * np.log(k / n) for k in sizes) for sizes in ([210, 210], [84, 105, 210, *[1] * line])]
    assert v_info(found, truth).item() == pytest.approx(2 * entropies[0] / sum(entropies), abs=1e-12)


@pytest.mark.parametrize("score", SCORES)
def test_neither_thickness_nor_place_inside_of_the_true_membrane_matter(score):
    truth = walls(8, 9, 10, 11, 12)
    for found in (walls(10), walls(8), walls(9, 10, 11), walls(8, 9, 10, 11, 12), walls(6, 7, 8, 9, 10, 11, 12)):
        assert score(found, truth) == 1
    assert score(walls(7), truth) < 1


@pytest.mark.parametrize("score", SCORES)
def test_a_gap_joins_and_a_membrane_that_ends_blindly_does_not_split(score):
    truth = walls(10)
    gap, blind = truth.clone(), truth.clone()
    gap[3, 10] = False
    blind[:12, 4] = True  # from the border
    blind[5, 15:18] = True  # a speck
    assert score(gap, truth) < 0.7
    assert score(blind, truth) == 1


def test_a_diagonal_of_pixels_that_share_corners_is_tight_as_far_as_the_border():
    diagonal = torch.eye(15, dtype=torch.bool)
    numbered = cells(diagonal.numpy(), np.ones((15, 15), dtype=bool))
    assert numbered.max() == 2
    assert v_rand(diagonal, diagonal) == v_info(diagonal, diagonal) == 1


def blots(seed):
    """A membrane of any thickness that surrounds some cells."""
    return ndimage.gaussian_filter(np.random.default_rng(seed).random((30, 30)), 1.5) > 0.49


@given(seeds)
def test_thinning_keeps_each_cell_and_keeps_cells_apart(seed):
    membrane = blots(seed)
    numbered = cells(membrane, np.ones_like(membrane))
    assert numbered.max() == ndimage.label(~membrane)[1]
    grown = thinned(numbered, np.ones_like(membrane))
    assert np.array_equal(grown[~membrane], numbered[~membrane])
    for one, other in ((grown[1:], grown[:-1]), (grown[:, 1:], grown[:, :-1])):
        assert not ((one != other) & (one > 0) & (other > 0)).any()


def test_what_thinning_leaves_lies_between_two_cells():
    lines = between = 0
    for seed in range(30):
        membrane = blots(seed)
        grown = thinned(cells(membrane, np.ones_like(membrane)), np.ones_like(membrane))
        highest = ndimage.maximum_filter(grown, 3)
        lowest = ndimage.minimum_filter(np.where(grown > 0, grown, grown.max() + 1), 3)
        assert (highest > 0).all()
        lines += (grown == 0).sum()
        between += ((grown == 0) & (lowest < highest)).sum()
    assert lines > 1000
    assert between / lines > 0.99


@pytest.mark.parametrize("score", SCORES)
@given(seed=seeds)
def test_nothing_outside_valid_has_a_say(score, seed):
    preds, target, valid = image(seed, (12, 13))
    noise = torch.where(valid, preds, ~preds), torch.where(valid, target, ~target), valid
    assert score(*noise) == score(preds, target, valid)
    assert score(preds, preds, valid) == 1


@pytest.mark.parametrize("score", SCORES)
def test_valid_is_cut_out_before_anything_is_joined(score):
    truth, found = walls(10), walls(10)
    found[:5] = False  # a gap, of which only this is outside
    valid = torch.ones_like(truth)
    valid[:5] = False
    assert score(found, truth, valid) == 1
    assert score(found, truth) < 1


@pytest.mark.parametrize("score", SCORES)
def test_nothing_there(score):
    nothing, all_over = walls(), ~walls()
    assert score(nothing, nothing) == score(all_over, all_over) == 1
    assert score(nothing, all_over) == 0
    assert score(all_over, walls(10)) < 0.5
    assert score(nothing, nothing, nothing).isnan()


def test_membrane_all_over_is_a_cell_for_each_pixel():
    table = overlaps(~walls(), walls(10))
    assert table.predicted.tolist() == table.both.tolist() == [1.0] * 420


def test_in_space():
    truth = torch.zeros(6, 7, 8, dtype=torch.bool)
    truth[:, 3] = True
    assert overlaps(truth, truth).true.tolist() == [6 * 3 * 8] * 2
    assert v_rand(truth, truth) == 1
    assert v_rand(~truth, truth).item() == pytest.approx(2 / 3)  # the one cell floods both


@given(seeds)
def test_pixel_error_is_what_accuracy_lacks(seed):
    preds, target, valid = image(seed)
    expected = 1 - accuracy_score(target[valid], preds[valid])
    assert score("pixel_error", preds, target, valid).item() == pytest.approx(expected, abs=1e-12)


def test_slices_of_the_challenge(real_data):
    """The truth scores 1; thicker membranes nearly so, since they close few cells; thinner ones leak."""
    labels = tifffile.imread(real_data / "ISBI2012" / "train-labels.tif")
    assert labels.shape == (30, 512, 512)
    for index in (0, 17):
        truth = labels[index] == 0
        assert v_rand(*[torch.from_numpy(truth)] * 2) == v_info(*[torch.from_numpy(truth)] * 2) == 1
        thick = ndimage.binary_dilation(truth)
        thin = ndimage.binary_erosion(truth, iterations=2)
        for partition_score in SCORES:
            thicker, leaking = (
                partition_score(torch.from_numpy(each), torch.from_numpy(truth)) for each in (thick, thin)
            )
            assert 0.95 < thicker < 1
            assert leaking < 0.9
