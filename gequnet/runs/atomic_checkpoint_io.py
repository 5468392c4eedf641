"""How checkpoints reach the disk: whole or not at all, and never in place of the last good one."""

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
    """Writes a checkpoint beside its place, waits until the disk has it, and then renames it.

    So a process that is killed, at whatever moment, leaves the file as it was before or as it is after. The checkpoint
    that was there stays beside it as ``….before``, for the case that the new one is damaged later.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Writes the file.

        Raises:
            CheckpointError: the disk is full, or cannot be written to; what was there is still there.
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
                f"{path} could not be written, {content.getbuffer().nbytes / 1e6:.1f} MB ({error.strerror}): what was "
                "there before is still there. Make room and type the same command with resume=auto."
            ) from None

    def load_checkpoint(
        self, path: str | Path, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Reads the file as tensors and plain values; its folder may have been moved."""
        return relocated(read_checkpoint(path), Path(path).absolute().parent)

    def remove_checkpoint(self, path: str | Path) -> None:
        """Deletes the file, and the one before."""
        for each in (Path(path), previous_path(Path(path))):
            each.unlink(missing_ok=True)


def relocated(checkpoint: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The checkpoint with the paths that ``ModelCheckpoint`` remembers moved to the folder where it lies now.

    Lightning would otherwise forget the best score, and take the next validation for the best.

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
    """Where the checkpoint is that was at ``path`` before."""
    return path.with_name(path.name + BEFORE)


def newest_readable(path: Path) -> tuple[Path | None, list[str]]:
    """The checkpoint at ``path``, or the one before if that is damaged; and what is wrong with those that are.

    Args:
        path: where it should be.

    Returns:
        The file, None if there is none that can be read; a sentence for each that cannot.
    """
    complaints = []
    for each in (path, previous_path(path)):
        if each.exists():
            try:
                read_checkpoint(each)
            except CheckpointError as error:
                complaints.append(str(error))
            else:
                return each, complaints
    return None, complaints
