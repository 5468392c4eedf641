"""Jobs of a sweep and its progress, from folders made by hand."""

import json
from pathlib import Path

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.hydra_config import HydraConfig

from gequnet.config.compose import CONF
from gequnet.errors import ConfigError
from gequnet.sweep import folder as sweep_folder
from gequnet.sweep.jobs import Job, run_folder, select_arms, sweep_name, varied, with_arms, with_output_dir


def test_every_arm_at_every_point() -> None:
    jobs = with_arms([["seed=0"], ["seed=1"]], {"A": ["model=unet"], "B + b": ["model=e2unet", "group=c8"]})
    assert jobs == [
        ["seed=0", "model=unet", "chosen.arm='A'"],
        ["seed=0", "model=e2unet", "group=c8", "chosen.arm='B + b'"],
        ["seed=1", "model=unet", "chosen.arm='A'"],
        ["seed=1", "model=e2unet", "group=c8", "chosen.arm='B + b'"],
    ]


def test_an_arm_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="names 'C9', and the arms of this experiment are A, B"):
        select_arms({"A": [], "B": []}, ["A", "C9"])


def test_what_the_arms_compare_cannot_be_typed() -> None:
    with pytest.raises(ConfigError, match="group is what the arms of this experiment compare"):
        with_arms([["group=c4"]], {"A": ["model=unet"], "B": ["group=c8"]})


def test_what_only_some_jobs_set_is_varied() -> None:
    jobs = [["seed=0", "data=drive"], ["seed=0", "data=drive", "+data.x=1"], ["seed=0", "data=drive", "chosen.arm='A'"]]
    assert varied(jobs) == ["data.x"]


def test_the_same_words_name_the_same_folder_and_others_another() -> None:
    words = ["experiment=drive_groups", "data=chase", "budget=cpu"]
    assert sweep_name(words) == sweep_name(words)
    assert sweep_name(words) != sweep_name([*words, "seed=0,1"])
    assert sweep_name(words).startswith("drive_groups-chase-cpu-")
    assert "/" not in sweep_name(["paths.runs=/tmp/x", "data.source.root=/a/b", "optim.lr=1e-3,1e-2"])
    assert len(sweep_name(["group=" + ",".join(f"c{n}" for n in range(100))])) <= 67


def test_words_may_refer_to_the_folder_that_they_name() -> None:
    """A launcher needs the folder before any job has one."""
    words = ["logger=tensorboard", "logger.save_dir=${paths.run}/curves"]
    HydraConfig.instance().cfg = None
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = hydra_compose("config", words, return_hydra_config=True)
    assert cfg.hydra.sweep.dir == f"runs/sweeps/{sweep_name(words)}"


def sweep_of_four(folder: Path, done: int, failed: int = 0) -> None:
    jobs = [Job((), str(number), str(number)) for number in range(4)]
    sweep_folder.write_sweep(folder, jobs, 4, ["seed"])
    plan = json.loads((folder / "sweep.json").read_text())
    (folder / "sweep.json").write_text(json.dumps(plan | {"started": 1000.0}))
    for number in range(done + failed):
        (folder / str(number)).mkdir()
        name = "metrics.json" if number < done else "error.txt"
        (folder / str(number) / name).write_text(json.dumps({"fingerprint": str(number)}))


def test_the_time_left_is_that_of_as_many_more_jobs(tmp_path: Path) -> None:
    sweep_of_four(tmp_path, done=1)
    assert sweep_folder.progress_line(tmp_path, 1100.0) == "1 of 4 jobs done, about 5 min left"


def test_a_failed_job_is_counted_as_ended(tmp_path: Path) -> None:
    sweep_of_four(tmp_path, done=2, failed=1)
    assert sweep_folder.progress_line(tmp_path, 1060.0) == "2 of 4 jobs done, 1 failed, about 20 s left"


def test_nothing_is_said_about_the_time_before_the_first_and_after_the_last(tmp_path: Path) -> None:
    sweep_of_four(tmp_path / "start", done=0)
    sweep_of_four(tmp_path / "end", done=4)
    assert sweep_folder.progress_line(tmp_path / "start", 1001.0) == "0 of 4 jobs done"
    assert sweep_folder.progress_line(tmp_path / "end", 1100.0) == "4 of 4 jobs done"


def test_what_was_finished_before_is_no_measure_of_time(tmp_path: Path) -> None:
    """Two of four jobs were finished when the sweep was resumed; the time is that of the one since then."""
    sweep_of_four(tmp_path, done=3)
    plan = json.loads((tmp_path / "sweep.json").read_text())
    (tmp_path / "sweep.json").write_text(json.dumps(plan | {"waiting": 2}))
    assert sweep_folder.progress_line(tmp_path, 1050.0) == "3 of 4 jobs done, about 50 s left"


def test_finished_runs_are_found_by_what_they_compute(tmp_path: Path) -> None:
    sweep_of_four(tmp_path, done=2, failed=1)
    assert {name: job.folder for name, job in sweep_folder.finished(tmp_path).items()} == {"0": "0", "1": "1"}


@pytest.mark.parametrize("folder", ["/a b/c", "/it's", "/back\\slash", "/a,b=[c]"])
def test_a_folder_of_any_name_survives_the_command_line(folder: str) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    placed = with_output_dir(Job(("seed=0",), "job", "f"), Path(folder))
    read = {each.get_key_element(): each.value() for each in OverridesParser.create().parse_overrides(placed)}
    assert read == {"seed": 0, "hydra.sweep.dir": folder, "hydra.sweep.subdir": "job"}


def test_results_of_another_configuration_are_not_the_plans(tmp_path: Path) -> None:
    """The folder exists and is finished, but with another configuration than the planned one."""
    from gequnet.sweep.plan import Plan, missing_jobs_message

    sweep_of_four(tmp_path, done=2, failed=1)  # the last one's process was lost
    jobs = [Job((), str(number), f"planned {number}") for number in range(4)]
    plan = Plan(tmp_path, jobs, [], [])
    assert "2 of 4 jobs computed something else" in missing_jobs_message(
        plan, [tmp_path / str(number) for number in range(4)]
    )
    said = missing_jobs_message(plan, [tmp_path / "2", tmp_path / "3"])
    assert "1 of 4 jobs failed" in said
    assert "and 1 of 4 jobs have no result" in said


def test_the_same_words_and_resume_auto_find_a_stopped_run(tmp_path: Path) -> None:
    words, parent = ["data=drive", "seed=3"], str(tmp_path)
    named = run_folder("auto", [*words, "resume=auto"], parent, "now")
    for moment, typed, files in [
        ("2026-01-01", words, ["checkpoints/last.ckpt"]),
        ("2026-01-02", words, ["checkpoints/last.ckpt"]),
        ("2026-01-03", words, ["checkpoints/last.ckpt", "metrics.json"]),
        ("2026-01-04", words, []),
        ("2026-01-05", ["data=drive"], ["checkpoints/last.ckpt"]),
    ]:
        for name in (".hydra/overrides.yaml", *files):
            (tmp_path / moment / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / moment / name).write_text("\n".join(f"- {word}" for word in typed))
    assert run_folder("auto", ["resume=auto", *reversed(words)], parent, "now") == f"{parent}/2026-01-02"
    assert run_folder(None, words, parent, "now") == f"{parent}/now"
    Path(named).mkdir()
    assert run_folder("auto", [*words, "resume=auto"], parent, "now") == named
