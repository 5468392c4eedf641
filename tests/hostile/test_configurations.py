"""Configurations of a stranger's run that would call code, write files, or never end: each is refused in one sentence.

Every door reads the nodes of the network; `evaluate` and `resume=` read all. A trap is a file that the attack would
make, or an environment variable that it would read.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.core.global_hydra import GlobalHydra

import gequnet
from gequnet.errors import ConfigError
from gequnet.evaluate.__main__ import main as evaluate
from gequnet.export.__main__ import main as export
from gequnet.predict.__main__ import main as predict
from gequnet.runs.resume import safe_config
from gequnet.runs.run_folder import load_config
from gequnet.train.__main__ import main as train
from helpers.image_makers import noise
from helpers.untrained_run import make_run

Recipe = dict[str, Any]
SECONDS = 10
SECRET = "GEQUNET_TEST_SECRET"
CALLS: dict[str, Recipe] = {
    "os.system": {"command": "touch {trap}"},
    "os.mkdir": {"path": "{trap}"},
    "os.path.os.mkdir": {"path": "{trap}"},
    "posix.mkdir": {"path": "{trap}"},
    "subprocess.run": {"args": ["touch", "{trap}"]},
    "builtins.open": {"file": "{trap}", "mode": "w"},
    "builtins.exec": {"_args_": ["open('{trap}', 'w')"]},
    "builtins.eval": {"_args_": ["open('{trap}', 'w')"]},
    "builtins.__import__": {"name": "antigravity"},
    "importlib.import_module": {"name": "antigravity"},
    "pathlib.Path.touch": {"self": {"_target_": "pathlib.Path", "_args_": ["{trap}"]}},
    "pathlib.Path": {"_args_": ["{trap}"]},
    "shutil.copyfile": {"src": "/etc/hostname", "dst": "{trap}"},
    "runpy.run_path": {"path_name": "{trap}"},
    "pickle.loads": {"data": "cos\nsystem\n(S'touch {trap}'\ntR."},
    "numpy.save": {"file": "{trap}", "arr": [0]},
    "yaml.unsafe_load": {"stream": "!!python/object/apply:os.mkdir ['{trap}']"},
    "omegaconf.OmegaConf.save": {"config": {"a": 1}, "f": "{trap}"},
    "hydra.utils.get_method": {"path": "os.mkdir"},
    "hydra.utils.instantiate": {"config": {"_target_": "os.mkdir", "path": "{trap}"}},
    "torch.save": {"obj": [0], "f": "{trap}"},
    "torch.load": {"f": "{trap}"},
    "torch.hub.load": {"repo_or_dir": "{trap}", "model": "x", "source": "local"},
    "torch.hub.download_url_to_file": {"url": "file:///etc/hostname", "dst": "{trap}"},
    "torch.jit.load": {"f": "{trap}"},
    "torch.nn.functional.torch.save": {"obj": [0], "f": "{trap}"},
    "torch.nn.modules.module.torch.save": {"obj": [0], "f": "{trap}"},
    "torch.nn.parallel.distributed.os.mkdir": {"path": "{trap}"},
    "torch.optim.optimizer.torch.save": {"obj": [0], "f": "{trap}"},
    "torch.optim.swa_utils.torch.save": {"obj": [0], "f": "{trap}"},
    "torch.nn.Module.register_module": {"name": "x"},
    "torch.nn.Sequential": {},
    "torch.nn.ReLU.forward": {},
    "torch.nn.utils.parametrize.torch.save": {"obj": [0], "f": "{trap}"},
    "gequnet.config.build.instantiate": {"node": {"_target_": "os.mkdir", "path": "{trap}"}},
    "gequnet.config.build.build": {"node": {"_target_": "os.mkdir", "path": "{trap}"}},
    "gequnet.runs.layout.write_rows": {"path": "{trap}", "rows": []},
    "gequnet.runs.run_folder.torch.save": {"obj": [0], "f": "{trap}"},
    "gequnet.inference.predictor.torch.save": {"obj": [0], "f": "{trap}"},
    "gequnet.nets.unet.torch.save": {"obj": [0], "f": "{trap}"},
    "gequnet.data.download.extract.os.mkdir": {"path": "{trap}"},
    "gequnet.data.formats.atomic_write.os.mkdir": {"path": "{trap}"},
    "gequnet.experiment.run": {"cfg": {}},
    "gequnet.load": {"run": "{trap}"},
    "gequnet.sweep.Progress": {},
    "gequnet.nets.UNet.__init__.__globals__": {},
    "gequnet.callbacks.history.Path.touch": {"self": "{trap}"},
    "pytorch_lightning.loggers.csv_logs.os.mkdir": {"path": "{trap}"},
    "pytorch_lightning.callbacks.model_checkpoint.shutil.rmtree": {"path": "{trap}"},
    "pytorch_lightning.cli.LightningCLI": {},
    "pytorch_lightning.loggers.WandbLogger": {"save_dir": "{trap}"},
    "pytorch_lightning.loggers.MLFlowLogger": {"tracking_uri": "file:{trap}"},
    "pytorch_lightning.LightningModule.load_from_checkpoint": {"checkpoint_path": "{trap}"},
    "pytorch_lightning.trainer.trainer.torch.save": {"obj": [0], "f": "{trap}"},
    "lightning.Trainer": {},
    " os.mkdir": {"path": "{trap}"},
    "os .mkdir": {"path": "{trap}"},
    "gequnet..nets.UNet": {},
    "": {},
    "UNet": {},
}
"""Targets that no run may call, with the arguments of the attack."""

WORDS = {"lookup": "${{oc.env:{secret}}}", "decode": "${{oc.decode:'[1]'}}", "hydra": "${{hydra:runtime.cwd}}"}
WORDS |= {
    "escaped": "\\${{oc.env:{secret}}}",
    "dynamic": "${{${{name}}:{secret}}}",
    "split": "${{oc${{name}}:{secret}}}",
}
WORDS |= {"blanks": "${{ oc.env : {secret} }}", "nested": "${{unless:${{oc.env:{secret}}},1,2}}"}
"""Values that are computed when they are read."""

WRITES = {
    "callback": ("callbacks.history.path", "{trap}"),
    "callback_relative": ("callbacks.history.path", "sprung"),
    "callback_above": ("callbacks.history.path", "{run}/../sprung"),
    "callback_home": ("callbacks.history.path", "~/sprung"),
    "callback_list": ("callbacks.pictures.paths", ["{run}/a.png", "{trap}"]),
    "checkpoint": ("callbacks.best.dirpath", "{trap}"),
    "checkpoint_name": ("callbacks.best.filename", "../../sprung"),
    "new_callback": ("callbacks.x", {"_target_": "pytorch_lightning.callbacks.ModelCheckpoint", "dirpath": "{trap}"}),
    "tensorboard": ("logger", {"_target_": "pytorch_lightning.loggers.TensorBoardLogger", "save_dir": "{trap}"}),
    "csv": ("logger", {"_target_": "pytorch_lightning.loggers.CSVLogger", "save_dir": "{run}", "name": "../../x"}),
    "root": ("trainer.default_root_dir", "{trap}"),
    "profiler": ("trainer.profiler", {"_target_": "pytorch_lightning.profilers.SimpleProfiler", "dirpath": "{trap}"}),
    "place": ("callbacks.x", {"_target_": "gequnet.callbacks.History", "_args_": ["sprung"]}),
}
"""Paths outside the run's folder."""

