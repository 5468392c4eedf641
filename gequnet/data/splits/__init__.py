"""Committed splits: lists of the ids for training, validation and test."""

import hashlib
import json
from dataclasses import dataclass
from importlib import resources

from jaxtyping import UInt8
from torch import Tensor

from gequnet.data.source import SPLITS, Split


@dataclass(frozen=True)
class Splits:
    """A committed split of a dataset.

    Args:
        name: Name of its file.
        made_for: Purpose of the split, with reasons.
        ids: The ids of each split.
        labels: Hash of the labels of each id at the time the split was made; empty if there was no copy of the data.
    """

    name: str
    made_for: str
    ids: dict[Split, list[str]]
    labels: dict[str, str]

    @property
    def everything(self) -> set[str]:
        """The ids of all splits together."""
        return {sample_id for ids in self.ids.values() for sample_id in ids}


def read_splits(name: str) -> Splits:
    """Read the split of this name from the package."""
    text = resources.files("gequnet.data.splits").joinpath(f"{name}.json").read_text(encoding="utf-8")
    stored = json.loads(text)
    return Splits(name, stored["made_for"], {split: stored[split] for split in SPLITS}, stored["labels_sha256"] or {})


def label_hash(mask: UInt8[Tensor, "*shape"]) -> str:
    """First 16 digits of the SHA-256 of size and values, the same for every lossless file format."""
    header = ",".join(map(str, mask.shape)).encode()
    return hashlib.sha256(header + mask.contiguous().numpy().tobytes()).hexdigest()[:16]
