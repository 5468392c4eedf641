"""Unfair comparisons are refused with the name of the difference; allowed differences are not."""

import json

import pytest
from omegaconf import OmegaConf

from gequnet.errors import ConfigError
from gequnet.report.comparability import check_equal, effective_batch
from gequnet.report.finished_runs import find_runs
from helpers.made_runs import made_run
from helpers.slow import slow_unless

UNFAIR = [
    ("data.batch_size=16", "the effective batch", "data.batch_size"),
    ("data.patch_size=64", "data.patch_size is 96", "data.patch_size"),
    ("data.num_patches=20", "data.num_patches is None", "data.num_patches"),
    ("trainer.max_steps=7", "trainer.max_steps is 1000", "trainer.max_steps"),
    ("augment=full", "augment.steps", "augment.steps"),
    ("scheduler=step", "scheduler._target_", "scheduler"),
    ("loss=dice", "loss._target_", "loss"),
    ("optim.lr=0.5", "optim.lr is", "optim.lr"),
    ("trainer.precision=bf16-mixed", "trainer.precision is 32-true", "trainer.precision"),
    ("callbacks.best.monitor=val/iou", "callbacks.best.monitor is val/dice", "callbacks.best.monitor"),
    ("validations=3", "validations is 20", "validations"),
    ("callbacks=early_stopping", "callbacks.early_stopping", "callbacks.early_stopping"),
    ("metrics.threshold=0.4", "metrics.threshold is 0.5", "metrics.threshold"),
]


def runs_of(tmp_path, *overrides, **kwargs):
    made_run(tmp_path / "a", "model=unet")
    made_run(tmp_path / "b", "model=e2unet", *overrides, **kwargs)
    return find_runs([tmp_path])


@pytest.mark.parametrize(("override", "said", "advised"), slow_unless(lambda case: case in UNFAIR[:3], UNFAIR))
def test_unequal_treatment_is_refused_by_name(tmp_path, override, said, advised):
    with pytest.raises(ConfigError) as caught:
        check_equal(runs_of(tmp_path, override))
    message = str(caught.value)
    assert said in message
    assert str(tmp_path / "a") in message
    assert str(tmp_path / "b") in message
    assert f"--vary {advised}" in message


def test_thresholds_that_one_rule_has_chosen_may_differ(tmp_path):
    for name, threshold in (("a", 0.35), ("b", 0.6)):
        recipe = made_run(tmp_path / name, "model=unet", "threshold_by=dice") / "config.yaml"
        cfg = OmegaConf.load(recipe)
        cfg.metrics.threshold = threshold
        OmegaConf.save(cfg, recipe)
    check_equal(find_runs([tmp_path]))
    made_run(tmp_path / "c", "model=e2unet", "threshold_by=iou")
    with pytest.raises(ConfigError, match="threshold_by is dice in"):
        check_equal(find_runs([tmp_path]))


@pytest.mark.parametrize(("override", "said", "advised"), slow_unless(lambda case: case in UNFAIR[:3], UNFAIR))
def test_what_is_named_may_differ(tmp_path, override, said, advised):
    check_equal(runs_of(tmp_path, override), [advised])


@pytest.mark.parametrize(
    "override",
    slow_unless(
        {"seed=3", "group=d4", "tta=d4"}.__contains__,
        [
            "seed=3",
            "group=d4",
            "width=channels",
            "model.depth=4",
            "data.num_workers=2",
            "logger=tensorboard",
            "paths.data=/elsewhere",
            "tta=d4",
            "budget=cpu",
            "trainer.accelerator=cpu",
            "resume=auto",
        ],
    ),
)
def test_networks_seeds_and_places_may_differ(tmp_path, override):
    check_equal(runs_of(tmp_path, override))


def test_only_the_node_that_is_named_is_free(tmp_path):
    runs = runs_of(tmp_path, "loss=dice", "optim.lr=0.5")
    with pytest.raises(ConfigError, match=r"optim\.lr"):
        check_equal(runs, ["loss"])
    check_equal(runs, ["loss", "lr"])


def test_steps_that_were_not_made_are_refused(tmp_path):
    with pytest.raises(
        ConfigError, match="number of optimizer steps is 1000 in .* and 900 in .*--vary trainer.max_steps"
    ):
        check_equal(runs_of(tmp_path, metrics={"steps": 900}))


def test_under_early_stopping_the_steps_are_the_rules_outcome(tmp_path):
    made_run(tmp_path / "a", "model=unet", "callbacks=early_stopping", metrics={"steps": 900})
    made_run(tmp_path / "b", "model=unet", "callbacks=early_stopping", metrics={"steps": 700})
    check_equal(find_runs([tmp_path]))


def test_another_split_is_refused(tmp_path):
    runs = runs_of(tmp_path)
    path = tmp_path / "b" / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["data"]["split_hash"] = "0000"
    path.write_text(json.dumps(metrics))
    with pytest.raises(ConfigError, match=r"data\.split_hash is f62c in .* and 0000"):
        check_equal([runs[0], *find_runs([tmp_path / "b"])])


def test_the_advice_is_never_to_free_all_of_the_data(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.patch_size is 96 .*--vary data\.patch_size\.$"):
        check_equal(runs_of(tmp_path, "data.patch_size=64", "data.min_valid=0.1"))


def test_budgets_may_be_compared(tmp_path):
    check_equal(runs_of(tmp_path, "budget=smoke"), ["budget"])


def test_other_data_are_refused_with_advice_even_if_named(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.name is phantom_vessels .* chase .* a report for each dataset"):
        check_equal(runs_of(tmp_path, "data=chase"), ["data"])


def test_the_batch_is_that_of_all_devices_together(tmp_path):
    made_run(tmp_path / "a", "model=unet", "data.batch_size=8")
    made_run(tmp_path / "b", "model=unet", "data.batch_size=4", "trainer.devices=2", "trainer=ddp")
    made_run(tmp_path / "c", "model=unet", "data.batch_size=2", "trainer.accumulate_grad_batches=4")
    made_run(tmp_path / "d", "model=unet", "data.batch_size=4", "trainer.devices=[0,1]")
    check_equal(find_runs([tmp_path]))


def test_a_batch_on_devices_that_nobody_counted():
    assert effective_batch({"data.batch_size": 4, "trainer.devices": "auto"}) == "4 x auto x 1 x 1"
    assert effective_batch({"data.batch_size": 4, "trainer.devices.0": 2, "trainer.devices.1": 5}) == 8


def test_the_augmentation_is_the_one_that_the_data_use(tmp_path):
    made_run(tmp_path / "a", "model=unet", "augment=none")
    made_run(tmp_path / "b", "model=unet", "augment=none", "data.augment={_target_: x}")
    with pytest.raises(ConfigError, match=r"augment\._target_ is gequnet.* and x in .*--vary augment"):
        check_equal(find_runs([tmp_path]))
