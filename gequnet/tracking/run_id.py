"""The identity of a run at W&B: it belongs to the run's folder, so that whoever takes up the folder goes on in it."""

from pathlib import Path

from pytorch_lightning.utilities import rank_zero_only

NAME = "wandb_id"


def run_id(folder: Path) -> str | None:
    """Under which id the run in a folder is known to W&B; None if it is not."""
    path = folder / NAME
    return path.read_text().strip() if path.exists() else None


@rank_zero_only
def remember(folder: Path, identity: str) -> None:
    """Keeps the id in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_text(identity + "\n")


@rank_zero_only
def forget(folder: Path) -> None:
    """The folder is used for another run: it gets an id of its own."""
    (folder / NAME).unlink(missing_ok=True)
