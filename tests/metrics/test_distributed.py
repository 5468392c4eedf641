"""Two processes that share the images have the scores of one that has them all."""

import pickle
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from gequnet.metrics.confusion import ConfusionMatrices
from gequnet.metrics.segmentation import SegmentationMetrics

RANKS = 2
BINS = (None, 100)


def metrics(bins):
    full = {"instances": True, "surface": True, "partition": True, "background": "tissue"}
    return SegmentationMetrics(1, "sigmoid", ["vessel"], fov=True, curve_bins=bins, **full)


def image(index):
    generator = torch.Generator().manual_seed(index)
    space = (12 + index, 10)
    mask = torch.randint(0, 2, (1, *space), generator=generator)
    logits = torch.randn(1, 1, *space, generator=generator) + 2 * mask - 1
    # The second rank has no foreground, and so no curve of its own.
    instances = torch.randint(0, 4, (1, *space), generator=generator)
    return logits, mask * (index % RANKS == 0), torch.rand(1, *space, generator=generator) < 0.7, instances


def add(scores, index):
    *case, instances = image(index)
    scores.update(*case, ["image" + "-" * index], instances, torch.tensor([[0.5, 2.0]]))


def confused(indices):
    """With the first image once more, as a sampler repeats it to make the ranks equal."""
    confusion = ConfusionMatrices(1, "sigmoid")
    for index in [*indices, 0]:
        logits, mask, valid, _ = image(index)
        confusion.update(logits, mask, valid, ["image" + "-" * index], 0.5)
    return confusion.compute().tolist()


def score(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=RANKS)
    results = []
    for bins in BINS:
        shared = metrics(bins)
        # Names of different lengths, images of different sizes, and a different number of them.
        for index in range(5)[rank::RANKS]:
            add(shared, index)
        results.append((shared.compute(), shared.per_image()))
    results.append(confused(range(5)[rank::RANKS]))
    (folder / f"{rank}.pickle").write_bytes(pickle.dumps(results))
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_ranks_agree_with_one(tmp_path):
    mp.spawn(score, args=(tmp_path,), nprocs=RANKS)
    for index, bins in enumerate(BINS):
        alone = metrics(bins)
        for number in range(5):
            add(alone, number)
        for rank in range(RANKS):
            scores, rows = pickle.loads((tmp_path / f"{rank}.pickle").read_bytes())[index]
            assert scores == pytest.approx(alone.compute(), abs=1e-12)
            assert sorted(rows, key=lambda row: row["id"]) == alone.per_image()
    for rank in range(RANKS):
        assert pickle.loads((tmp_path / f"{rank}.pickle").read_bytes())[-1] == confused(range(5))
