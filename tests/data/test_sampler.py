import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import Dataset

from gequnet.data import sampler
from gequnet.data.sampler import EpochSampler, RankSampler, RepeatedIndex, ResumableLoader, generator_for


class Keys(Dataset):
    """Dataset whose samples are the keys themselves."""

    def __getitem__(self, key):
        return torch.tensor(key)


def batches(loader):
    return [[tuple(key) for key in batch.tolist()] for batch in loader]


def loader(length=20, batch_size=4, seed=0, workers=0):
    return ResumableLoader(Keys(), EpochSampler(length, batch_size, seed), workers)


def ranks(monkeypatch, world, make):
    """Result of ``make`` on each of ``world`` ranks."""
    results = []
    for rank in range(world):
        monkeypatch.setattr(sampler, "_rank_and_world_size", lambda rank=rank: (rank, world))
        results.append(make())
    return results


def test_an_epoch_holds_every_index_once_in_an_order_of_its_own():
    loader_ = loader()
    first = [key for batch in batches(loader_) for key in batch]
    loader_.sampler.set_epoch(1)
    second = [key for batch in batches(loader_) for key in batch]
    assert sorted(first) == [(0, index) for index in range(20)]
    assert sorted(second) == [(1, index) for index in range(20)]
    assert [i for _, i in first] != [i for _, i in second] != list(range(20))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 8), st.integers(0, 3), st.integers(0, 50))
def test_resumed_after_any_batch_the_rest_is_the_same(length, batch_size, epoch, stop):
    whole = loader(length, batch_size)
    whole.sampler.set_epoch(epoch)
    expected = batches(whole)
    stop = min(stop, len(expected))
    broken = loader(length, batch_size)
    broken.sampler.set_epoch(epoch)
    iterator = iter(broken)
    seen = [[tuple(key) for key in next(iterator).tolist()] for _ in range(stop)]
    resumed = loader(length, batch_size)
    resumed.load_state_dict(broken.state_dict())
    resumed.sampler.set_epoch(epoch)
    assert seen + batches(resumed) == expected
    assert len(resumed) == len(expected)


def test_what_workers_fetched_ahead_does_not_count_as_consumed():
    ahead = loader(workers=1)
    iterator = iter(ahead)
    next(iterator)
    assert ahead.state_dict() == {"epoch": 0, "consumed": 1}
    resumed = loader()
    resumed.load_state_dict(ahead.state_dict())
    assert batches(resumed) == batches(loader())[1:]


def test_a_new_epoch_starts_at_its_beginning():
    resumed = loader()
    resumed.load_state_dict({"epoch": 2, "consumed": 5})
    resumed.sampler.set_epoch(3)
    assert len(batches(resumed)) == 5
    assert resumed.state_dict() == {"epoch": 3, "consumed": 5}


def test_after_a_resumed_epoch_the_next_is_whole():
    resumed = loader()
    resumed.load_state_dict({"epoch": 0, "consumed": 3})
    assert [len(batches(resumed)) for _ in range(2)] == [2, 5]


@pytest.mark.parametrize("world", [2, 4])
def test_ranks_share_the_batches_of_one_process(monkeypatch, world):
    alone = list(EpochSampler(40, 8, seed=3))
    shares = ranks(monkeypatch, world, lambda: list(EpochSampler(40, 8 // world, seed=3)))
    each = 8 // world
    together = [key for batch in range(5) for share in shares for key in share[batch * each : (batch + 1) * each]]
    assert together == alone


@pytest.mark.parametrize("length", [1, 7, 8])
def test_ranks_share_the_whole_images_without_repeating_one(monkeypatch, length):
    shares = ranks(monkeypatch, 3, lambda: list(RankSampler(range(length))))
    new = [index for share in shares for index in share if not isinstance(index, RepeatedIndex)]
    assert sorted(new) == list(range(length))


def test_a_rank_without_an_image_of_its_own_repeats_one(monkeypatch):
    shares = ranks(monkeypatch, 5, lambda: list(RankSampler(range(2))))
    assert shares == [[0], [1], [0], [1], [0]]
    assert [isinstance(share[0], RepeatedIndex) for share in shares] == [False, False, True, True, True]


@pytest.mark.parametrize("length", [3, 8])
def test_lengths_are_those_of_what_comes(length):
    for made in (EpochSampler(length, 2, 0), RankSampler(range(length))):
        assert len(made) == len(list(made))


def test_a_generator_depends_on_every_part():
    draws = {
        torch.rand((), generator=generator_for(*parts)).item() for parts in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (0, 12))
    }
    assert len(draws) == 4
    assert generator_for(5, "x").get_state().equal(generator_for(5, "x").get_state())
