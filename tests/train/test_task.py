"""The training task on a toy problem: bright pixels of a noisy image, a network of 60 parameters."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader, Dataset
from torchmetrics import Metric

from gequnet.errors import ConfigError
from gequnet.losses.bce import BCELoss
from gequnet.train import schedules
from gequnet.train.finetune import Finetune
from gequnet.train.task import SegmentationTask


class Bright(Dataset[dict[str, Any]]):
    def __len__(self) -> int:
        return 16

    def __getitem__(self, index: int) -> dict[str, Any]:
        image = torch.randn(1, 16, 16, generator=torch.Generator().manual_seed(index))
        # wrong labels where valid is False: a training that used them would fail
        valid = torch.ones(16, 16, dtype=torch.bool)
        valid[:, 12:] = False
        return {
            "image": image,
            "mask": ((image[0] > 0.5) == valid).long(),
            "valid": valid,
            "id": f"image-{index}",
        }


class TinyNet(nn.Module):
    spatial_dims = 2

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)


class MaskedBCE(nn.Module):
    def forward(self, logits: Tensor, mask: Tensor, valid: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(logits[:, 0][valid], mask[valid].float())


class Dice(Metric):
    """Pooled Dice inside valid, for monitoring; ``fixed`` replaces its value."""

    full_state_update = False

    def __init__(self, full: bool, fixed: float | None = None) -> None:
        super().__init__()
        self.full, self.fixed, self.ids = full, fixed, list[str]()
        self.add_state("overlap", torch.zeros(()), dist_reduce_fx="sum")
        self.add_state("total", torch.zeros(()), dist_reduce_fx="sum")

    def update(self, logits: Tensor, mask: Tensor, valid: Tensor, ids: list[str]) -> None:
        found = (logits[:, 0] > 0) & valid
        truth = (mask == 1) & valid
        self.overlap += 2 * (found & truth).sum()
        self.total += found.sum() + truth.sum()
        self.ids += ids

    def compute(self) -> dict[str, float]:
        dice = float(self.overlap / self.total) if self.fixed is None else self.fixed
        return {"dice": dice} | ({"roc_auc": 0.5} if self.full else {})


def toy_task(
    scheduler: Callable[..., Any] = schedules.constant_schedule, fixed: float | None = None
) -> SegmentationTask:
    torch.manual_seed(0)
    optimizer = partial(torch.optim.AdamW, lr=0.05, weight_decay=0.1)
    return SegmentationTask(TinyNet(), MaskedBCE(), partial(Dice, fixed=fixed), optimizer, scheduler)


class Rates(pl.Callback):
    """Callback that records the learning rate and the loss of each step."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.losses: list[float] = []

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        self.rates.append(float(trainer.callback_metrics["train/lr"]))
        self.losses.append(float(trainer.callback_metrics["train/loss"]))


def fit(
    task: SegmentationTask,
    folder: Path,
    steps: int = 24,
    every: int = 6,
    data: Dataset[dict[str, Any]] | None = None,
    **options: Any,
) -> tuple[pl.Trainer, Rates]:
    rates = Rates()
    best = ModelCheckpoint(folder, "best", monitor="val/dice", mode="max", save_on_train_epoch_end=False)
    last = ModelCheckpoint(folder, "last", save_on_train_epoch_end=False, enable_version_counter=False)
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=1,
        max_steps=steps,
        max_epochs=-1,
        val_check_interval=every,
        check_val_every_n_epoch=None,
        log_every_n_steps=1,
        callbacks=[rates, best, last],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        gradient_clip_val=1.0,
        **options,
    )
    data = data or Bright()
    trainer.fit(task, DataLoader(data, batch_size=4), DataLoader(data, batch_size=1))
    return trainer, rates


# Lightning advises workers, and calls something of torch that is on its way out.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning"),
]


def test_learns_and_tests_the_best(tmp_path: Path) -> None:
    task = toy_task()
    trainer, rates = fit(task, tmp_path, steps=80, every=20)
    assert sum(rates.losses[-8:]) < 0.3 * sum(rates.losses[:8])
    assert trainer.callback_metrics["val/dice"] > 0.9
    assert trainer.callback_metrics["val/loss"] > 0
    trainer.test(task, DataLoader(Bright(), batch_size=1), ckpt_path=str(tmp_path / "best.ckpt"), weights_only=True)
    assert set(trainer.callback_metrics) == {"test/dice", "test/roc_auc"}
    assert task.test_metrics.ids == [f"image-{index}" for index in range(16)]


class Distrusted(Bright):
    """Dataset where labels of weight 0 are wrong, and every pixel is valid."""

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = super().__getitem__(index)
        weight = sample["valid"].float()
        return sample | {"valid": torch.ones_like(sample["valid"]), "weight": weight}


def test_training_and_validation_pass_on_how_much_a_pixel_counts(tmp_path: Path) -> None:
    torch.manual_seed(0)
    optimizer = partial(torch.optim.AdamW, lr=0.05)
    task = SegmentationTask(TinyNet(), BCELoss("sigmoid"), Dice, optimizer, schedules.constant_schedule)
    trainer, rates = fit(task, tmp_path, steps=80, every=20, data=Distrusted())
    assert trainer.callback_metrics["val/dice"] < 0.7  # what it learned contradicts the wrong labels
    assert rates.losses[-1] < 0.1  # and they do not count
    assert trainer.callback_metrics["val/loss"] < 0.1


