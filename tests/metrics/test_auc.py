"""ROC-AUC and PR-AUC beside scikit-learn and torchmetrics, with ties, exact and in bins."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from gequnet.metrics.curves import PooledCurves
from gequnet.metrics.pr_auc import pr_auc, pr_auc_of
from gequnet.metrics.roc_auc import roc_auc, roc_auc_of
from metrics.cases import seeds

AREAS = [(roc_auc, roc_auc_of, roc_auc_score), (pr_auc, pr_auc_of, average_precision_score)]
both_areas = pytest.mark.parametrize(("area", "area_of", "oracle"), AREAS)


def pixels(seed, space=(12, 10), levels=None):
    """Probabilities that know something; with ``levels`` many of them are equal."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(space, generator=generator) < 0.3
    preds = (torch.randn(space, generator=generator) + target).sigmoid()
    valid = torch.rand(space, generator=generator) < 0.7
    return preds if levels is None else (preds * levels).floor() / levels, target, valid


@both_areas
@settings(max_examples=30, deadline=None)
@given(seed=seeds, levels=st.sampled_from([None, 2, 7]))
def test_is_what_scikit_learn_says_about_the_valid_pixels(area, area_of, oracle, seed, levels):
    preds, target, valid = pixels(seed, levels=levels)
    expected = oracle(target[valid].numpy(), preds[valid].numpy())
    assert area(preds, target, valid).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("area", "oracle"), [(roc_auc, binary_auroc), (pr_auc, binary_average_precision)])
def test_is_what_torchmetrics_says(area, oracle):
    preds, target, _ = pixels(0)
    assert area(preds, target).item() == pytest.approx(oracle(preds, target.long()).item(), abs=1e-6)


@both_areas
@pytest.mark.parametrize("everywhere", [True, False])
def test_one_class_alone_has_no_curve(area, area_of, oracle, everywhere):
    assert area(torch.rand(4, 4), torch.full((4, 4), everywhere)).isnan()


@both_areas
def test_probabilities_that_know_nothing(area, area_of, oracle):
    _, target, _ = pixels(0)
    expected = 0.5 if area is roc_auc else target.double().mean().item()
    assert area(torch.full(target.shape, 0.5), target).item() == pytest.approx(expected)


@both_areas
@pytest.mark.parametrize("bins", [None, 50])
def test_the_pixels_of_many_images_are_pooled_by_region_and_class(area, area_of, oracle, bins):
    images = [[pixels(3 * image + c, levels=50) for c in range(2)] for image in range(3)]
    curves = PooledCurves(regions=2, classes=2, bins=bins)
    for of_classes in images:
        preds, target = (torch.stack([case[part] for case in of_classes]) for part in (0, 1))
        valid = of_classes[0][2]
        # The middle of an interval, where rounding down to bins cannot go astray.
        curves.update(preds + 0.01, target, torch.stack([valid, torch.ones_like(valid)]))
    points = curves.compute()
    for region in range(2):
        for c in range(2):
            kept = [case[0][2] if region == 0 else torch.ones_like(case[0][2]) for case in images]
            preds = torch.cat([case[c][0][inside] for case, inside in zip(images, kept, strict=True)])
            target = torch.cat([case[c][1][inside] for case, inside in zip(images, kept, strict=True)])
            expected = oracle(target.numpy(), preds.numpy())
            assert area_of(points[region][c]).item() == pytest.approx(expected, abs=1e-12)


@both_areas
def test_a_thousand_bins_are_close_to_exact(area, area_of, oracle):
    preds, target, valid = pixels(0, space=(100, 100))
    curves = PooledCurves(regions=1, classes=1, bins=1000)
    curves.update(preds.unsqueeze(0), target.unsqueeze(0), valid.unsqueeze(0))
    assert area_of(curves.compute()[0][0]).item() == pytest.approx(area(preds, target, valid).item(), abs=2e-3)


def test_probability_one_falls_into_the_last_bin():
    curves = PooledCurves(regions=1, classes=1, bins=10)
    target = torch.tensor([[True, False]])
    curves.update(torch.tensor([[1.0, 0.0]]), target, torch.ones(1, 2).bool())
    assert roc_auc_of(curves.compute()[0][0]) == 1
