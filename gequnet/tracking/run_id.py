"""Id of a run at Weights & Biases, kept in the run's folder, so that a resumed run has the same id."""

from pathlib import Path

from pytorch_lightning.utilities import rank_zero_only

from gequnet.runs.layout import RunFolder


def run_id(folder: Path) -> str | None:
    """The id of the run in a folder; None if it has none."""
    path = RunFolder(folder).wandb_id
    return path.read_text().strip() if path.exists() else None


@rank_zero_only
def remember(folder: Path, identity: str) -> None:
    """Write the id into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    RunFolder(folder).wandb_id.write_text(identity + "\n")


@rank_zero_only
def forget(folder: Path) -> None:
    """Delete the id, as a new run in the folder gets its own."""
    RunFolder(folder).wandb_id.unlink(missing_ok=True)