class Unweighted(BCELoss):
    """Loss that takes no weights of pixels."""

    weighted = False


def test_a_loss_without_weights_counts_every_valid_pixel(tmp_path: Path) -> None:
    task = SegmentationTask(TinyNet(), Unweighted("sigmoid"), Dice, torch.optim.AdamW, schedules.constant_schedule)
    trainer, _ = fit(task, tmp_path, steps=2, every=2, data=Distrusted())
    assert trainer.global_step == 2


class Autocast(Dice):
    """Metrics that refuse to run under autocast."""

    def update(self, logits: Tensor, mask: Tensor, valid: Tensor, ids: list[str]) -> None:
        assert logits.dtype == torch.float32
        assert not torch.is_autocast_enabled("cpu")
        super().update(logits, mask, valid, ids)


def test_what_is_scored_is_the_float32_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    task = SegmentationTask(TinyNet(), MaskedBCE(), Autocast, torch.optim.AdamW, schedules.constant_schedule)
    trained = []
    task.net.register_forward_hook(lambda net, images, logits: trained.append(logits.dtype) if net.training else None)
    trainer, _ = fit(task, tmp_path, steps=2, every=2, precision="bf16-mixed")
    assert trained == [torch.bfloat16] * 2
    trainer.test(task, DataLoader(Bright(), batch_size=1), weights_only=True)
    assert len(task.test_metrics.ids) == 16


def test_checkpoint_is_plain_and_holds_the_net_only(tmp_path: Path) -> None:
    task = toy_task(partial(schedules.plateau_schedule, gamma=0.5, patience=1))
    fit(task, tmp_path, steps=6, every=3)
    for name in ("best.ckpt", "last.ckpt"):
        checkpoint = torch.load(tmp_path / name, weights_only=True)
        assert all(key.startswith("net.") for key in checkpoint["state_dict"])
        assert "hyper_parameters" not in checkpoint
    net = TinyNet()
    state = {key.removeprefix("net."): value for key, value in checkpoint["state_dict"].items()}
    net.load_state_dict(state, strict=True)
    image = torch.randn(1, 1, 9, 9)
    torch.testing.assert_close(net.eval()(image), task.eval()(image), rtol=0, atol=0)


def test_decay_spares_norms_and_biases() -> None:
    net = TinyNet()
    decayed, spared = Finetune().parameter_groups(net)
    convolutions = [layer for layer in net.layers if isinstance(layer, nn.Conv2d)]
    assert {id(weight) for weight in decayed["params"]} == {id(conv.weight) for conv in convolutions}
    assert len(decayed["params"]) + len(spared["params"]) == len(list(net.parameters()))
    optimizer = torch.optim.AdamW([decayed, spared], lr=0.1, weight_decay=0.3)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.3, 0.0]


@pytest.mark.parametrize(
    ("scheduler", "expected"),
    [
        (schedules.constant_schedule, lambda t: 1.0),
        (partial(schedules.step_schedule, drops=3, gamma=0.1), lambda t: 0.1 ** (t // 6)),
        (partial(schedules.exponential_schedule, final=0.01), lambda t: 10 ** (-2 * t / 24)),
        (partial(schedules.cosine_schedule, warmup=0.0, final=0.0), lambda t: (1 + math.cos(math.pi * t / 24)) / 2),
        (
            partial(schedules.cosine_schedule, warmup=0.25, final=0.1),
            lambda t: (t + 1) / 6 if t < 6 else 0.1 + 0.45 * (1 + math.cos(math.pi * (t - 6) / 18)),
        ),
        (partial(schedules.cyclic_schedule, cycles=3, low=0.1), lambda t: 0.1 + 0.9 * abs(1 - (t % 8) / 4)),
    ],
    ids=["constant", "step", "exponential", "cosine", "warmup", "cyclic"],
)
def test_schedules_follow_their_formula(
    scheduler: Callable[..., Any], expected: Callable[[int], float], tmp_path: Path
) -> None:
    _, rates = fit(toy_task(scheduler), tmp_path)
    assert rates.rates == pytest.approx([0.05 * expected(t) for t in range(24)], rel=1e-5, abs=1e-9)


def test_plateau_counts_validations_and_watches_dice(tmp_path: Path) -> None:
    # The score never rises: one validation sets the best, patience + 1 = 2 more make the rate fall.
    task = toy_task(partial(schedules.plateau_schedule, gamma=0.5, patience=1), fixed=0.3)
    trainer, rates = fit(task, tmp_path, steps=24, every=3)
    assert isinstance(trainer.lr_scheduler_configs[0].scheduler, ReduceLROnPlateau)
    assert trainer.lr_scheduler_configs[0].monitor == "val/dice"
    # validations after steps 3, 6, ..., 24; the third, fifth and seventh lower the rate
    expected = [1.0] * 9 + [0.5] * 6 + [0.25] * 6 + [0.125] * 3
    assert rates.rates == pytest.approx([0.05 * factor for factor in expected])


@pytest.mark.parametrize(
    "scheduler",
    [partial(schedules.exponential_schedule, final=0.0), partial(schedules.cosine_schedule, warmup=1.0, final=0.0)],
)
def test_impossible_schedules_are_refused(scheduler: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="scheduler"):
        fit(toy_task(scheduler), tmp_path, steps=1, every=1)


def test_a_training_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no end"):
        fit(toy_task(), tmp_path, steps=-1, every=1)
