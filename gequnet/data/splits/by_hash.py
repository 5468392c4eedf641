"""Split of any dataset by the hash of a subject's name alone."""

import hashlib

from gequnet.data.source import Split

TRAIN, VAL = 0.7, 0.1
"""Shares of the subjects for training and validation; the others are for the test."""


def split_of(subject: str) -> Split:
    """The split of a subject. It stays the same in a subset of the dataset and when subjects are added.

    Shares are expected values, and a small dataset does not meet them exactly.

    Args:
        subject: Name that is unique to the subject, so that all its images are in one split.

    Example:
        >>> [split_of(f"BraTS20_Training_{number:03d}") for number in range(1, 5)]
        ['test', 'test', 'train', 'train']
    """
    digest = hashlib.sha256(subject.encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return "train" if share < TRAIN else "val" if share < TRAIN + VAL else "test"
