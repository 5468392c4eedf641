"""Progress: log lines without a terminal, a bar on a terminal."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ProgressBar
from torch.utils.data import DataLoader

from gequnet.callbacks.progress import LineProgress, TerminalProgress, progress_bar

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning"),
]


class Line(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        loss = self.layer(batch).square().mean()
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        pass

    def test_step(self, batch: Any, batch_idx: int) -> None:
        pass

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def run(
    bar: ProgressBar,
    folder: Path,
    task: pl.LightningModule | None = None,
    others: list[pl.Callback] | None = None,
    checkpoint: Path | None = None,
) -> None:
    trainer = pl.Trainer(
        accelerator="cpu", max_steps=4, max_epochs=-1, callbacks=[bar, *(others or [])], logger=False,
        enable_checkpointing=False, enable_model_summary=False, num_sanity_val_steps=0,
        default_root_dir=folder, log_every_n_steps=1,
    )  # fmt: skip
    data = DataLoader(torch.ones(8, 1), batch_size=4)
    trainer.fit(task or Line(), data, data, ckpt_path=checkpoint, weights_only=True)
    trainer.test(task or Line(), data, verbose=False)


def test_lines_at_intervals(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run(LineProgress(every_s=0.0), tmp_path)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("step")]
    assert [line.split()[1] for line in lines] == ["1/4", "2/4", "3/4", "4/4"]
    assert all("train/loss" in line and "s/step" in line for line in lines)


def test_the_last_line_always_comes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run(LineProgress(every_s=1e9), tmp_path)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("step")]
    assert [line.split()[1] for line in lines] == ["4/4"]


def test_the_first_lines_come_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times in seconds at which a line is printed, with a simulated clock."""
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    bar, due = LineProgress(every_s=60.0), []
    bar._begin()
    for second in range(300):
        clock[0] = float(second)
        if bar._due():
            due.append(second)
            bar._print()
    assert due == [5, 10, 20, 40, 80, 140, 200, 260]


def test_a_line_says_how_much_time_is_left(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step takes 30 s of a simulated clock."""
    clock = [0.0]
    monkeypatch.setattr("gequnet.callbacks.progress.time.monotonic", lambda: clock[0])

    class Slow(Line):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            clock[0] += 30
            return super().training_step(batch, batch_idx)

        def test_step(self, batch: Any, batch_idx: int) -> None:
            clock[0] += 40

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            clock[0] += 20

    bar = LineProgress(every_s=15.0)
    run(bar, tmp_path, Slow())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("30.00 s/step  about 1 min 30 s left")
    assert "validation 1/2  20.00 s/image  about 20 s left" in lines
    assert "test 2/2  40.00 s/image" in lines


def test_of_a_resumed_training_its_own_steps_count(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    checkpoint = tmp_path / "half.ckpt"

    class Save(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
            if trainer.global_step == 2:
                trainer.save_checkpoint(checkpoint)

    run(LineProgress(every_s=0.0), tmp_path, Line(), [Save()])
    capsys.readouterr()
    bar = LineProgress(every_s=0.0)
    run(bar, tmp_path, Line(), checkpoint=checkpoint)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("step")]
    assert [line.split()[1] for line in lines] == ["3/4", "4/4"]
    assert bar.first_step == 2


def test_in_a_sweep_a_line_says_which_job(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "sweep.json").touch()
    run(progress_bar(0.0, str(tmp_path / "drive_c8_s0")), tmp_path)
    assert "drive_c8_s0  step 4/4" in capsys.readouterr().out
    run(progress_bar(0.0, str(tmp_path / "elsewhere" / "drive_c8_s0")), tmp_path)
    assert "drive_c8_s0" not in capsys.readouterr().out


def test_only_the_first_process_speaks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for bar in (LineProgress(every_s=0.0), TerminalProgress()):
        bar.disable()
        run(bar, tmp_path)
        assert not capsys.readouterr().out.strip()


def test_a_bar_of_steps(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run(TerminalProgress(), tmp_path)
    said = capsys.readouterr().out
    assert "4/4" in said
    assert "validation" not in said  # over, and taken away
    assert "testing" in said


def test_a_validation_has_a_bar_of_its_own(tmp_path: Path) -> None:
    bar, seen = TerminalProgress(), []

    class Look(pl.Callback):
        def on_validation_batch_end(self, *_: Any) -> None:
            seen.append([(row.description, row.completed, row.total) for row in bar.bar.tasks])

    run(bar, tmp_path, others=[Look()])
    assert seen[:2] == [[("training", 2, 4), ("validation", images, 2)] for images in (1, 2)]


def test_which_one_depends_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(progress_bar(5.0), LineProgress)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert isinstance(progress_bar(5.0), TerminalProgress)
