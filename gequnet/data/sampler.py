"""Samplers with keys (epoch, index) that mean the same on every rank, and a loader that resumes mid-epoch."""

import hashlib
from collections.abc import Iterator, Sequence, Sized
from typing import Any

import torch
from torch import distributed
from torch.utils.data import DataLoader, Sampler

Key = tuple[int, int]


def generator_for(*parts: int | str) -> torch.Generator:
    """A random generator whose state is a function of ``parts`` alone, on every machine."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)


class EpochSampler(Sampler[Key]):
    """Sampler of keys ``(epoch, index)``: each epoch has all indices once, in an order fixed by (seed, epoch).

    Global batch *b* holds the positions ``b * G … (b + 1) * G - 1`` of the order, with ``G = batch_size * world_size``.
    Rank *r* takes ``batch_size`` of them, from position ``r * batch_size`` on. So one process with batch size 8 and two
    with batch size 4 see the same samples in the same steps. Indices that do not fill a global batch are left out in
    that epoch.

    Args:
        length: Number of samples in an epoch, over all ranks.
        batch_size: Samples per batch on one rank.
        seed: Seed of the run.
    """

    def __init__(self, length: int, batch_size: int, seed: int) -> None:
        self.length, self.batch_size, self.seed = length, batch_size, seed
        self.epoch = 0
        self.consumed = 0
        self.first_batch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, and reset the count of consumed batches if it is another one. Lightning calls this."""
        if epoch != self.epoch:
            self.epoch, self.first_batch, self.consumed = epoch, 0, 0

    def num_batches(self) -> int:
        """Number of batches in a whole epoch on this rank."""
        return self.length // (self.batch_size * _rank_and_world_size()[1])

    def __len__(self) -> int:
        return self.num_batches() * self.batch_size

    def __iter__(self) -> Iterator[Key]:
        first, self.first_batch = self.first_batch, 0
        rank, world = _rank_and_world_size()
        order = torch.randperm(self.length, generator=generator_for(self.seed, "order", self.epoch)).tolist()
        for batch in range(first, self.num_batches()):
            start = (batch * world + rank) * self.batch_size
            yield from ((self.epoch, index) for index in order[start : start + self.batch_size])


class RepeatedIndex(int):
    """An index that another process has too."""


class RankSampler(Sampler[int]):
    """Sampler of every index once over all ranks: rank *r* of *w* takes r, r + w and so on.

    A rank without an index of its own gets a ``RepeatedIndex``, since all ranks must take part in an evaluation.
    """

    def __init__(self, dataset: Sized) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self._indices())

    def __iter__(self) -> Iterator[int]:
        return iter(self._indices())

    def _indices(self) -> Sequence[int]:
        (rank, world), number = _rank_and_world_size(), len(self.dataset)
        return range(rank, number, world) if rank < number or number == 0 else [RepeatedIndex(rank % number)]


class ResumableLoader(DataLoader):
    """A ``DataLoader`` over an ``EpochSampler`` that remembers how many batches were *consumed*.

    Batches that workers have loaded ahead do not count, so a checkpoint resumes with the next batch. Lightning calls
    ``state_dict`` and ``load_state_dict`` with the checkpoint.

    Args:
        dataset: Dataset that is indexed by keys.
        keys: The sampler.
        num_workers: Worker processes, 0 for none.
    """

    def __init__(self, dataset: Any, keys: EpochSampler, num_workers: int = 0) -> None:
        super().__init__(
            dataset,
            batch_size=keys.batch_size,
            sampler=keys,
            drop_last=True,
            num_workers=num_workers,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=num_workers > 0,
            generator=torch.Generator(),  # keeps the start of an epoch from changing the state that dropout uses
        )
        self.keys = keys

    # A generator, so that loading starts with the first batch, when Lightning has set the epoch.
    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        self.keys.consumed = self.keys.first_batch
        for batch in super().__iter__():
            self.keys.consumed += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """The epoch and the number of its batches that were consumed."""
        return {"epoch": self.keys.epoch, "consumed": self.keys.consumed}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue after the last consumed batch of the epoch that was saved."""
        self.keys.epoch = state["epoch"]
        self.keys.first_batch = self.keys.consumed = state["consumed"]


def _rank_and_world_size() -> tuple[int, int]:
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1
