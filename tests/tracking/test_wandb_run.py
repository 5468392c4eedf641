"""Data of a run in Weights & Biases, read back from its offline files."""

import csv
import json
import logging
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import wandb.sdk.launch  # which wandb.init imports, and which takes longer than all the rest of it
from omegaconf import OmegaConf

import helpers.wandb_file as wandb_file
from gequnet import experiment, figures
from gequnet.callbacks.history import History
from gequnet.config.build import build
from gequnet.config.compose import compose, resolve
from gequnet.errors import ConfigError
from gequnet.report import model_card
from gequnet.report.__main__ import main as report
from gequnet.tracking.record import without_failing
from gequnet.tracking.run_id import forget, remember, run_id
from gequnet.tracking.wandb_artifacts import use_model, use_split
from helpers.wandb_server import Server, serving

IMPORTED = (model_card, figures, wandb.sdk.launch)  # so that the processes that are forked from this one have them
KEY, TOKEN = "0123456789abcdef" * 2 + "01234567", "ghp_AbCdEfGhIjKlMnOpQrStUvWx"
TINY = [
    "data=phantom_vessels", "data.source.size=40", "data.source.num_images={train: 2, val: 1, test: 2}",
    "data.patch_size=24", "data.batch_size=2", "data.patches_per_epoch=10", "trainer=cpu", "trainer.max_steps=12",
    "validations=4", "callbacks.equivariance.images=1", "callbacks.predictions.images=1", "~callbacks.contours",
    "model=unet", "width=fixed", "width.widths=[3,4]", "model.depth=2", "resume=auto", "callbacks.last.every_minutes=0",
    "logger=wandb",
]  # fmt: skip

# What Lightning says about itself; a person who runs run.py does not see it either.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning"),
    # What wandb-workspaces has pydantic say when it is imported.
    pytest.mark.filterwarnings("ignore:Pydantic V1 style `@validator`:DeprecationWarning"),
]


@dataclass
class Tracked:
    """A run that was stopped and resumed, in a working folder that is a repository with a password in its address."""

    folder: Path
    commit: str

    @property
    def sessions(self) -> list[wandb_file.Session]:
        return wandb_file.sessions(self.folder)

    @property
    def metrics(self) -> dict[str, Any]:
        metrics: dict[str, Any] = json.loads((self.folder / "metrics.json").read_text())
        return metrics


