"""Cross-validation as one experiment: every image is tested once, by a network that was not trained on it."""

import numpy as np
import pytest

from gequnet.report.arms import make_arms
from gequnet.report.comparability import check_equal
from gequnet.report.comparison_page import write_report
from gequnet.report.finished_runs import find_runs
from helpers.made_runs import made_run

FOLDS = {0: [0.7, 0.8, 0.9], 1: [0.5, 0.6], 2: [0.4, 0.7]}


def validated(folder, *overrides, lift=0.0, seeds=(0,), folds=FOLDS):
    """The runs of a cross-validation, of folds of unequal size."""
    for seed in seeds:
        for fold in folds:
            place = f"{'-'.join(overrides)}-{seed}-{fold}"
            typed = ("+data.source.fold=" + str(fold), "+data.source.folds=3", f"seed={seed}", *overrides)
            dice = np.array(FOLDS[fold]) + lift + 0.01 * seed
            made_run(folder / place, *typed, dice=dice, first=10 * fold, samples=False)


def test_folds_are_one_arm(tmp_path):
    validated(tmp_path, "model=unet", seeds=(0, 1))
    runs = find_runs([tmp_path])
    check_equal(runs)
    [arm] = make_arms(runs)
    assert (arm.seeds, arm.folds, arm.incomplete) == ([0, 1], [0, 1, 2], False)
    # of all images, and not of folds: these are 3, 2 and 2
    assert arm.values("test", "dice") == pytest.approx([4.6 / 7, 4.6 / 7 + 0.01])
    assert arm.per_image["dice"].to_dict() == pytest.approx(
        {
            f"test-{10 * fold + place:03}": value + 0.005
            for fold, dice in FOLDS.items()
            for place, value in enumerate(dice)
        }
    )


def test_arms_compare_over_all_images(tmp_path):
    validated(tmp_path / "runs", "model=unet")
    validated(tmp_path / "runs", "model=e2unet", lift=0.05)
    write_report([tmp_path / "runs"], tmp_path / "report")
    text = (tmp_path / "report" / "report.md").read_text()
    assert "better on 7 of 7 images" in text
    assert "3 folds" in text
    assert "share images" in text


def test_missing_folds_are_said(tmp_path):
    validated(tmp_path / "runs", "model=unet", seeds=(0, 1))
    validated(tmp_path / "runs", "model=e2unet", seeds=(0,), folds=(0, 1))
    validated(tmp_path / "runs", "model=e2unet", seeds=(1,), folds=(0,))
    write_report([tmp_path / "runs"], tmp_path / "report")
    text = (tmp_path / "report" / "report.md").read_text()
    assert "were not tested on the same folds" in text
    assert "not every seed was tested on every fold" in text
