"""Arms of a comparison: their runs, their labels, and their baselines."""

import numpy as np
import pytest

from gequnet.errors import ConfigError
from gequnet.report.comparisons import make_rows
from gequnet.report.finished_runs import find_runs
from helpers.made_runs import made_run, noisy


def rows_of(folder, varied=()):
    return {row.label: row for row in make_rows(find_runs([folder]), varied)}


def test_seeds_make_one_arm(tmp_path):
    for seed in (2, 0, 10):
        made_run(tmp_path / f"u{seed}", "model=unet", f"seed={seed}", dice=0.5 + seed / 100)
    [row] = rows_of(tmp_path).values()
    assert row.arm.seeds == [0, 2, 10]
    np.testing.assert_allclose(row.arm.values("test", "dice"), [0.5, 0.52, 0.6])
    np.testing.assert_allclose(row.arm.per_image["dice"], 0.54)
    assert row.is_reference
    assert row.comparison is None


def test_networks_are_called_by_their_groups_and_compared_with_the_plain_one(tmp_path):
    made_run(tmp_path / "0", "model=e2unet", "group=c8", dice=noisy(0.9))
    made_run(tmp_path / "1", "model=unet", dice=noisy(0.8))
    made_run(tmp_path / "2", "model=e2unet", "group=so2", dice=noisy(0.7))
    rows = rows_of(tmp_path)
    assert list(rows) == ["U-Net", "C8", "SO(2)"]  # the reference first
    assert [row.reference for row in rows.values()] == ["U-Net"] * 3
    assert rows["C8"].comparison.mean == pytest.approx(0.1)
    assert rows["SO(2)"].comparison.verdict == "worse"


def test_images_are_the_units_and_seeds_are_averaged_first(tmp_path):
    scores = {("unet", 0): [0.1, 0.2, 0.3], ("unet", 1): [0.3, 0.4, 0.5], ("e2unet", 0): [0.2, 0.4, 0.7]}
    for (model, seed), dice in scores.items():
        made_run(tmp_path / f"{model}{seed}", f"model={model}", f"seed={seed}", dice=dice)
    comparison = rows_of(tmp_path)["C8"].comparison
    assert (comparison.images, comparison.better) == (3, 2)
    assert comparison.mean == pytest.approx((0 + 0.1 + 0.3) / 3)
    assert comparison.p == 0.5  # one image without a difference, two with: both up or both down of four


def test_patches_of_one_image_are_one_observation(tmp_path):
    facts = {"image": ["a", "a", "b", "b"], "orientation": [0.0, 45.0, 90.0, 135.0]}
    made_run(tmp_path / "u", "model=unet", dice=[0.5, 0.5, 0.5, 0.5], facts=facts)
    made_run(tmp_path / "c", "model=e2unet", dice=[0.5, 0.7, 0.6, 0.8], facts=facts)
    comparison = rows_of(tmp_path)["C8"].comparison
    assert (comparison.images, comparison.mean) == (2, pytest.approx(0.15))


def test_what_is_compared_is_in_the_name(tmp_path):
    for augment in ("none", "rotation"):
        made_run(tmp_path / augment, "model=unet", f"augment={augment}")
    made_run(tmp_path / "z", "model=e2unet", "augment=none")
    rows = rows_of(tmp_path, ["augment", "model", "seed"])
    assert list(rows) == ["U-Net, augment=none", "U-Net, augment=rotation", "C8, augment=none"]
    assert {row.reference for row in rows.values()} == {"U-Net, augment=none"}


def test_the_least_augmented_plain_network_is_the_reference(tmp_path):
    made_run(tmp_path / "0", "model=unet", "augment=full", arm="U-Net + rotation")
    made_run(tmp_path / "1", "model=unet", "augment=none", arm="U-Net")
    rows = rows_of(tmp_path, ["augment"])
    assert {row.reference for row in rows.values()} == {"U-Net"}


def test_the_names_of_an_experiment_are_kept_and_told_apart_by_the_rest(tmp_path):
    for count in (20, 200):
        for arm, network in {"U-Net": "model=unet", "Turning": "model=e2unet"}.items():
            made_run(tmp_path / f"{arm}{count}", network, f"data.num_patches={count}", arm=arm)
    rows = rows_of(tmp_path, ["data.num_patches", "model"])
    assert rows["Turning, num_patches=20"].reference == "U-Net, num_patches=20"
    assert rows["Turning, num_patches=200"].reference == "U-Net, num_patches=200"
    assert len(rows) == 4


def test_losses_alone_are_compared_with_the_first(tmp_path):
    for loss in ("bce", "dice"):
        made_run(tmp_path / loss, "model=unet", f"loss={loss}")
    assert {row.reference for row in rows_of(tmp_path, ["loss"]).values()} == {"U-Net, loss=bce"}


def test_a_value_that_nobody_named_is_told_as_it_is(tmp_path):
    for index, rate in enumerate((0.1, 0.01)):
        made_run(tmp_path / str(index), "model=unet", f"optim.lr={rate}")
    assert list(rows_of(tmp_path, ["optim.lr"])) == ["U-Net, lr=0.1", "U-Net, lr=0.01"]


