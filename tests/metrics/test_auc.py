"""ROC-AUC and PR-AUC beside scikit-learn, with ties, exact and in bins."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score
from torchmetrics.classification import BinaryAUROC

from gequnet.errors import ConfigError
from gequnet.metrics.auc import BinnedAUROC, confusions, pooled_areas, pr_auc, roc_auc, thresholds
from helpers.metric_cases import seeds

CURVES = {"roc_auc": roc_auc, "pr_auc": pr_auc}
ORACLES = {"roc_auc": roc_auc_score, "pr_auc": average_precision_score}


def pixels(seed, count=120, levels=None):
    """Logits that know something; with ``levels`` many of them are equal."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(count, generator=generator) < 0.3
    logits = torch.randn(count, generator=generator) + target
    return logits if levels is None else (logits.sigmoid() * levels).floor().div(levels).logit(1e-6), target


def areas_of(*images, bins=None):
    areas = pooled_areas(CURVES, bins)
    for preds, target in images:
        areas.update(preds, target)
    return {name: area.item() for name, area in areas.compute().items()}


def expected_of(preds, target):
    return {name: oracle(target.numpy(), preds.numpy()) for name, oracle in ORACLES.items()}


@settings(max_examples=30, deadline=None)
@given(seed=seeds, levels=st.sampled_from([None, 2, 7]))
def test_is_what_scikit_learn_says_about_the_pixels_of_all_images(seed, levels):
    images = [pixels(3 * seed + image, count, levels) for image, count in enumerate((120, 30, 0))]
    together = map(torch.cat, zip(*images, strict=True))
    assert areas_of(*images) == pytest.approx(expected_of(*together), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=seeds, bins=st.sampled_from([2, 6, 50]))
def test_bins_are_exact_for_logits_rounded_down_to_thresholds(seed, bins):
    preds, target = pixels(seed)
    rounded = torch.bucketize(preds, thresholds(bins), right=True)
    assert areas_of((preds, target), bins=bins) == pytest.approx(expected_of(rounded, target), abs=1e-5)


@pytest.mark.parametrize("levels", [None, 9])  # of nine levels each is a threshold
def test_bins_are_those_of_torchmetrics(levels):
    tenths = torch.linspace(0, 1, 10)
    ours, theirs = BinnedAUROC(thresholds=tenths), BinaryAUROC(thresholds=tenths)
    for seed in range(2):
        logits, target = pixels(seed, 500, levels)
        preds = logits.sigmoid()
        ours.update(preds, target)
        theirs.update(preds, target)
    assert torch.equal(ours.confmat, theirs.confmat)
    assert ours.confmat.sum(dim=(1, 2)).tolist() == [1000] * 10


@pytest.mark.parametrize("count", [10_000, 60_000])
def test_a_thousand_bins_are_close_to_exact(count):
    preds, target = pixels(0, count)
    assert areas_of((preds, target), bins=1000) == pytest.approx(expected_of(preds, target), abs=5e-3)


def test_they_are_close_where_foreground_is_rare_and_logits_are_sure():
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(50_000, generator=generator) < 0.02
    logits = 4 * torch.randn(50_000, generator=generator) + torch.where(target, 2.0, -8.0)
    expected = expected_of(logits, target)
    assert expected["pr_auc"] < 0.7
    assert areas_of((logits, target), bins=1000) == pytest.approx(expected, abs=5e-3)


@pytest.mark.parametrize("bins", [None, 10])
@pytest.mark.parametrize("value", [-1e30, -500.0, 0.0, 0.5, 1.0, 500.0, 1e30])
def test_logits_that_know_nothing(value, bins):
    _, target = pixels(0)
    expected = {"roc_auc": 0.5, "pr_auc": target.float().mean().item()}
    assert areas_of((torch.full(target.shape, value), target), bins=bins) == pytest.approx(expected)


@pytest.mark.parametrize("bins", [None, 10])
def test_logits_that_know_everything(bins):
    _, target = pixels(0)
    assert areas_of((4.0 * target - 2, target), bins=bins) == dict.fromkeys(CURVES, 1)


def test_the_pixels_are_kept_once_for_both_areas():
    areas = pooled_areas(CURVES)
    areas.update(*pixels(0))
    areas.update(*pixels(1))
    assert areas.compute_groups == {0: list(CURVES)}
    first, second = areas.values(copy_state=False)
    assert first.preds is second.preds
    assert len(first.preds) == 2


def test_one_bin_is_a_mistake():
    with pytest.raises(ConfigError, match="curve_bins=1 must be 2 or more"):
        pooled_areas(CURVES, 1)


def saturated(size, count=20_000):
    """Logits around -size and size, on the wrong side in a tenth of the pixels, which know something there too."""
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(count, generator=generator) < 0.3
    side = torch.where(target ^ (torch.rand(count, generator=generator) < 0.1), size, -size)
    return side + torch.randn(count, generator=generator) + target, target


@pytest.mark.parametrize("size", [5.0, 50.0, 500.0])
def test_logits_whose_probability_rounds_to_0_or_1_keep_their_order(size):
    logits, target = saturated(size)
    expected = expected_of(logits, target)
    assert areas_of((logits, target)) == pytest.approx(expected, abs=1e-6)
    assert areas_of((logits, target), bins=1000) == pytest.approx(expected, abs=2e-3)
    if size > 5:  # a tenth of what there is to gain is lost by a sigmoid
        assert max(abs(expected[name] - lost) for name, lost in expected_of(logits.sigmoid(), target).items()) > 0.03


@pytest.mark.parametrize(("size", "bins"), [(1e4, None), (1e4, 1000), (1e6, 1000), (1e30, None)])
def test_logits_of_any_size_have_a_curve(size, bins):
    logits, target = pixels(0, 5000)
    assert areas_of((size * logits, target), bins=bins) == pytest.approx(expected_of(logits, target), abs=5e-3)


def test_counts_of_two_parts_add_up_to_those_of_both():
    (one, first), (other, second) = saturated(50.0, 100), saturated(500.0, 150)
    marks = thresholds(100)
    together = confusions(torch.cat([one, other]), torch.cat([first, second]), marks)
    assert torch.equal(confusions(one, first, marks) + confusions(other, second, marks), together)
