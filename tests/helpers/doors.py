"""The doors of gequnet: the commands that read files of the user, called in this process as they are typed."""

import contextlib
import io
import logging
import pickle
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig
from torch import Tensor

from gequnet.data.__main__ import main as data_command
from gequnet.data.datasets.folder import PairedFolder
from gequnet.data.datasets.volumes import VolumeSource
from gequnet.data.scene import Scene
from gequnet.evaluate.__main__ import main as evaluate_command
from gequnet.inference.prediction import ImagePredictor
from gequnet.predict.__main__ import main as predict_command
from gequnet.train.__main__ import main as train_command
from helpers.hostile_dataset import DAMAGED, HostileDataset
from helpers.repository import RUN

TRAIN = (
    "trainer=cpu", "group=none", "model.depth=2", "width=fixed", "width.widths=[2,3]", "trainer.max_steps=1",
    "validations=1", "data.batch_size=1", "data.patches_per_epoch=1", "forecast=false", "augment=none",
    "callbacks.equivariance.images=0", "~callbacks.predictions", "~callbacks.contours", "~callbacks.confusion",
    "~callbacks.curves", "hydra.output_subdir=null",
)  # fmt: skip
PICTURES = ("model=unet", "data.patch_size=16")
VOLUMES = ("model=unet3d", "data.patch_size=4", "~callbacks.volumes")

DOORS = ("verify", "train", "evaluate", "predict")


def typed_words(door: str, data: HostileDataset, run: Path, out: Path) -> list[str]:
    """Words after the command of a door.

    Args:
        door: One of ``DOORS``.
        data: The dataset with the damaged file.
        run: A finished run.
        out: Folder of what the door writes.
    """
    if door == "verify":
        return ["verify", data.words[0].removeprefix("data="), *data.words[1:]]
    if door == "train":
        return [*data.words, *TRAIN, *(VOLUMES if data.volumes else PICTURES), f"hydra.run.dir={out}"]
    if door == "evaluate":
        return [str(run), *data.words, "--split", "all", "-o", str(out)]
    return [str(run), str(data.path), "-o", str(out), "--device", "cpu"]


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "verify": data_command,
    "train": train_command,
    "evaluate": evaluate_command,
    "predict": predict_command,
}

COMPOSE = ConfigLoaderImpl._load_configuration_impl
COMPOSED: dict[tuple[str, ...], bytes] = {}


@dataclass(frozen=True)
class Answer:
    """Answer of a door.

    Args:
        code: Exit code.
        printed: Lines on stdout.
        errors: Lines on stderr.
        seconds: Duration.
        scene: Damaged sample as the door read it; None if it was refused.
        pixels: Damaged image as ``predict`` read it; None if it was refused.
    """

    code: int
    printed: list[str]
    errors: list[str]
    seconds: float
    scene: Scene | None
    pixels: Tensor | None


class Doors:
    """Doors with a record of the values that each of them has read.

    The configuration of the same words is composed once, as that takes longer than all the rest.

    Args:
        monkeypatch: Puts the record into the sources and into the predictor, and undoes what the commands leave behind.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "argv", [str(RUN)])
        monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
        self.scene: Scene | None = None
        self.pixels: Tensor | None = None
        for source in (PairedFolder, VolumeSource):
            monkeypatch.setattr(source, "load", self._recorded_load(source.load))
        monkeypatch.setattr(ConfigLoaderImpl, "_load_configuration_impl", _composed_once)
        monkeypatch.setattr(ImagePredictor, "predict", self._recorded_predict(ImagePredictor.predict))

    def ask(self, door: str, words: Sequence[str]) -> Answer:
        """Answer of a door to these words."""
        self.scene = self.pixels = None
        GlobalHydra.instance().clear()
        logging.getLogger("gequnet").setLevel(logging.NOTSET)
        out, err, began = io.StringIO(), io.StringIO(), time.monotonic()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = _exit_code(lambda: COMMANDS[door](words))
        lines = [stream.getvalue().splitlines() for stream in (out, err)]
        return Answer(code, *lines, time.monotonic() - began, self.scene, self.pixels)

    def _recorded_load(self, load: Callable[[Any, str], Scene]) -> Callable[[Any, str], Scene]:
        def recorded(source: Any, sample_id: str) -> Scene:
            scene = load(source, sample_id)
            self.scene = scene if sample_id == DAMAGED else self.scene
            return scene

        return recorded

    def _recorded_predict(self, predict: Callable[..., Any]) -> Callable[..., Any]:
        def recorded(predictor: ImagePredictor, image: Tensor, *more: Any) -> Any:
            self.pixels = image
            return predict(predictor, image, *more)

        return recorded


def _composed_once(loader: ConfigLoaderImpl, config_name: str, overrides: list[str], **more: Any) -> DictConfig:
    words = (config_name, *overrides)
    if words not in COMPOSED:
        COMPOSED[words] = pickle.dumps(COMPOSE(loader, config_name, overrides, **more))
    composed: DictConfig = pickle.loads(COMPOSED[words])
    return composed


def _exit_code(command: Callable[[], int]) -> int:
    """Exit code, with the traceback on stderr if the command fails."""
    try:
        return command()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except Exception:
        traceback.print_exc()
        return 1


def files_in(folder: Path) -> Iterator[Path]:
    """Files below a folder."""
    return (path for path in folder.rglob("*") if path.is_file())
