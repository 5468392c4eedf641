"""Safe reading of checkpoints from any source: tensors and plain values only."""

import io
import pickle
import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import nn

from gequnet.errors import CheckpointError

# Named last in the error message, if the pickle of a refused file names several things.
HARMLESS = ("collections.OrderedDict", "torch.")


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Content of a checkpoint, on the CPU. No code in the file is executed, and no object is built from it.

    The checksum of every part is verified first, as a flipped bit in the weights would otherwise stay unnoticed.

    Args:
        path: of the file, as Lightning writes it.

    Returns:
        The checkpoint; under ``state_dict`` there are tensors by their names.

    Raises:
        CheckpointError: its pickle names code, or it is damaged, or it is no checkpoint.
    """
    path = Path(path)
    try:
        content = _content(path)
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from None
    state = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise CheckpointError(f"{path} holds no state_dict of tensors: give a checkpoint that a training has written.")
    return content


def restore(net: nn.Module, path: str | Path) -> None:
    """Load the weights of a checkpoint, where their names start with ``net.``, into a network: all of them, or none.

    Raises:
        CheckpointError: as ``read_checkpoint``, or the weights belong to another network.
    """
    state = {name.removeprefix("net."): value for name, value in read_checkpoint(path)["state_dict"].items()}
    own = net.state_dict()
    mismatched = [name for name in own if name not in state or state[name].shape != own[name].shape]
    mismatched += [name for name in state if name not in own]
    if mismatched:
        raise CheckpointError(
            f"{path} does not hold the weights of the network that config.yaml beside it describes ({mismatched[0]} is "
            f"missing in one, or differs in shape; {len(mismatched)} of {len(own)} differ): use two files of one run."
        )
    net.load_state_dict(state, strict=True)


def _content(path: Path) -> Any:
    if not zipfile.is_zipfile(path):
        _refuse_bare(path)
    with zipfile.ZipFile(path) as archive:
        if part := _broken_part(archive):
            raise _damaged(path, f"the checksum of {part} in it is wrong")
        pickled = [name for name in archive.namelist() if name.endswith(".pkl")]
        if [name.rpartition("/")[2] for name in pickled] != ["data.pkl"]:  # TorchScript has more of them
            raise _damaged(path, "it is not what torch.save writes")
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            _refuse(path, archive.read(pickled[0]))
            raise _damaged(path, _last_line(error)) from None
        except (RuntimeError, EOFError, LookupError, ValueError) as error:
            raise _damaged(path, _last_line(error)) from None


def _refuse_bare(path: Path) -> NoReturn:
    """Refuse a file that is no zip archive: not written by a training, or truncated."""
    bare = path.read_bytes()
    unfinished = bare.startswith(b"PK")
    if not unfinished:
        _refuse(path, bare)
    raise _damaged(path, "its end is missing" if unfinished else "it is not what torch.save writes")


def _refuse(path: Path, pickled: bytes) -> None:
    """Refuse a pickle that names functions or classes."""
    names = sorted(pickled_names(pickled), key=lambda name: name.startswith(HARMLESS))
    if names:
        raise CheckpointError(
            f"{path} is not safe: reading it would call {names[0]}, and a checkpoint holds tensors and plain values "
            "only. It was not read and nothing in it was executed; do not trust the file or its source, and copy "
            "the run's folder again from where it was trained."
        )


def pickled_names(pickled: bytes) -> Iterator[str]:
    """Full names of the functions and classes in pickles, found without executing them.

    >>> import os
    >>> list(pickled_names(pickle.dumps([os.getcwd, 1.5])))
    ['posix.getcwd']
    """
    file = io.BytesIO(pickled)
    texts = ["", ""]  # the last two: newer protocols push module and name before STACK_GLOBAL
    try:
        while True:
            for operation, value, _ in pickletools.genops(file):
                if operation.name in ("GLOBAL", "INST"):
                    yield str(value).replace(" ", ".")
                elif operation.name == "STACK_GLOBAL":
                    yield ".".join(texts)
                elif operation.name in ("EXT1", "EXT2", "EXT4"):
                    yield f"the registered object {value}"
                if isinstance(value, str):
                    texts = [texts[1], value]
    except (ValueError, EOFError, IndexError, UnicodeDecodeError, OverflowError):  # the end, or no pickle
        return


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


def _broken_part(archive: zipfile.ZipFile) -> str | None:
    try:
        return archive.testzip()
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError):  # or it is not readable
        return archive.filename


def _damaged(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(
        f"{path} cannot be read as a checkpoint ({reason}): it is damaged or was not written to its end. Copy it "
        "again from where the run was trained, or train the run again."
    )
