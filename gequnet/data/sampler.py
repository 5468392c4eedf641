"""Which sample comes next: keys (epoch, index) that mean the same on every rank and after a resumption."""

import hashlib
from collections.abc import Iterator, Sequence, Sized
from typing import Any

import torch
from torch import distributed
from torch.utils.data import DataLoader, Sampler

Key = tuple[int, int]


def generator_for(*parts: int | str) -> torch.Generator:
    """A generator whose state is a function of ``parts`` alone, on every machine."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)


class EpochSampler(Sampler[Key]):
    """Keys ``(epoch, index)``: each epoch all indices once, in an order fixed by (seed, epoch).

    Global batch number *b* holds the positions ``b * G … (b + 1) * G - 1`` of the order, ``G = batch_size *
    world``, and rank *r* takes those from ``r * batch_size`` of them on. So one process with batch 8 and two
    with batch 4 see the same samples in the same steps. The indices that fill no whole global batch are left
    out in that epoch.

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
        """Go to this epoch; what was consumed of another one no longer counts. Lightning calls it."""
        if epoch != self.epoch:
            self.epoch, self.first_batch, self.consumed = epoch, 0, 0

    def num_batches(self) -> int:
        """Batches in a whole epoch on this rank."""
        return self.length // (self.batch_size * _rank_and_world()[1])

    def __len__(self) -> int:
        return self.num_batches() * self.batch_size

    def __iter__(self) -> Iterator[Key]:
        first, self.first_batch = self.first_batch, 0
        rank, world = _rank_and_world()
        order = torch.randperm(self.length, generator=generator_for(self.seed, "order", self.epoch)).tolist()
        for batch in range(first, self.num_batches()):
            start = (batch * world + rank) * self.batch_size
            yield from ((self.epoch, index) for index in order[start : start + self.batch_size])


class Repeated(int):
    """An index that another process has as well."""


class RankSampler(Sampler[int]):
    """Every index once over all ranks: rank *r* of *w* takes r, r + w and so on.

    A rank that there is no index for gets one that is ``Repeated``: ranks have to go through an evaluation together.
    """

    def __init__(self, dataset: Sized) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self._indices())

    def __iter__(self) -> Iterator[int]:
        return iter(self._indices())

    def _indices(self) -> Sequence[int]:
        (rank, world), number = _rank_and_world(), len(self.dataset)
        return range(rank, number, world) if rank < number or number == 0 else [Repeated(rank % number)]


class ResumableLoader(DataLoader):
    """A ``DataLoader`` over an ``EpochSampler`` that remembers how many batches were *consumed*.

    What workers have fetched ahead does not count, so a checkpoint resumes with the very next batch.
    Lightning finds ``state_dict`` and ``load_state_dict`` and calls them with the checkpoint.

    Args:
        dataset: Indexed by keys.
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
            generator=torch.Generator(),  # an epoch that begins draws from it, and not from what dropout draws from
        )
        self.keys = keys

    # A generator: nothing is fetched before the first batch is asked for, and by then Lightning has set the
    # epoch.
    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        self.keys.consumed = self.keys.first_batch
        for batch in super().__iter__():
            self.keys.consumed += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """The epoch, and how many of its batches this loader has handed out."""
        return {"epoch": self.keys.epoch, "consumed": self.keys.consumed}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue after the last consumed batch of the epoch that was saved."""
        self.keys.epoch = state["epoch"]
        self.keys.first_batch = self.keys.consumed = state["consumed"]


def _rank_and_world() -> tuple[int, int]:
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1
