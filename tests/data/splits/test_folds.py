import pytest
from hypothesis import given
from hypothesis import strategies as st

from gequnet.data.source import SPLITS
from gequnet.data.splits.folds import FoldedSource, blocks, fold_split, folds
from gequnet.errors import ConfigError

SIZES = st.lists(st.integers(1, 7), min_size=3, max_size=40)


def units_of(sizes):
    return [[f"u{unit:02d}_{number}" for number in range(size)] for unit, size in enumerate(sizes)]


class Folded(FoldedSource):
    name = "folded"

    def __init__(self, units, fold, folds=5):
        super().__init__(fold, folds)
        self.units = units

    def dealt(self):
        return folds(self.units, self.folds)

    def load(self, sample_id):
        raise NotImplementedError

    def check(self):
        raise NotImplementedError


@given(sizes=SIZES, k=st.integers(3, 12), seed=st.integers(0, 9))
def test_every_image_is_tested_once_and_units_stay_together(sizes, k, seed):
    k = min(k, len(sizes))
    units = units_of(sizes)
    folding = folds(units, k, seed)
    tested = [i for fold in range(k) for i in fold_split(folding, fold, "test")]
    assert sorted(tested) == sorted(i for unit in units for i in unit)
    for unit in units:
        assert len([ids for ids in folding if set(unit) & set(ids)]) == 1
    lengths = [len(ids) for ids in folding]
    assert max(lengths) - min(lengths) <= max(sizes)
    assert min(lengths) > 0


@given(sizes=SIZES, k=st.integers(3, 12), fold=st.integers(0, 11))
def test_no_image_is_in_two_splits_and_none_is_left_out(sizes, k, fold):
    k = min(k, len(sizes))
    folding = folds(units_of(sizes), k)
    parts = [fold_split(folding, fold % k, split) for split in SPLITS]
    assert sorted(i for ids in parts for i in ids) == sorted(i for ids in folding for i in ids)
    assert all(parts)


@given(sizes=SIZES, order=st.randoms())
def test_the_order_of_the_units_does_not_matter(sizes, order):
    units = units_of(sizes)
    dealt = folds(units, 3)
    order.shuffle(units)
    assert folds(units, 3) == dealt


@given(number=st.integers(3, 60), k=st.integers(3, 12))
def test_blocks_are_runs_of_nearly_one_length(number, k):
    ids = [str(i) for i in range(number)]
    cut = blocks(ids, min(k, number))
    assert [i for block in cut for i in block] == ids
    assert {len(block) for block in cut} <= {number // len(cut), -(-number // len(cut))}


def test_the_folds_are_the_same_for_ever():
    """By hand: the order by sha256sum of '0 a' to '0 f' is e, b, f, a, c, d."""
    assert folds([[name] for name in "abcdef"], 3) == [["a", "e"], ["b", "c"], ["d", "f"]]
    assert folds([[name] for name in "abcdef"], 3, seed=1) != folds([[name] for name in "abcdef"], 3)


def test_validation_is_the_next_fold():
    folding = folds(units_of([1] * 20), 5)
    for fold in range(5):
        source = Folded(units_of([1] * 20), fold)
        assert source.ids("test") == folding[fold]
        assert source.ids("val") == folding[(fold + 1) % 5]
        assert source.folding() == folding


@pytest.mark.parametrize(
    ("fold", "k", "words"),
    [
        (5, 5, "data.source.fold=5 is not one of the 5 folds: give 0 to 4"),
        (-1, 5, "data.source.fold=-1"),
        (0, 2, "data.source.folds=2 are too few"),
    ],
)
def test_a_fold_that_is_none(fold, k, words):
    with pytest.raises(ConfigError, match=words):
        Folded(units_of([1] * 9), fold, k)


def test_more_folds_than_units():
    with pytest.raises(ConfigError, match=r"data\.source\.folds=5 is more than the 4 images .*folds=4 or fewer"):
        Folded(units_of([3] * 4), 0).ids("train")
    with pytest.raises(ConfigError, match="more than the 4 images"):
        blocks(["a", "b", "c", "d"], 5)


def test_a_dataset_without_a_split_of_its_own():
    with pytest.raises(ConfigError, match="folded has no split of its own"):
        Folded(units_of([1] * 9), None).ids("train")
    assert Folded(units_of([1] * 9), None).folding() is None
