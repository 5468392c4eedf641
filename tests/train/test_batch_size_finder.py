"""Search for the largest batch that fits: it is used, saved and kept when a run is resumed."""

from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from gequnet import experiment
from gequnet.config.compose import compose
from gequnet.errors import ConfigError
from gequnet.losses.base import SegmentationLoss
from gequnet.nets.unet import UNet
from gequnet.report.comparability import comparable
from gequnet.report.finished_runs import read_run
from gequnet.train import batch_size_finder
from gequnet.train.batch_size_finder import choose_batch_size, max_fitting_batch
from gequnet.train.cost_estimate import training_bytes
from gequnet.train.memory import Memory
from gequnet.train.validate_config import validate_config
from helpers.tiny_runs import TINY, parts

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning"),
]
SLOW = pytest.mark.slow
AUTO = ["auto_batch=true", "data.patches_per_epoch=20", "augment=none"]


@pytest.fixture(autouse=True)
def no_sweeping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns off Lightning's garbage collection before each trial, which takes longer than these trials."""
    monkeypatch.setattr("pytorch_lightning.tuner.batch_size_scaling.garbage_collection_cuda", lambda: None)


def needs_room(monkeypatch: pytest.MonkeyPatch, fits: int) -> list[int]:
    """Make the loss raise an out-of-memory error for too large a batch; return the batch sizes that were tried."""
    tried: list[int] = []
    honest = SegmentationLoss.forward

    def forward(self: Any, logits: Any, *rest: Any, **more: Any) -> Any:
        if self.training:
            tried.append(len(logits))
        if len(logits) > fits:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory")
        return honest(self, logits, *rest, **more)

    monkeypatch.setattr(SegmentationLoss, "forward", forward)
    return tried


@pytest.mark.parametrize("fits", [1, 7, pytest.param(2, marks=SLOW), pytest.param(19, marks=SLOW)])
def test_the_largest_that_fits_is_found(fits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning keeps a twentieth as a safety margin. Nothing else of the run changes."""
    cfg, data, net = parts(tmp_path, *AUTO)
    weights = {name: value.clone() for name, value in net.state_dict().items()}
    lots = torch.get_rng_state()
    tried = needs_room(monkeypatch, fits)
    assert choose_batch_size(cfg, data, net) == data.batch_size == max(1, int(0.95 * fits))
    assert {fits, fits + 1} <= set(tried) | {1}
    assert max(tried) == 20
    assert torch.equal(torch.get_rng_state(), lots)
    assert all(torch.equal(value, weights[name]) for name, value in net.state_dict().items())
    assert data.train_dataloader().keys.first_batch == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("largest", "found"), [("4", 4), ("64", 19)])
def test_it_is_no_more_than_an_epoch_has_or_is_allowed(largest: str, found: int, tmp_path: Path) -> None:
    cfg, data, net = parts(tmp_path, *AUTO, f"largest_batch={largest}")
    assert choose_batch_size(cfg, data, net) == found


def test_on_a_cpu_it_ends_where_the_forecast_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg, data, net = parts(tmp_path, *AUTO)
    free = training_bytes(net, 9, data.patch_size)
    monkeypatch.setattr(batch_size_finder, "device_memory", lambda device: Memory(0, free))
    tried = needs_room(monkeypatch, 20)
    assert choose_batch_size(cfg, data, net) == 9
    assert max(tried) == 9


def test_what_is_needed_grows_evenly() -> None:
    net = UNet(1, 1, [4, 8])
    for images in (1, 2, 13):
        assert max_fitting_batch(net, [32, 32], training_bytes(net, images, [32, 32])) == images
        assert max_fitting_batch(net, [32, 32], training_bytes(net, images, [32, 32]) - 1) == max(1, images - 1)
    assert max_fitting_batch(net, [32, 32], 0) == 1


@pytest.mark.slow
def test_a_run_trains_with_it_and_goes_on_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = needs_room(monkeypatch, 6)
    words = [*TINY, *AUTO, "trainer.max_steps=2", "validations=1", f"paths.run={tmp_path}"]
    experiment.run(compose(words))
    assert OmegaConf.load(tmp_path / "config.yaml").data.batch_size == 5
    assert tried[-1] == 5
    (tmp_path / "metrics.json").unlink()  # as if the run had been killed during the test
    tried.clear()
    asked = (tmp_path / "fingerprint").read_text()
    monkeypatch.setattr(batch_size_finder, "find_batch_size", lambda *_: pytest.fail("the search ran again"))
    experiment.run(compose(words))
    assert set(tried) == {5}
    (tmp_path / "metrics.json").unlink()
    experiment.run(compose([f"resume={tmp_path}", f"paths.run={tmp_path}"]))
    assert (tmp_path / "fingerprint").read_text() == asked
    assert read_run(tmp_path).metrics["fingerprint"] == asked.strip()
    assert comparable(read_run(tmp_path))["data.batch_size"] == 5
    assert not any(key in comparable(read_run(tmp_path)) for key in ("auto_batch", "largest_batch", "forecast"))


def test_several_devices_are_refused() -> None:
    for devices in ("2", "auto", "[0,1]"):
        with pytest.raises(ConfigError, match="auto_batch=true searches the largest batch for one device"):
            validate_config(compose(["paths.run=/nowhere", "auto_batch=true", f"trainer.devices={devices}"]))
    validate_config(compose(["paths.run=/nowhere", "auto_batch=true"]))
    with pytest.raises(ConfigError, match="largest_batch=0 must be at least 1"):
        validate_config(compose(["paths.run=/nowhere", "largest_batch=0"]))
    with pytest.raises(ConfigError, match="must be true or false"):
        validate_config(compose(["paths.run=/nowhere", "auto_batch=12"]))
