"""Trainings whose norms get one value per channel are refused before they start, and no others."""

import copy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from torch import nn

from gequnet import experiment
from gequnet.config.build import build
from gequnet.config.compose import compose
from gequnet.errors import ConfigError, GequnetError
from gequnet.nets.costs import flops
from gequnet.nets.scale_unet import ScaleUNet
from gequnet.train.cost_estimate import training_bytes
from gequnet.train.values_per_channel import check_batch, norms_as_trained
from helpers.slow import slow_unless
from helpers.tiny_runs import TINY

DEPTH = 4
MODELS = [
    "unet", "unet model.norm=instance", "unet model.norm=group", "unet3d", "unet3d model.norm=batch", "e2unet group=c1",
    "e2unet group=c4", "e2unet group=so2", "e2unet group=c1 model.norm=group", "scale_unet2d", "scale_unet3d",
    "scale_unet2d model.form=kernels model.train_scales=null model.norm=batch group.count=1",
    "unet model.padding_mode=valid",
]  # fmt: skip
FAST = ("unet", "unet model.norm=group", "unet3d", "e2unet group=c1", "e2unet group=c4")
SIZES = [(1, 4), (2, 8), (1, 9), (1, 16)]
"""Batch and patch."""


def accepted(net: nn.Module, image: torch.Tensor) -> bool:
    if isinstance(net, ScaleUNet):
        net.train_scales = None  # any of the scales may be drawn
    try:
        net(image)
    except ValueError:
        return False
    return True


def sentence(cfg: DictConfig, net: nn.Module, data: Any) -> str | None:
    """What a user is told."""
    try:
        flops(net, data.patch_size)
        check_batch(cfg, data, net)
    except GequnetError as error:
        return str(error)
    return None


@pytest.mark.parametrize("words", slow_unless(lambda words: words in FAST, MODELS))
def test_those_are_refused_whose_step_pytorch_refuses(words: str) -> None:
    volumes = "3d" in words
    data = "phantom_tumours" if volumes else "phantom_vessels"
    cfg = compose(["paths.run=/nowhere", f"data={data}", f"model.depth={DEPTH}", *f"model={words}".split()])
    net = build(cfg.model, widths=[2] * DEPTH)
    for batch, side in SIZES:
        parts = SimpleNamespace(batch_size=batch, patch_size=[side] * (3 if volumes else 2))
        image = torch.randn(batch, net.in_channels, *parts.patch_size)
        state = torch.get_rng_state()
        said = sentence(cfg, net, parts)
        assert torch.equal(torch.get_rng_state(), state)
        assert (said is None) == (accepted(net.eval(), image[:1]) and accepted(net.train(), image)), (batch, side)
        if said and "of each image" in said:
            assert not accepted(net.eval(), image[:1])
        elif said:
            assert said.startswith(f"data.batch_size=1 with data.patch_size={'x'.join(map(str, parts.patch_size))} ")
            assert f" of model.depth={DEPTH} levels, and model.norm=batch needs more" in said


ONE_PATCH = ["data.batch_size=1", "data.patch_size=4", "model.depth=4", "width=fixed", "width.widths=[2,2,2,2]"]


def test_processes_that_share_their_values_have_more() -> None:
    words = ["paths.run=/nowhere", "trainer=ddp", "trainer.accelerator=cpu", "model=unet", *ONE_PATCH]
    cfg, alone = compose(words), compose([*words, "trainer.sync_batchnorm=false"])
    parts: Any = SimpleNamespace(batch_size=1, patch_size=[4, 4])
    net = build(cfg.model, widths=[2] * 4)
    check_batch(cfg, parts, net)
    with pytest.raises(ConfigError, match="data.batch_size=1 with data.patch_size=4x4"):
        check_batch(alone, parts, net)
    with norms_as_trained(cfg, net, 2):  # the estimate of costs runs in one process
        training_bytes(net, 1, [4, 4])
        copied = copy.deepcopy(net)
    copied(torch.randn(1, 1, 4, 4)).sum().backward()
    assert all(value.grad is not None for value in copied.parameters())
    assert all(value.grad is None for value in net.parameters())
    with pytest.raises(ValueError, match="Expected more than 1 "):
        net(torch.randn(1, 1, 4, 4))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "data.batch_size=1 with data.patch_size=4x4 leaves .* take a larger data.batch_size, "),
        (
            "auto_batch=true largest_batch=1",
            "data.batch_size=1 with .* take a larger largest_batch, ",
        ),
        ("model.norm=instance", "^A patch of 4x4 pixels has one value .* take a larger data.patch_size"),
    ],
)
def test_it_is_said_before_anything_is_written(words: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(GequnetError, match=said):
        experiment.run(compose([*TINY, *ONE_PATCH, *words.split(), f"paths.run={tmp_path}"]))
    assert not list(tmp_path.iterdir())


def test_what_a_user_types(typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(*TINY, *ONE_PATCH, "resume=null") == 2
    assert capsys.readouterr().err.splitlines() == [
        "data.batch_size=1 with data.patch_size=4x4 leaves one value per channel at the coarsest of model.depth=4 "
        "levels, and model.norm=batch needs more: take a larger data.batch_size, larger patches or fewer levels."
    ]
