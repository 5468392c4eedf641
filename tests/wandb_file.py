"""Reads what an offline run of Weights & Biases wrote: LevelDB framing around protocol buffers."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK, FILE_HEADER, CHUNK_HEADER = 32768, 7, 7
FULL, FIRST, LAST = 1, 2, 4


def records(path: Path) -> Iterator[bytes]:
    """The messages of a log: chunks of at most a block, each headed by checksum, length and kind."""
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


def read(folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any], set[str]]:
    """The rows of the history, the configuration and the tags of the one run in a folder."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    history: list[dict[str, Any]] = []
    config: dict[str, Any] = {}
    tags: set[str] = set()
    for message in records(path):
        record = Record()
        record.ParseFromString(message)
        items = [*record.run.config.update, *record.config.update]
        tags |= set(record.run.tags)
        config |= {item.key: json.loads(item.value_json) for item in items}
        if record.history.item:
            history.append(
                {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            )
    return history, config, tags