def test_the_length_of_the_training_is_told_once_and_not_with_what_it_made(tmp_path):
    for steps in (3, 6):
        made_run(tmp_path / f"u{steps}", "model=unet", f"trainer.max_steps={steps}")
    assert list(rows_of(tmp_path, ["trainer.max_steps"])) == ["U-Net, max_steps=3", "U-Net, max_steps=6"]


def test_each_width_rule_has_its_own_reference(tmp_path):
    for width in ("params", "channels"):
        made_run(tmp_path / f"{width}0", "model=unet", f"width={width}")
        made_run(tmp_path / f"{width}1", "model=e2unet", f"width={width}")
    rows = rows_of(tmp_path)
    assert rows["C8, width=params"].reference == "U-Net, width=params"
    assert rows["C8, width=channels"].reference == "U-Net, width=channels"


def test_a_plain_network_of_the_baselines_widths_serves_every_rule(tmp_path):
    made_run(tmp_path / "0", "model=unet", "width=params")  # of widths [12, 24, 45]
    made_run(tmp_path / "1", "model=e2unet", "width=flops")  # whose baseline has these
    other = {"match": {"baseline": {"widths": [32, 64, 96]}}}
    made_run(tmp_path / "2", "model=e2unet", "width=channels", metrics=other)
    rows = rows_of(tmp_path)
    assert rows["C8, width=flops"].reference == "U-Net, width=params"
    assert rows["C8, width=channels"].reference is None


def test_without_a_plain_network_the_first_is_the_reference(tmp_path):
    for group in ("c4", "c8"):
        made_run(tmp_path / group, "model=e2unet", f"group={group}")
    assert {row.reference for row in rows_of(tmp_path).values()} == {"C4"}


def test_another_evaluation_is_a_row_beside_its_run(tmp_path):
    made_run(tmp_path / "u", "model=unet", dice=0.7)
    made_run(tmp_path / "u", "model=unet", dice=0.8, evaluation="tta_d4")
    rows = rows_of(tmp_path)
    assert list(rows) == ["U-Net", "U-Net, tested with D4 averaging"]
    assert rows["U-Net, tested with D4 averaging"].comparison.mean == pytest.approx(0.1)


def test_another_evaluation_takes_over_what_only_the_training_knows(tmp_path):
    made_run(tmp_path / "u", "model=unet")
    place = tmp_path / "u" / "tta_c4"
    made_run(tmp_path / "u", "model=unet", evaluation="tta_c4")
    (place / "metrics.json").write_text('{"test": {"dice": 0.5}, "evaluation": "tta_c4"}')
    run = find_runs([tmp_path])[1]
    assert (run.metrics["parameters"], run.seed, run.metrics["test"]) == (62000, 0, {"dice": 0.5})


def test_of_a_run_made_twice_the_later_one_counts(tmp_path):
    made_run(tmp_path / "2025-01-09", "model=unet", dice=0.1)
    made_run(tmp_path / "2025-01-10", "model=unet", dice=0.2)
    [row] = rows_of(tmp_path).values()
    np.testing.assert_allclose(row.arm.values("test", "dice"), [0.2])


def test_networks_that_differ_in_what_nobody_named_are_told_apart(tmp_path):
    made_run(tmp_path / "0", "model=unet")
    made_run(tmp_path / "1", "model=unet", "model.depth=4")
    made_run(tmp_path / "2", "model=unet", "model.norm=instance")
    assert list(rows_of(tmp_path)) == [
        "U-Net, depth=3, norm=batch",
        "U-Net, depth=4, norm=batch",
        "U-Net, depth=3, norm=instance",
    ]


def test_what_nothing_tells_apart_is_numbered(tmp_path):
    made_run(tmp_path / "0", "model=unet", "width=fixed", "width.widths=[1,2,3]")
    made_run(tmp_path / "1", "model=unet", "width=fixed", "width.widths=[4,5,6]")
    assert list(rows_of(tmp_path)) == ["U-Net (1)", "U-Net (2)"]


def test_jobs_come_in_the_order_of_their_numbers(tmp_path):
    for number in (10, 9, 1):
        made_run(tmp_path / f"{number}_x", "model=unet", f"seed={number}")
    assert [run.seed for run in find_runs([tmp_path])] == [1, 9, 10]


def test_a_run_that_is_given_twice_is_there_once(tmp_path):
    made_run(tmp_path / "a", "model=unet")
    assert len(find_runs([tmp_path, tmp_path / "a", tmp_path / "a" / ".." / "a"])) == 1


@pytest.mark.parametrize(("make", "message"), [(False, "is no folder"), (True, "no finished run in")])
def test_where_no_run_is(tmp_path, make, message):
    folder = tmp_path / "empty"
    if make:
        folder.mkdir()
    with pytest.raises(ConfigError, match=message):
        find_runs([folder])


def test_scores_of_something_unknown(tmp_path):
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"but no config\.yaml"):
        find_runs([tmp_path])