TEXTS = {
    "empty": b"",
    "null": b"null",
    "number": b"7",
    "text": b"model",
    "list": b"[model, data]",
    "binary": bytes(range(256)),
    "utf16": "model: {}".encode("utf-16"),
    "tab": b"model:\n\t- 1",
    "open": b"model: {a: [1, 2",
    "tag": b"model: !!python/object/apply:os.mkdir [sprung]",
    "two": b"data: {}\n---\nmodel: {}",
    "twice": b"data: {}\ndata: {}\nmodel: {}\npaths: {}",
    "bomb": b"a: &a [1, 1]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (n + 1, n + 1, n, n) for n in range(97, 120)),
    "merge": b"a: &a {data: {}}\nmodel: {}\npaths: {}\n<<: *a",
    "deep": b"model: " + b"[" * 5000 + b"]" * 5000,
    "deep_blocks": b"\n".join(b" " * n + b"a:" for n in range(2000)),
    "large": b"data: {}\nmodel: {}\npaths: {}\nx: " + b"1" * 2**21,
    "no_model": b"data: {}\npaths: {}",
    "model_text": b"data: {}\nmodel: unet\npaths: {}",
    "cycle": b"data: {}\nmodel: {a: '${model.b}', b: '${model.a}'}\npaths: {}",
}
"""Files that are no saved configuration."""

