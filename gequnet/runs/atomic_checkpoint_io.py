"""Atomic writing of checkpoints, with a backup of the one before."""

import io
import os
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.checkpoint_io import CheckpointIO

from gequnet.errors import CheckpointError
from gequnet.runs.checkpoint import read_checkpoint

BEFORE = ".before"


class AtomicCheckpointIO(CheckpointIO):
    """Write a checkpoint to a temporary file, flush it to the disk, and rename it.

    If the process is killed at any moment, the file is the old one or the new one, never a part. The old checkpoint is
    kept as ``….before``, in case the new one is damaged later.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write the file.

        Raises:
            CheckpointError: the disk is full, or not writable; the old checkpoint is unchanged.
        """
        path = Path(path)
        part = path.with_name(path.name + ".part")
        content = io.BytesIO()
        torch.save(checkpoint, content)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(content.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                os.replace(path, previous_path(path))
            os.replace(part, path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise CheckpointError(
                f"{path} could not be written, {content.getbuffer().nbytes / 1e6:.1f} MB ({error.strerror}). The "
                "checkpoint before it is unchanged. Free some space and run the same command with resume=auto."
            ) from None

    def load_checkpoint(
        self, path: str | Path, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read tensors and plain values; the folder may have been moved since."""
        return relocated(read_checkpoint(path), Path(path).absolute().parent)

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete the file and its backup."""
        for each in (Path(path), previous_path(Path(path))):
            each.unlink(missing_ok=True)


def relocated(checkpoint: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A checkpoint whose state of ``ModelCheckpoint`` has the paths of the present folder.

    With other paths Lightning drops the best score, and the next validation becomes the best one.

    >>> state = {"dirpath": "/old/checkpoints", "best_model_path": "/old/checkpoints/best.ckpt", "best_k_models": {}}
    >>> relocated({"callbacks": {"best": state}}, Path("/new/checkpoints"))["callbacks"]["best"]["best_model_path"]
    '/new/checkpoints/best.ckpt'
    """
    for state in checkpoint.get("callbacks", {}).values():
        before = state.get("dirpath") if isinstance(state, dict) else None
        if before and before != str(folder):
            for name in ("dirpath", "best_model_path", "kth_best_model_path", "last_model_path"):
                state[name] = _moved(state.get(name, ""), before, folder)
            state["best_k_models"] = {
                _moved(path, before, folder): score for path, score in state["best_k_models"].items()
            }
    return checkpoint


def _moved(path: str, before: str, folder: Path) -> str:
    return str(folder) + path[len(before) :] if path.startswith(before) else path


def previous_path(path: Path) -> Path:
    """Path of the backup of the checkpoint at ``path``."""
    return path.with_name(path.name + BEFORE)


def newest_readable(path: Path) -> tuple[Path | None, list[str]]:
    """The checkpoint at ``path``, or its backup if that is damaged.

    Args:
        path: of the checkpoint.

    Returns:
        The file, None if neither can be read; an error message for each damaged one.
    """
    problems = []
    for each in (path, previous_path(path)):
        if each.exists():
            try:
                read_checkpoint(each)
            except CheckpointError as error:
                problems.append(str(error))
            else:
                return each, problems
    return None, problems
