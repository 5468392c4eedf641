"""Reader of the log of an offline run of Weights & Biases: LevelDB framing around protocol buffers."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BLOCK, FILE_HEADER, CHUNK_HEADER = 32768, 7, 7
FULL, FIRST, LAST = 1, 2, 4


def records(path: Path) -> Iterator[bytes]:
    """Messages of a log: chunks of at most a block, each with a header of checksum, length and kind."""
    data, at, message = path.read_bytes(), FILE_HEADER, b""
    while at + CHUNK_HEADER <= len(data):
        left = BLOCK - at % BLOCK
        if left < CHUNK_HEADER:
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        at += CHUNK_HEADER
        message = data[at : at + length] if kind in (FULL, FIRST) else message + data[at : at + length]
        at += length
        if kind in (FULL, LAST):
            yield message


@dataclass
class Session:
    """Content of one session: ``run`` is its latest run record, ``exit_code`` is None if it was not finished."""

    path: Path
    run: Any = None
    history: list[dict[str, Any]] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    artifacts: dict[str, Any] = field(default_factory=dict)
    steps_of: set[str] = field(default_factory=set)
    arguments: list[str] = field(default_factory=list)
    exit_code: int | None = None

    @property
    def tags(self) -> set[str]:
        return set(self.run.tags)

    def inputs(self) -> dict[str, set[str]]:
        """Files of the input artifacts, by their names."""
        return self._files(used=True)

    def outputs(self) -> dict[str, set[str]]:
        """Files of the output artifacts, without the tables of the history."""
        return {name: files for name, files in self._files(used=False).items() if not name.startswith("run-")}

    def _files(self, used: bool) -> dict[str, set[str]]:
        of_kind = {name: each for name, each in self.artifacts.items() if each.use_after_commit == used}
        return {name: {entry.path for entry in each.manifest.contents} for name, each in of_kind.items()}


def sessions(folder: Path) -> list[Session]:
    """Offline sessions in the folder of a run, in the order of their start."""
    paths = sorted(folder.glob("wandb/offline-run-*/run-*.wandb"), key=lambda path: path.stat().st_mtime_ns)
    return [_session(path) for path in paths]


def read(folder: Path) -> Session:
    """Only session in a folder."""
    (session,) = sessions(folder)
    return session


def _session(path: Path) -> Session:
    from wandb.proto.wandb_internal_pb2 import Record

    session = Session(path)
    for message in records(path):
        record = Record()
        record.ParseFromString(message)
        kind = record.WhichOneof("record_type")
        for item in [*record.run.config.update, *record.config.update]:
            session.config[item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
        if kind == "run":
            session.run = record.run
        elif kind == "history":
            row = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            session.history.append(row)
        elif kind == "artifact":
            session.artifacts[record.artifact.name] = record.artifact
        elif kind == "metric":
            session.steps_of.add(record.metric.step_metric)
        elif kind == "environment":
            session.arguments += record.environment.args
        elif kind == "exit":
            session.exit_code = record.exit.exit_code
    return session