SIZES = {
    "depth": ("model.depth", 10**6),
    "kernel": ("model.kernel_size", 10**6 + 1),
    "kernel_even": ("model.kernel_size", 4),
    "widths": ("model.widths", [10**9, 10**9]),
    "many_widths": ("model.widths", [2] * 50_000),
    "channels": ("model.in_channels", 10**9),
    "classes": ("model.num_classes", 10**9),
    "order": ("model.group.rotations", 10**6),
    "negative": ("model.widths", [-1, 2]),
}
"""Networks that no machine could build."""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run of random weights, and the text of its configuration."""
    run = make_run(tmp_path_factory.mktemp("stranger") / "run", "model=e2unet", "group=c4", "width=fixed", *SMALL)
    return run, (run / "config.yaml").read_text()


SMALL = ["width.widths=[2,2]", "model.depth=2", "data.source.size=32", "callbacks.equivariance.images=0", "trainer=cpu"]


@pytest.fixture
def edited(
    recipe: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, Any], Path]]:
    """Function that writes a value into the run's configuration; afterwards no trap may have sprung."""
    run, text = recipe
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(SECRET, "hunter2")
    before = listing(run)

    def edit(name: str, value: Any) -> Path:
        cfg = yaml.safe_load(text)
        *nodes, last = name.split(".")
        node = cfg
        for each in nodes:
            node = node[each]
        node[last] = filled(value, trap=str(tmp_path / "sprung"), run=str(run), secret=SECRET)
        (run / "config.yaml").write_text(yaml.safe_dump(cfg))
        return run

    yield edit
    (run / "config.yaml").unlink()
    (run / "config.yaml").write_text(text)
    assert list(tmp_path.rglob("*sprung*")) == []
    assert listing(run) == before
    assert not (run.parent / "sprung").exists()


def listing(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


def filled(value: Any, **words: str) -> Any:
    if isinstance(value, dict):
        return {name: filled(each, **words) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each, **words) for each in value]
    return value.format(**words) if isinstance(value, str) else value


def refusal(door: Callable[[], Any]) -> str:
    """The sentence of a refusal, in time and without the secret."""
    began = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        door()
    assert time.monotonic() - began < SECONDS
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert "hunter2" not in sentence
    return sentence


def everything(run: Path) -> None:
    """All that `evaluate` and `resume=` check."""
    safe_config(run, load_config(run))


@pytest.mark.parametrize("target", CALLS)
@pytest.mark.parametrize("node", ["model", "inference"])
def test_no_door_calls_another_network(edited: Callable[[str, Any], Path], node: str, target: str) -> None:
    run = edited(node, {"_target_": target, **CALLS[target]})
    assert f"would call {target}, which is not on gequnet's list" in refusal(lambda: gequnet.load(run))


@pytest.mark.parametrize("target", CALLS)
@pytest.mark.parametrize("place", ["callbacks.x", "loss", "optim", "data.augment", "trainer.profiler", "model.group"])
def test_nothing_else_is_called(edited: Callable[[str, Any], Path], place: str, target: str) -> None:
    run = edited(place, {"_target_": target, **CALLS[target]})
    assert "which is not on gequnet's list" in refusal(lambda: everything(run))


@pytest.mark.parametrize("target", [None, 7, ["os.mkdir"], {"_target_": "os.mkdir"}])
def test_a_target_is_a_name(edited: Callable[[str, Any], Path], target: Any) -> None:
    run = edited("model", {"_target_": target})
    refusal(lambda: gequnet.load(run))


def test_a_target_within_arguments_is_found(edited: Callable[[str, Any], Path]) -> None:
    attack = {"_target_": "os.mkdir", "path": "{trap}"}
    run = edited("model.anything", [[{"a": {"b": attack}}]])
    assert "would call os.mkdir" in refusal(lambda: gequnet.load(run))


@pytest.mark.parametrize("name", ["weights", "_args_", "__class__"])
def test_arguments_are_those_of_the_class(edited: Callable[[str, Any], Path], name: str) -> None:
    run = edited(f"model.{name}", ["{trap}"])
    assert f"gives gequnet.nets.E2UNet an argument {name}" in refusal(lambda: gequnet.load(run))


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("name", ["model.depth", "model.norm", "model._target_", "data.name"])
def test_nothing_is_computed_from_the_environment(edited: Callable[[str, Any], Path], name: str, word: str) -> None:
    run = edited(name, WORDS[word])
    refusal(lambda: gequnet.load(run))