def in_a_child(work: Callable[[], Any], environment: dict[str, str], at: Path) -> int | None:
    """Run a function in a process of its own, forked after the slow imports; return its exit code."""

    def child() -> None:
        logging.basicConfig(stream=sys.stderr, force=True)
        os.chdir(at)
        os.environ.update({name: str(at / name) for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR")})
        os.environ.pop("WANDB_API_KEY", None)
        os.environ.update({"NETRC": str(at / "netrc"), "WANDB_SILENT": "true"} | environment)
        sys.argv[1:] = ["typed=here"]
        work()

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(100)
    return process.exitcode


def repository(folder: Path) -> str:
    """Make a repository with one commit and a password in its remote address; return the commit."""
    git = ["git", "-c", "user.name=me", "-c", "user.email=me@example.org"]
    for words in (["init", "-q"], ["remote", "add", "origin", f"https://{TOKEN}:x-oauth-basic@example.org/mine.git"],
                  ["commit", "-q", "--allow-empty", "-m", "one"]):  # fmt: skip
        subprocess.run([*git, *words], cwd=folder, check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True).stdout[
        :-1
    ]


def run_until(step: int, event: Callable[[], Any], words: list[str]) -> None:
    """A run with an action after a step."""
    note = History.on_train_batch_end

    def and_then(callback: History, trainer: Any, *more: Any) -> None:
        note(callback, trainer, *more)
        if trainer.global_step == step:
            event()

    History.on_train_batch_end = and_then  # type: ignore[method-assign]
    experiment.run(compose(words))


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    at = tmp_path_factory.mktemp("work")
    commit, folder, words = repository(at), at / "run", [*TINY, f"paths.run={at / 'run'}"]
    secrets = {"WANDB_API_KEY": KEY, "OTHER_TOKEN": TOKEN}
    stop = lambda: os.kill(os.getpid(), signal.SIGTERM)  # noqa: E731
    assert in_a_child(lambda: run_until(8, stop, words), secrets, at) == experiment.STOPPED
    assert in_a_child(lambda: experiment.run(compose(words)), secrets, at) == 0
    return Tracked(folder, commit)


@pytest.mark.slow
def test_a_run_that_is_taken_up_again_is_the_same_run(tracked: Tracked) -> None:
    first, second = tracked.sessions
    (identity,) = {session.run.run_id for session in (first, second)}
    assert (tracked.folder / "wandb_id").read_text().strip() == identity
    assert first.run.resume  # so that `wandb sync` appends
    assert second.run.resume
    assert (first.exit_code, second.exit_code) == (1, 0)


@pytest.mark.slow
def test_steps_go_on_where_they_were(tracked: Tracked) -> None:
    first, second = ([row["trainer/global_step"] for row in session.history] for session in tracked.sessions)
    assert first == sorted(first)
    assert second == sorted(second)
    assert first[-1] < second[0]
    with (tracked.folder / "history.csv").open() as file:
        losses = [float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]]
    logged = [row["train/loss"] for session in tracked.sessions for row in session.history if "train/loss" in row]
    assert logged == pytest.approx(losses, abs=1e-6)
    assert "trainer/global_step" in tracked.sessions[1].steps_of


def test_it_says_where_it_comes_from(tracked: Tracked) -> None:
    session = tracked.sessions[1]
    found = session.config["provenance"]
    assert found["commit"] == session.run.git.commit == tracked.commit
    assert session.run.git.remote_url == "https://example.org/mine.git"
    assert found["versions"] == tracked.metrics["versions"]
    assert found["data"] == {"name": "phantom_vessels", "split_hash": tracked.metrics["data"]["split_hash"]}
    assert found["fingerprint"] == tracked.metrics["fingerprint"]
    saved: Any = OmegaConf.to_container(OmegaConf.load(tracked.folder / "config.yaml"))
    assert session.config["optim"] == saved["optim"]
    assert session.run.run_group == "phantom_vessels-unet-none-fixed"
    assert session.run.display_name == "phantom_vessels-unet-none-fixed-s0"
    assert (session.run.job_type, session.run.project) == ("train", "gequnet")
    assert session.tags == {"phantom_vessels", "unet", "none", "fixed", "flips", "dice_ce"}


def test_scalars_have_one_grammar(tracked: Tracked) -> None:
    """Names of letters, digits and underscores, with parts separated by a slash, which a dashboard can select."""
    rows = [row for session in tracked.sessions for row in session.history]
    scalars = {name: value for row in rows for name, value in row.items() if isinstance(value, int | float)}
    ours = {name for name in scalars if re.match(r"(train|val|test|cost)/", name)}
    assert all(re.fullmatch(r"[a-z]+(/[a-z0-9_]+)+", name) for name in ours), ours
    assert {"train/loss", "train/lr", "val/dice", "test/dice", "test/equivariance/turn_22_5"} <= ours
    assert scalars["test/equivariance/turn_45"] == pytest.approx(tracked.metrics["equivariance"]["45°"]["error"])
    assert scalars["train/seconds_per_step"] == pytest.approx(tracked.metrics["seconds_per_training_step"])
    assert scalars["cost/flops"] == tracked.metrics["match"]["achieved"]["flops"]


def test_the_split_goes_in_and_the_network_comes_out(tracked: Tracked) -> None:
    first, second = tracked.sessions
    assert first.inputs() == second.inputs() == {"phantom_vessels-split": {"split.json"}}
    assert first.outputs() == {}
    identity = second.run.run_id
    assert second.outputs() == {
        f"model-{identity}": {"best.ckpt", "config.yaml", "card.md"},
        f"result-{identity}": {"metrics.json", "per_image.csv", "confusion.csv", "history.csv"},
    }
    kinds = {name: each.type for name, each in second.artifacts.items()}
    assert kinds[f"model-{identity}"] == "model"
    assert kinds[f"result-{identity}"] == "result"
    assert kinds["phantom_vessels-split"] == "dataset"
    assert {each.artifacts["phantom_vessels-split"].digest for each in (first, second)} == {
        second.artifacts["phantom_vessels-split"].digest
    }
    model = second.artifacts[f"model-{identity}"]
    assert set(model.aliases) == {"best", "latest"}
    assert json.loads(model.metadata)["test"] == tracked.metrics["test"]
    for artifact in (second.artifacts["phantom_vessels-split"], model):
        for entry in artifact.manifest.contents:  # nothing has to be copied, or kept elsewhere
            assert Path(entry.local_path).is_relative_to(tracked.folder)
    assert json.loads((tracked.folder / "wandb" / "split.json").read_text())["images"]["val"] == ["val-000"]


def test_the_confusion_is_a_chart(tracked: Tracked) -> None:
    (path,) = tracked.folder.glob("wandb/offline-run-*/files/media/table/test/confusion/*.json")
    table = json.loads(path.read_text())
    assert table["columns"] == ["Actual", "Predicted", "nPredictions"]
    with (tracked.folder / "confusion.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row[2] for row in table["data"]] == [float(row["pixels"]) for row in rows]
    assert sum(int(row["pixels"]) for row in rows) == 2 * 40 * 40
    assert (tracked.folder / "confusion.png").exists()


def test_no_secret_is_in_any_file(tracked: Tracked) -> None:
    """No secrets of the environment or of the repository's address; overrides are logged, so they are checked first."""
    assert "typed=here" in tracked.sessions[1].arguments
    files = [path for path in tracked.folder.parent.rglob("*") if path.is_file() and ".git" not in path.parts]
    assert {".wandb", ".ckpt", ".yaml", ".log"} <= {path.suffix for path in files}
    for path in files:
        content = path.read_bytes()
        assert KEY.encode() not in content, path
        assert TOKEN.encode() not in content, path


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["+api_key=abc"], "api_key holds a secret"),
        (["+data.source.token=abc"], "data.source.token holds a secret"),
        (["+notes=${oc.env:MY_PASSWORD}"], "notes holds the value of MY_PASSWORD"),
        (["logger.tags=[by ${oc.env:MY_PASSWORD}]"], "logger.tags.0 holds the value of MY_PASSWORD"),
    ],
)
def test_a_secret_in_the_configuration_is_refused(
    overrides: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_PASSWORD", "correct horse")
    with pytest.raises(ConfigError, match=words) as refused:
        resolve(compose(["logger=wandb", "paths.run=.", *overrides]))
    assert "correct horse" not in str(refused.value)


def test_arms_and_experiments_have_their_names() -> None:
    """If an experiment names its comparison, its name is in the group, and the seeds of an arm form one group."""
    words = ["logger=wandb", "experiment=drive", "chosen.arm='U-Net + rotation'", "paths.run=."]
    one, other = (resolve(compose([*words, f"seed={seed}"])).logger for seed in (0, 1))
    assert one.group == other.group == "drive-U-Net + rotation-fixed"
    assert (one.name, other.name) == ("drive-U-Net + rotation-fixed-s0", "drive-U-Net + rotation-fixed-s1")
    assert "drive" in one.tags[-1:]


def test_a_mode_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no logger.mode=ofline; the nearest are? logger.mode=offline"):
        logger(tmp_path, "ofline")


def test_disabled_leaves_nothing(tmp_path: Path) -> None:
    assert in_a_child(lambda: log_a_number(tmp_path / "run", "disabled"), {}, tmp_path) == 0
    assert not list((tmp_path / "run").rglob("*"))


@pytest.mark.parametrize("server", ["none", "refuses", "silent"])
def test_online_without_an_answer_is_offline_and_says_so(
    server: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(Server(answers=server == "none")) as place:
        if server == "refuses":
            place.server_close()
        environment = {"WANDB_BASE_URL": place.address} | ({} if server == "none" else {"WANDB_API_KEY": KEY})
        began = time.monotonic()
        work = lambda: log_a_number(tmp_path / "run", "online", "logger.init_timeout=1")  # noqa: E731
        assert in_a_child(work, environment, tmp_path) == 0
        assert time.monotonic() - began < 15
    assert wandb_file.read(tmp_path / "run").history[0]["test/number"] == 1
    assert capfd.readouterr().err.count("the run is logged offline; `wandb sync") == 1


def test_online_the_same_run_goes_on(tmp_path: Path) -> None:
    with serving(Server()) as server:
        environment = {"WANDB_BASE_URL": server.address, "WANDB_API_KEY": KEY}
        for _ in range(2):
            assert in_a_child(lambda: log_a_number(tmp_path / "run", "online"), environment, tmp_path) == 0
        ((name, lines),) = server.history.items()
    assert (tmp_path / "run" / "wandb_id").read_text().strip() == name
    assert [(line["_step"], line["test/number"]) for _, line in sorted(lines.items())] == [(0, 1), (1, 1)]


def test_weights_from_another_run_go_in(tracked: Tracked, tmp_path: Path) -> None:
    """The artifact of the other run: the same name and the same bytes, so the same version."""

    def work() -> None:
        session = logger(tmp_path / "run", "offline").experiment
        use_model(session, tracked.folder)
        use_model(session, tmp_path)  # of which W&B knows nothing
        session.finish()

    assert in_a_child(work, {}, tmp_path) == 0
    ((name, used),) = wandb_file.read(tmp_path / "run").artifacts.items()
    assert used.use_after_commit
    assert used.digest == tracked.sessions[1].artifacts[name].digest


def test_another_training_in_the_same_folder_is_another_run(tmp_path: Path) -> None:
    remember(tmp_path, "abc")
    assert run_id(tmp_path) == "abc"
    forget(tmp_path)
    assert run_id(tmp_path) is None
    forget(tmp_path)


def synchronised(folder: Path, at: Path) -> tuple[list[int], list[str]]:
    """Steps on the server after ``wandb sync``, and the requests to it."""
    with serving(Server()) as server:
        environment = {"WANDB_BASE_URL": server.address, "WANDB_API_KEY": KEY, "NETRC": str(at / "netrc")}
        command = [sys.executable, "-m", "wandb", "sync", str(folder / "wandb")]
        subprocess.run(command, env=os.environ | environment, capture_output=True, check=True, timeout=60)
        ((_, lines),) = server.history.items()
    return [line["trainer/global_step"] for _, line in sorted(lines.items())], [name for name, _ in server.asked]


@pytest.mark.slow
def test_what_was_written_offline_is_sent_as_one_run(tracked: Tracked, tmp_path: Path) -> None:
    steps, asked = synchronised(tracked.folder, tmp_path)
    assert steps == [row["trainer/global_step"] for session in tracked.sessions for row in session.history]
    assert asked.count("UseArtifact") == 2


@pytest.mark.slow
def test_a_kill_loses_the_last_second(tmp_path: Path) -> None:
    """The offline files are complete; steps that are trained again are logged again, at the same steps."""
    folder = tmp_path / "run"
    words = [*TINY, f"paths.run={folder}", "callbacks.last.every_minutes=10"]

    def die() -> None:
        time.sleep(2)
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_a_child(lambda: run_until(8, die, words), {}, tmp_path) == -signal.SIGKILL
    assert in_a_child(lambda: experiment.run(compose(words)), {}, tmp_path) == 0
    first, second = wandb_file.sessions(folder)
    assert (first.run.run_id, first.exit_code) == (second.run.run_id, None)
    assert first.history[-1]["trainer/global_step"] == 6  # of the eighth it was about to tell
    assert second.history[0]["trainer/global_step"] == 6  # the checkpoint was after the sixth, a validation
    steps, _ = synchronised(folder, tmp_path)
    assert steps == [row["trainer/global_step"] for session in (first, second) for row in session.history]


@pytest.mark.slow
def test_a_server_that_goes_away_is_no_reason_to_fail(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with serving(Server()) as server:

        def work() -> None:
            session = logger(tmp_path / "run", "online", "logger.finish_timeout=2").experiment
            fall_silent(server)
            with without_failing():
                use_split(session, tmp_path / "run", SimpleNamespace(splits={}, name="none", split_hash=""))
            session.finish()

        assert in_a_child(work, {"WANDB_BASE_URL": server.address, "WANDB_API_KEY": KEY}, tmp_path) == 0
    assert "W&B did not take the artifacts" in capfd.readouterr().err


def fall_silent(server: Server) -> None:
    """Make the server, in another process, stop responding."""
    with suppress(requests.Timeout):  # it obeys at once
        requests.post(f"{server.address}/silence", timeout=0.2)


def test_runs_become_a_dashboard(tracked: Tracked, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import wandb_workspaces.workspaces as ws
    from wandb_workspaces.workspaces import internal

    out = tmp_path / "dashboard.json"
    words = [str(tracked.folder), "--out", str(tmp_path / "report"), "--no-images", "--dashboard", str(out)]
    assert report(words) == 0
    assert str(out) in capsys.readouterr().out
    found = ws.Workspace._from_model(internal.View.model_validate_json(out.read_text()))
    sections = {section.name: section.panels for section in found.sections}
    assert list(sections) == ["Training", "Test", "Symmetry", "Costs", "Pictures", "System"]
    assert found.runset_settings.groupby == [ws.Metric("Group")]
    # every scalar that it draws is one that the run has sent
    sent = {name for session in tracked.sessions for row in session.history for name in row}
    bank = json.loads(out.read_text())["spec"]["section"]["panelBankConfig"]
    text = json.dumps([panel for section in bank["sections"] for panel in section["panels"]])
    drawn = set(re.findall(r"(?:train|val|test|cost)/\w+(?:/\w+)*", text))
    assert drawn
    assert drawn <= sent


def test_a_dashboard_is_somebodys(tracked: Tracked, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(tracked.folder), "--out", str(tmp_path), "--no-images", "--save", "gequnet"]
    assert report(words) == 2
    assert "give --save ENTITY/PROJECT" in capsys.readouterr().err


def logger(folder: Path, mode: str, *overrides: str) -> Any:
    words = ["logger=wandb", f"paths.run={folder}", f"logger.mode={mode}", *overrides]
    return build(resolve(compose(words)).logger)


def log_a_number(folder: Path, mode: str, *overrides: str) -> None:
    made = logger(folder, mode, *overrides)
    made.log_metrics({"test/number": 1}, step=1)
    made.experiment.finish()
