"""Every score that is a quotient of counts: beside scikit-learn, beside MONAI, and where it is 0/0."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from monai.metrics import compute_dice, compute_iou
from sklearn import metrics as sklearn

from gequnet.metrics.counts import count
from gequnet.metrics.scores import score as named_score
from helpers.metric_cases import image, seeds

NAMES = ["accuracy", "balanced_accuracy", "dice", "iou", "precision", "sensitivity", "specificity"]
SCORES = [partial(named_score, name) for name in NAMES]
accuracy, balanced_accuracy, dice, iou, precision, sensitivity, specificity = SCORES
every_score = pytest.mark.parametrize("score", SCORES, ids=NAMES)


def specificity_of_sklearn(target, preds):
    return sklearn.recall_score(target, preds, pos_label=False)


SKLEARN = [
    (accuracy, sklearn.accuracy_score),
    (balanced_accuracy, sklearn.balanced_accuracy_score),
    (dice, sklearn.f1_score),
    (iou, sklearn.jaccard_score),
    (precision, sklearn.precision_score),
    (sensitivity, sklearn.recall_score),
    (specificity, specificity_of_sklearn),
]


@pytest.mark.parametrize(("score", "oracle"), SKLEARN)
@pytest.mark.parametrize("space", [(9, 8), (5, 4, 6)])
@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_is_what_scikit_learn_says_about_the_valid_pixels(score, oracle, space, seed):
    preds, target, valid = image(seed, space)
    expected = oracle(target[valid].numpy(), preds[valid].numpy())
    assert score(preds, target, valid).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("score", "oracle"), [(dice, compute_dice), (iou, compute_iou)])
@pytest.mark.parametrize("empty", ["neither", "preds", "target", "both"])
def test_is_what_monai_says_with_empty_masks_counted(score, oracle, empty):
    preds, target, _ = image(0)
    preds &= empty not in ("preds", "both")
    target &= empty not in ("target", "both")
    expected = oracle(preds[None, None], target[None, None], ignore_empty=False)
    assert score(preds, target).item() == pytest.approx(expected.item(), abs=1e-6)


def test_counts_are_those_of_scikit_learn():
    preds, target, valid = image(3)
    (tn, fp), (fn, tp) = sklearn.confusion_matrix(target[valid].numpy(), preds[valid].numpy())
    assert tuple(map(int, count(preds, target, valid))) == (tp, fp, fn, tn)


@every_score
def test_is_computed_for_each_class(score):
    preds, target, valid = image(1, classes=(3,))
    each = torch.stack([score(preds[c], target[c], valid) for c in range(3)])
    assert torch.equal(score(preds, target, valid), each)


@every_score
@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_an_invalid_pixel_is_a_deleted_pixel(score, seed):
    preds, target, valid = image(seed)
    assert score(preds, target, valid) == score(preds[valid], target[valid])


@every_score
@pytest.mark.parametrize("full", [True, False])
def test_agreement_is_one_even_where_it_would_be_nothing_over_nothing(score, full):
    mask = torch.full((4, 4), full)
    assert score(mask, mask) == 1


@pytest.mark.parametrize(
    ("score", "preds", "target"),
    [(sensitivity, True, False), (precision, False, True), (specificity, False, True)],
)
def test_nothing_over_nothing_is_zero_where_something_is_wrong(score, preds, target):
    assert score(torch.full((4, 4), preds), torch.full((4, 4), target)) == 0


def test_balanced_accuracy_of_no_foreground_is_that_of_a_sensitivity_of_nothing_or_all():
    # Where scikit-learn would leave the sensitivity out.
    target = torch.zeros(4, dtype=torch.bool)
    assert balanced_accuracy(torch.tensor([True, False, False, False]), target) == 0.375
    assert balanced_accuracy(target, torch.tensor([True, False, False, False])) == 0.5


@every_score
def test_an_image_without_valid_pixels_has_no_score(score):
    preds, target, valid = image(0)
    assert score(preds, target, torch.zeros_like(valid)).isnan()
