"""Lines where nobody watches, a bar on a terminal."""

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

    def test_step(self, batch: Any, batch_idx: int) -> None:
        pass

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def run(bar: ProgressBar, folder: Path) -> None:
    trainer = pl.Trainer(
        accelerator="cpu", max_steps=4, max_epochs=-1, callbacks=[bar], logger=False, enable_checkpointing=False,
        enable_model_summary=False, default_root_dir=folder, log_every_n_steps=1,
    )  # fmt: skip
    data = DataLoader(torch.ones(8, 1), batch_size=4)
    trainer.fit(Line(), data)
    trainer.test(Line(), data, verbose=False)


def test_lines_at_intervals(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run(LineProgress(every_s=0.0), tmp_path)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("step")]
    assert [line.split()[1] for line in lines] == ["1/4", "2/4", "3/4", "4/4"]
    assert all("train/loss" in line and "s/step" in line for line in lines)


def test_the_last_line_always_comes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run(LineProgress(every_s=1e9), tmp_path)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("step")]
    assert [line.split()[1] for line in lines] == ["4/4"]


def test_a_bar_of_steps(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run(TerminalProgress(), tmp_path)
    said = capsys.readouterr().out
    assert "4/4" in said
    assert "testing" in said


def test_which_one_depends_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(progress_bar(5.0), LineProgress)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert isinstance(progress_bar(5.0), TerminalProgress)
