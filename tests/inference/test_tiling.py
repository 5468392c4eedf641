"""Window starts and weights: the whole axis is covered, and they are symmetric."""

from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st

from gequnet.inference.tiling import Tiling, window_starts, window_weights

AXES = st.integers(1, 40).flatmap(lambda window: st.tuples(st.integers(window, 400), st.just(window)))
OVERLAPS = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.8]), st.floats(0, 0.99))


@given(axis=AXES, overlap=OVERLAPS)
def test_windows_are_mirror_images_of_themselves_and_leave_nothing_out(axis: tuple[int, int], overlap: float) -> None:
    side, window = axis
    found = window_starts(side, window, overlap)
    assert found == [side - window - first for first in reversed(found)]
    assert found[0] == 0
    steps = [after - before for before, after in pairwise(found)]
    longest = max(1, int(window * (1 - overlap) + 1e-9))
    assert all(1 <= step <= longest for step in steps)


@given(axis=AXES, overlap=OVERLAPS)
def test_there_are_hardly_more_windows_than_are_needed(axis: tuple[int, int], overlap: float) -> None:
    side, window = axis
    longest = max(1, int(window * (1 - overlap) + 1e-9))
    assert len(window_starts(side, window, overlap)) <= -(-(side - window) // longest) + 2


@given(axis=AXES, overlap=OVERLAPS)
def test_shares_are_mirror_images_and_add_up_to_one(axis: tuple[int, int], overlap: float) -> None:
    found = window_weights(*axis, overlap)
    assert torch.equal(found, found.flip(0, 1))
    total = torch.zeros(axis[0])
    for first, row in zip(window_starts(*axis, overlap), found, strict=True):
        total[first : first + axis[1]] += row
    torch.testing.assert_close(total, torch.ones(axis[0]))


def test_a_tiling_covers_all_axes() -> None:
    tiling = Tiling.over([20, 7, 13], [8, 8, 6], 0.5)
    assert tiling.window == (8, 7, 6)
    total = torch.zeros(tiling.space)
    for corner in tiling:
        total[tiling.part(corner)] += tiling.weight(corner)
    torch.testing.assert_close(total, torch.ones(tiling.space))
    assert len(list(tiling)) == len(tiling) == 4 * 1 * 4
