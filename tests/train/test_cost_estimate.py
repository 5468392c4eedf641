"""Estimate of time and memory before a training, refusal of what does not fit; the run itself does not change."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gequnet import experiment
from gequnet.config.compose import compose
from gequnet.errors import ConfigError
from gequnet.inference.sliding_window import sliding, whole
from gequnet.nets.unet import UNet
from gequnet.train import cost_estimate
from gequnet.train.cost_estimate import (
    InferencePlan,
    cost_sentence,
    estimate_cost,
    inference_plan,
    training_bytes,
    warn_if_images_too_large,
)
from gequnet.train.dry_run import DryRun, dry_run, first_batch
from gequnet.train.memory import Memory
from gequnet.train.trainer import build_trainer
from helpers.tiny_runs import TINY, assert_same, parts

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning"),
]
CPU = torch.device("cpu")


@pytest.mark.parametrize("more", [[], pytest.param(["model=scale_unet2d"], marks=pytest.mark.slow)])
def test_a_run_ends_with_the_same_bits_with_and_without(more: list[str], tmp_path: Path) -> None:
    """Dropout or random scales use the generators, batch norm has statistics, and Adam has a state."""
    for name, said in (("with", "true"), ("without", "false")):
        words = [
            *TINY,
            "trainer.max_steps=5",
            "validations=1",
            *more,
            f"paths.run={tmp_path / name}",
            f"forecast={said}",
        ]
        experiment.run(compose(words))
    assert_same(tmp_path / "with", tmp_path / "without")
    assert "forecast    about" in (tmp_path / "with" / "summary.txt").read_text()
    assert "forecast" not in (tmp_path / "without" / "summary.txt").read_text()


def test_a_trial_leaves_everything_as_it_was(tmp_path: Path) -> None:
    cfg, data, net = parts(tmp_path)
    weights = {name: value.clone() for name, value in net.state_dict().items()}
    lots = torch.get_rng_state()
    trial = dry_run(cfg, data, net, CPU)
    assert torch.equal(torch.get_rng_state(), lots)
    assert all(torch.equal(value, weights[name]) for name, value in net.state_dict().items())
    assert net.training
    assert all(parameter.grad is None for parameter in net.parameters())
    assert 0 < trial.step_s < 10
    assert 0 < trial.batch_s < 10
    assert 0 < trial.pixel_s * 24 * 24 < 10
    assert trial.most > 50e6  # Python, torch and other imports
    assert not list(tmp_path.iterdir())


def test_the_first_batch_is_the_first_of_the_training(tmp_path: Path) -> None:
    _, data, _ = parts(tmp_path)
    batch, _ = first_batch(data)
    first = next(iter(data.train_dataloader()))
    assert batch["id"] == first["id"]
    assert torch.equal(batch["image"], first["image"])


def test_times_add_up(tmp_path: Path) -> None:
    cfg, data, _ = parts(tmp_path, "trainer.max_steps=1000", "data.patches_per_epoch=200", "validations=20")
    trial = DryRun(batch_s=0.05, step_s=0.15, pixel_s=1e-4, most=0)
    plan = InferencePlan([40, 40], 1, 2500.0, [40, 40])
    said = cost_sentence(cfg, data, trial, plan, world=1, done=0)
    assert said == (
        "about 0.20 s a step, 20 s an epoch of 100 steps, 3 min 20 s for 1000 steps, "
        "5.2 s for 20 validations and the test"
    )
    data.num_workers = 2  # workers load in parallel to the training step
    assert cost_sentence(cfg, data, trial, plan, world=1, done=0).startswith("about 0.15 s a step")
    left = cost_sentence(cfg, data, trial, plan, world=2, done=600)
    assert "7.5 s an epoch of 50 steps, 60 s for the 400 of 1000 steps that are left, 2.6 s for" in left


def test_a_batch_that_will_not_fit_is_refused_before_it_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost_estimate, "device_memory", lambda device: Memory(used=0, free=300_000))
    monkeypatch.setattr(cost_estimate, "dry_run", lambda *_: pytest.fail("it was tried"))
    with pytest.raises(
        ConfigError, match=r"data\.batch_size=2 patches of data\.patch_size=24x24 needs about .* free"
    ) as no:
        experiment.run(compose([*TINY, f"paths.run={tmp_path}"]))
    assert all(way in str(no.value) for way in ("auto_batch=true", "forecast=false"))
    assert not (tmp_path / "checkpoints").exists()


def test_each_process_has_its_share(tmp_path: Path) -> None:
    _, data, net = parts(tmp_path)
    amount = training_bytes(net, data.batch_size, data.patch_size)
    cost_estimate.check_memory(data, amount, Memory(0, amount), processes=1)
    with pytest.raises(ConfigError, match="in each of 2 processes"):
        cost_estimate.check_memory(data, amount, Memory(0, amount), processes=2)


def test_an_error_of_the_memory_is_a_sentence_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg, data, net = parts(tmp_path)
    trainer = build_trainer(cfg, data)

    def fails(text: str) -> Callable[..., DryRun]:
        def trial(*_: Any) -> DryRun:
            raise RuntimeError(text)

        return trial

    monkeypatch.setattr(cost_estimate, "dry_run", fails("CUDA out of memory. Tried to allocate 2.00 GiB"))
    with pytest.raises(ConfigError, match=r"data\.batch_size=2 patches .* needs more than the"):
        estimate_cost(cfg, data, net, trainer, None)
    monkeypatch.setattr(cost_estimate, "dry_run", fails("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        estimate_cost(cfg, data, net, trainer, None)


def test_windows_are_counted(tmp_path: Path) -> None:
    """An image of side 40 in windows of 24 with overlap 0.5: three along each axis, as they are symmetric."""
    _, data, net = parts(tmp_path)
    assert inference_plan(data, whole, net) == InferencePlan([40, 40], 1, 1600.0, [40, 40])
    through = inference_plan(data, partial(sliding, window=24, overlap=0.5, batch_size=2), net)
    assert through == InferencePlan([24, 24], 2, 9 * 24 * 24, [40, 40])


def test_an_image_that_will_not_fit_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    net = UNet(1, 1, [4, 8], spatial_dims=3)
    plan = InferencePlan([64, 64, 64], 1, 64.0**3, [64, 64, 64])
    with caplog.at_level(logging.WARNING, "gequnet"):
        warn_if_images_too_large(net, plan, Memory(0, 10**9), CPU)
        assert not caplog.text
        warn_if_images_too_large(net, plan, Memory(0, 10**6), CPU)
    assert "Inference on a validation image of 64x64x64 needs about" in caplog.text
    assert "inference=sliding" in caplog.text


def test_a_look_is_what_inference_does() -> None:
    def twice(net: nn.Module, image: Tensor) -> Tensor:
        return net(image) + net(image)

    class Data:
        def val_dataloader(self) -> Any:
            images = [{"image": torch.zeros(1, side, 8)} for side in (8, 16)]
            return type("Loader", (), {"dataset": images})

    assert inference_plan(Data(), twice, UNet(1, 1, [2])) == InferencePlan([16, 8], 1, 192.0, [16, 8])
