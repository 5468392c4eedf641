"""Objects, against the assignment that the definition is about, and cases that can be counted by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.metrics import compute_panoptic_quality
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from gequnet.metrics.instance_ap import (
    THRESHOLDS,
    ObjectOverlaps,
    instance_ap,
    mean_precision,
    precision_at_50,
    precision_at_75,
)


def brute(preds, instances):
    """Every pair of objects as two masks, and the largest one-to-one assignment of those that overlap enough."""
    components, count = ndimage.label(preds, np.ones((3,) * preds.ndim))
    mine = [components == n for n in range(1, count + 1)]
    true = [instances == n for n in np.unique(instances) if n > 0]
    if not mine and not true:
        return [1.0] * 10
    iou = np.array([[(a & b).sum() / (a | b).sum() for b in true] for a in mine]).reshape(len(mine), len(true))
    precisions = []
    for threshold in (0.5 + 0.05 * n for n in range(10)):
        enough = iou > threshold + 1e-9
        rows, columns = linear_sum_assignment(enough, maximize=True)
        hits = enough[rows, columns].sum()
        precisions.append(hits / (len(mine) + len(true) - hits))
    return precisions


def objects(seed, space=(20, 16)):
    """Blocks of which some touch, numbered with gaps, and a prediction with a share of its pixels wrong."""
    rng = np.random.default_rng(seed)
    instances = 10 * rng.integers(0, 20, tuple(-(-side // 4) for side in space))
    for axis in range(len(space)):
        instances = instances.repeat(4, axis)
    instances = instances[tuple(slice(side) for side in space)]
    for axis, side in enumerate(space):
        apart = rng.random(side) < 0.9
        between = np.expand_dims((np.arange(side) % 4 == 3) & apart, [a for a in range(len(space)) if a != axis])
        instances = np.where(between, 0, instances)
    preds = (instances > 0) ^ (rng.random(space) < rng.uniform(0, 0.1))
    return torch.from_numpy(preds), torch.from_numpy(instances)


@given(st.integers(0, 10**6))
def test_it_is_the_best_assignment(seed):
    preds, instances = objects(seed)
    np.testing.assert_allclose(instance_ap(preds, instances), brute(preds.numpy(), instances.numpy()), atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_in_space(seed):
    preds, instances = objects(seed, (7, 8, 6))
    np.testing.assert_allclose(instance_ap(preds, instances), brute(preds.numpy(), instances.numpy()), atol=1e-12)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("index", [0, 5])
def test_monai_recognises_as_many(seed, index):
    """MONAI's recognition quality is 2 TP / (2 TP + FP + FN) of the same matches."""
    preds, instances = objects(seed)
    maps = (ndimage.label(preds, np.ones((3, 3)))[0], np.unique(instances, return_inverse=True)[1])
    options = {"metric_name": "rq", "match_iou_threshold": THRESHOLDS[index]}
    quality = float(compute_panoptic_quality(*(torch.from_numpy(each.astype(np.int64)) for each in maps), **options))
    assert instance_ap(preds, instances)[index].item() == pytest.approx(quality / (2 - quality), abs=1e-5)


def test_some_cases_are_neither_all_nor_nothing():
    scores = torch.stack([instance_ap(*objects(seed)) for seed in range(50)])
    assert ((scores > 0) & (scores < 1)).any(1).float().mean() > 0.5


def line(*lengths):
    """Objects of these lengths in a row, one pixel apart, numbered."""
    return torch.tensor([[v for n, length in enumerate(lengths, 1) for v in [n] * length + [0]]])


@pytest.mark.parametrize(
    ("pixels", "hits"),
    [(20, 10), (19, 9), (18, 8), (17, 7), (16, 6), (15, 5), (14, 4), (13, 3), (12, 2), (11, 1), (10, 0), (9, 0)],
)
def test_an_overlap_that_is_exactly_a_threshold_is_no_match(pixels, hits):
    """Of an object of 20 pixels the first so many are found: IoU pixels / 20, a threshold itself."""
    truth = line(20)
    preds = torch.arange(21).unsqueeze(0) < pixels
    assert instance_ap(preds, truth).tolist() == [1.0] * hits + [0.0] * (10 - hits)


def test_by_hand():
    """Found, half found, missed and invented: TP 1, FP 2, FN 2 at .5."""
    truth = line(4, 4, 4)
    preds = torch.tensor([[1, 1, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]]) == 1
    truth = torch.nn.functional.pad(truth, (0, 3))
    assert instance_ap(preds, truth).tolist() == [1 / 5] * 10


def test_nothing_there():
    nothing, something = torch.zeros(4, 4, dtype=torch.int64), line(2, 2)
    assert instance_ap(nothing > 0, nothing).tolist() == [1.0] * 10
    assert instance_ap(~(nothing > 0), nothing).tolist() == [0.0] * 10
    assert instance_ap(something > 99, something).tolist() == [0.0] * 10
    assert instance_ap(nothing > 0, nothing, nothing > 0).isnan().all()


def test_corners_join_what_is_predicted_and_not_what_is_true():
    truth = torch.tensor([[1, 0], [0, 2]])
    assert instance_ap(truth > 0, truth)[0] == 0  # one object of two pixels, half of which is each
    assert instance_ap(torch.tensor([[True, False], [False, False]]), truth)[0] == 1 / 2


def test_only_what_is_valid_counts():
    preds, instances = objects(3)
    valid = torch.zeros_like(preds)
    valid[:, :6] = True
    inside = instance_ap(preds[:, :6], instances[:, :6])
    assert torch.equal(instance_ap(preds, instances, valid), inside)
    assert not torch.equal(instance_ap(preds, instances), inside)


def test_scores_are_mean_and_two_thresholds():
    overlaps = ObjectOverlaps(np.array([11, 13, 16, 19]), np.array([20, 20, 20, 20]), predicted=4, true=4, pixels=99)
    precisions = [1, 3 / 5, 3 / 5, 2 / 6, 2 / 6, 2 / 6, 1 / 7, 1 / 7, 1 / 7, 0]
    assert mean_precision(overlaps) == pytest.approx(np.mean(precisions))
    assert (precision_at_50(overlaps), precision_at_75(overlaps)) == (1, 2 / 6)
    assert [THRESHOLDS[0], THRESHOLDS[5]] == [0.5, 0.75]
