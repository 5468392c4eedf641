"""A rule that splits any dataset: where a subject goes depends on its name and on nothing else."""

import hashlib

from gequnet.data.source import Split

TRAIN, VAL = 0.7, 0.1
"""Shares of the subjects; the others test."""


def split_of(subject: str) -> Split:
    """The split of a subject: a subset is split as the whole is, and a subject that is added moves no other.

    The shares are those that are expected, and in a small dataset they are not met exactly.

    Args:
        subject: A name that is unique to one subject, so that no two images of it part.

    Example:
        >>> [split_of(f"BraTS20_Training_{number:03d}") for number in range(1, 5)]
        ['test', 'test', 'train', 'train']
    """
    digest = hashlib.sha256(subject.encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return "train" if share < TRAIN else "val" if share < TRAIN + VAL else "test"