@pytest.mark.parametrize("attack", WRITES)
def test_nothing_is_written_elsewhere(edited: Callable[[str, Any], Path], attack: str) -> None:
    run = edited(*WRITES[attack])
    refusal(lambda: everything(run))


@pytest.mark.parametrize("kind", TEXTS)
def test_what_is_no_configuration_is_named(edited: Callable[[str, Any], Path], kind: str) -> None:
    run = edited("seed", 0)
    (run / "config.yaml").write_bytes(TEXTS[kind])
    assert str(run / "config.yaml") in refusal(lambda: gequnet.load(run))


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop"])
def test_what_is_no_file_is_not_opened(edited: Callable[[str, Any], Path], kind: str) -> None:
    path = edited("seed", 0) / "config.yaml"
    path.unlink()
    make: dict[str, Callable[[], Any]] = {
        "pipe": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
        "folder": path.mkdir,
        "loop": lambda: path.symlink_to(path),
    }
    make[kind]()
    refusal(lambda: gequnet.load(path.parent))
    if kind == "folder":
        path.rmdir()
        path.touch()


@pytest.mark.parametrize("kind", SIZES)
def test_a_network_beyond_reason_is_refused(edited: Callable[[str, Any], Path], kind: str) -> None:
    run = edited(*SIZES[kind])
    refusal(lambda: gequnet.load(run))


ALLOWED = {
    "optim": ["torch.optim.RMSprop", "torch.optim.adamw.AdamW", "torch.optim.Adagrad"],
    "scheduler": ["torch.optim.lr_scheduler.StepLR", "gequnet.train.cosine_schedule"],
    "callbacks.x": ["pytorch_lightning.callbacks.Timer", "pytorch_lightning.callbacks.StochasticWeightAveraging"],
    "trainer.profiler": ["pytorch_lightning.profilers.SimpleProfiler"],
    "trainer.strategy": ["pytorch_lightning.strategies.DDPStrategy"],
    "model.activation": ["torch.nn.SiLU", "torch.nn.modules.activation.ReLU"],
    "data.augment": ["gequnet.data.transforms.Chain", "gequnet.data.transforms.Noise"],
}
"""Targets that a command line can name, and that a run may then be resumed with."""


@pytest.mark.parametrize(("place", "target"), [(place, target) for place in ALLOWED for target in ALLOWED[place]])
def test_the_list_is_wide_enough(edited: Callable[[str, Any], Path], place: str, target: str) -> None:
    everything(edited(place, {"_target_": target, "_partial_": True}))


def trained(words: list[str]) -> int:
    """The exit code of a training in this process, which Hydra ends by an exception."""
    GlobalHydra.instance().clear()
    try:
        return train(words)
    except SystemExit as end:
        return int(str(end.code))


DOORS: dict[str, Callable[[Path, Path], int]] = {
    "predict": lambda run, out: predict([str(run), "image.png", "-o", str(out)]),
    "export": lambda run, out: export([str(run), "-o", f"{out}.onnx"]),
    "evaluate": lambda run, out: evaluate([str(run), "-o", str(out)]),
    "resume": lambda run, out: trained([f"resume={run}"]),
    "init_from": lambda run, out: trained([f"init_from={run}", "model=e2unet", "group=c4", f"hydra.run.dir={out}"]),
}
ATTACKS = {
    **{f"call {target}": ("model", {"_target_": target, **CALLS[target]}) for target in CALLS},
    **{f"compute {word}": ("model.norm", WORDS[word]) for word in WORDS},
}
FEW = ("call os.mkdir", "call torch.nn.functional.torch.save", "compute lookup")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "attack", [each if each in FEW else pytest.param(each, marks=pytest.mark.hostile) for each in ATTACKS]
)
def test_every_door_refuses_in_one_sentence(
    edited: Callable[[str, Any], Path], attack: str, door: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    Image.fromarray(noise(33, 40)).save(tmp_path / "image.png")
    run, before = edited(*ATTACKS[attack]), set(tmp_path.rglob("*"))
    assert DOORS[door](run, tmp_path / "out") == 2
    error = capsys.readouterr().err.strip()
    assert error.count("\n") == 0
    assert str(run) in error
    assert "hunter2" not in error
    assert set(tmp_path.rglob("*")) == before  # nothing is left
