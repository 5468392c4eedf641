"""Which image trains, which selects a checkpoint and which judges: committed lists of ids."""

import hashlib
import json
from dataclasses import dataclass
from importlib import resources

from jaxtyping import UInt8
from torch import Tensor

from gequnet.data.source import SPLITS, Split


@dataclass(frozen=True)
class Splits:
    """A committed split.

    Args:
        name: Name of its file.
        made_for: What it was made for, and why so.
        ids: The ids of each split.
        labels: For each id the hash of the labels that the split was made for; empty where no copy was at
            hand.
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
    """The split of this name, from the package."""
    text = resources.files("gequnet.data.splits").joinpath(f"{name}.json").read_text(encoding="utf-8")
    stored = json.loads(text)
    return Splits(name, stored["made_for"], {split: stored[split] for split in SPLITS}, stored["labels_sha256"] or {})


def label_hash(mask: UInt8[Tensor, "*shape"]) -> str:
    """The first 16 digits of the SHA-256 of size and values: the same for every lossless file format."""
    header = ",".join(map(str, mask.shape)).encode()
    return hashlib.sha256(header + mask.contiguous().numpy().tobytes()).hexdigest()[:16]
