import hashlib
import json
from importlib import resources
from itertools import combinations

import pytest
import torch

from gequnet.data.source import SPLITS
from gequnet.data.splits import label_hash, read_splits

NAMES = sorted(
    path.name.removesuffix(".json")
    for path in resources.files("gequnet.data.splits").iterdir()
    if path.name.endswith(".json")
)


@pytest.mark.parametrize("name", NAMES)
def test_no_image_is_in_two_splits_or_twice_in_one(name):
    splits = read_splits(name)
    for one, other in combinations(SPLITS, 2):
        assert not set(splits.ids[one]) & set(splits.ids[other])
    for split in SPLITS:
        assert splits.ids[split]
        assert len(set(splits.ids[split])) == len(splits.ids[split])


@pytest.mark.parametrize("name", NAMES)
def test_a_split_says_what_it_is_for_and_what_is_known_of_its_labels(name):
    stored = json.loads(resources.files("gequnet.data.splits").joinpath(f"{name}.json").read_text(encoding="utf-8"))
    assert stored["name"] == name
    assert stored["made_for"]
    assert stored["labels_note"].startswith("null:") == (stored["labels_sha256"] is None)


def test_label_hash_is_that_of_size_and_values():
    mask = torch.tensor([[0, 1, 0], [1, 1, 0]], dtype=torch.uint8)
    assert label_hash(mask) == hashlib.sha256(b"2,3" + bytes([0, 1, 0, 1, 1, 0])).hexdigest()[:16]
    assert label_hash(mask) != label_hash(mask.reshape(3, 2))
