"""Distances between surfaces: closed forms of boxes, SciPy's distance transform, areas by marching cubes."""

from functools import lru_cache
from math import hypot, sqrt

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion, distance_transform_edt
from skimage.measure import find_contours, marching_cubes, mesh_surface_area

from gequnet.errors import ConfigError
from gequnet.metrics.surface_distances import hd95, surface_dice

FLOAT32_TOLERANCE = 1e-5  # MONAI computes in float32
lengths = st.sampled_from([0.5, 0.9765625, 1.0, 3.0])


def box(space, *sides):
    """True between the given bounds of each axis."""
    mask = torch.zeros(space, dtype=torch.bool)
    mask[tuple(slice(*side) for side in sides)] = True
    return mask


def ellipsoid(space, centre, radii):
    axes = torch.meshgrid(*[torch.arange(side) for side in space], indexing="ij")
    return sum(((x - c) / r) ** 2 for x, c, r in zip(axes, centre, radii, strict=True)) < 1


@st.composite
def pairs(draw, dims):
    """Two ellipsoids in an image, which may touch its border, and a spacing."""
    space = draw(st.tuples(*[st.integers(8, 12)] * dims))
    drawn = [
        ellipsoid(
            space,
            [draw(st.floats(2, side - 3)) for side in space],
            [draw(st.floats(1.5, 4)) for _ in space],
        )
        for _ in range(2)
    ]
    assume(all(mask.any() for mask in drawn))
    return *drawn, draw(st.lists(lengths, min_size=dims, max_size=dims))


def border(mask):
    return mask.numpy() & ~binary_erosion(mask.numpy())


def percentile_by_scipy(preds, target, spacing):
    ours, theirs = border(preds), border(target)
    to_theirs = distance_transform_edt(~theirs, sampling=spacing)[ours]
    to_ours = distance_transform_edt(~ours, sampling=spacing)[theirs]
    return max(np.percentile(to_theirs, 95), np.percentile(to_ours, 95))


@lru_cache
def area_in_cell(corners, spacing):
    """The surface between the 4 or 8 pixels of a cell: a length, or an area."""
    cell = np.array(corners, dtype=float).reshape([2] * len(spacing))
    if len(spacing) == 2:
        lines = find_contours(cell, 0.5)
        return sum(np.linalg.norm(np.diff(line, axis=0) * spacing, axis=1).sum() for line in lines)
    vertices, faces, *_ = marching_cubes(cell, 0.5, spacing=spacing, method="lorensen")
    return mesh_surface_area(vertices, faces)


def surface_elements(mask, spacing):
    """For each place between the pixels the area of the surface that passes through it."""
    pixels = np.pad(mask.numpy(), 1)
    areas = np.zeros([side - 1 for side in pixels.shape])
    for place in np.ndindex(*areas.shape):
        cell = pixels[tuple(slice(first, first + 2) for first in place)]
        if cell.any() and not cell.all():
            areas[place] = area_in_cell(tuple(cell.ravel().tolist()), tuple(spacing))
    return areas


def share_within(preds, target, spacing, tolerance):
    ours, theirs = surface_elements(preds, spacing), surface_elements(target, spacing)
    to_theirs = distance_transform_edt(theirs == 0, sampling=spacing)
    to_ours = distance_transform_edt(ours == 0, sampling=spacing)
    near = ours[to_theirs <= tolerance].sum() + theirs[to_ours <= tolerance].sum()
    return near / (ours.sum() + theirs.sum())


@pytest.mark.parametrize("dims", [2, 3])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_hd95_is_what_distance_transforms_say(dims, data):
    preds, target, spacing = data.draw(pairs(dims))
    found = hd95(preds, target, spacing=spacing).item()
    assert found == pytest.approx(percentile_by_scipy(preds, target, spacing), rel=FLOAT32_TOLERANCE)


@pytest.mark.parametrize("dims", [2, 3])
@settings(max_examples=15, deadline=None)
@given(data=st.data(), tolerance=st.sampled_from([0.0, 0.8, 1.7, 4.1]))  # none of them the distance of two voxels
def test_surface_dice_is_what_marching_cubes_and_distance_transforms_say(dims, data, tolerance):
    preds, target, spacing = data.draw(pairs(dims))
    found = surface_dice(preds, target, spacing=spacing, tolerance=tolerance).item()
    assert found == pytest.approx(share_within(preds, target, spacing, tolerance), abs=FLOAT32_TOLERANCE)


@pytest.mark.parametrize("shift", [1, 2, 3])
def test_a_shifted_cube_is_as_far_as_it_was_shifted(shift):
    # Along an axis whole faces move, a quarter of all voxels of this surface, so that the percentile is the shift.
    cube = box((20, 20, 20), (4, 12), (4, 12), (4, 12))
    for axis, length in enumerate((0.5, 1.0, 2.5)):
        found = hd95(cube.roll(shift, axis), cube, spacing=[0.5, 1.0, 2.5])
        assert found.item() == pytest.approx(shift * length)
    diagonal = hd95(box((30, 30), (4, 5), (4, 5)), box((30, 30), (4 + shift, 5 + shift), (8, 9)), spacing=[2.0, 3.0])
    assert diagonal.item() == pytest.approx(hypot(2 * shift, 12))


@pytest.mark.parametrize("gap", [1, 2, 3])
def test_concentric_squares_by_hand(gap):
    # Between the pixels a square of n pixels has sides of n - 1 and corners that are cut off, of length sqrt(1/2). All
    # of the inner one is `gap` away from the outer one; of the outer one what lies opposite to it, n + 1 on each side.
    n, corner = 6, sqrt(0.5)
    inner, outer = box((20, 20), (7, 7 + n), (7, 7 + n)), box((20, 20), *[(7 - gap, 7 + n + gap)] * 2)
    inner_length, outer_length = 4 * (n - 1 + corner), 4 * (n + 2 * gap - 1 + corner)
    expected = (inner_length + 4 * (n + 1)) / (inner_length + outer_length)
    assert surface_dice(inner, outer, tolerance=float(gap)).item() == pytest.approx(expected)
    assert surface_dice(inner, outer, tolerance=gap - 0.1).item() == 0


@pytest.mark.parametrize("space", [(9, 8), (6, 5, 7)])
def test_empty_masks(space):
    empty, some = torch.zeros(space, dtype=torch.bool), box(space, *[(2, 4)] * len(space))
    spacing = [1.0, 2.0, 3.0][: len(space)]
    diagonal = sqrt(sum((side * length) ** 2 for side, length in zip(space, spacing, strict=True)))
    assert hd95(empty, empty, spacing=spacing) == 0
    assert surface_dice(empty, empty) == 1
    for preds, target in ((empty, some), (some, empty)):
        assert hd95(preds, target, spacing=spacing).item() == pytest.approx(diagonal)
        assert surface_dice(preds, target) == 0


def test_a_missed_tumour_of_the_brats_challenge():
    some = box((240, 240, 155), (100, 110), (100, 110), (70, 80))
    assert hd95(torch.zeros_like(some), some, spacing=[1.0, 1.0, 1.0]).item() == pytest.approx(373.13, abs=5e-3)


@pytest.mark.parametrize("score", [hd95, surface_dice])
def test_what_is_outside_valid_does_not_count(score):
    preds, target = box((12, 12), (2, 6), (2, 6)), box((12, 12), (2, 7), (2, 6))
    valid = box((12, 12), (0, 12), (0, 8))
    other = preds | box((12, 12), (9, 11), (9, 11))
    assert score(other, target) != score(preds, target)
    assert score(other, target, valid) == score(preds, target, valid) == score(preds, target)
    assert score(preds, target, torch.zeros_like(valid)).isnan()


def test_lengths_scale_with_the_spacing():
    preds, target = ellipsoid((14, 13, 12), (6, 6, 5), (5, 4, 3)), ellipsoid((14, 13, 12), (7, 5, 6), (4, 4, 4))
    spacing = torch.tensor([0.5, 1.0, 1.5])
    assert hd95(preds, target, spacing=3 * spacing).item() == pytest.approx(
        3 * hd95(preds, target, spacing=spacing).item()
    )
    once = surface_dice(preds, target, spacing=spacing, tolerance=0.7)
    thrice = surface_dice(preds, target, spacing=3 * spacing, tolerance=2.1)
    assert once.item() == pytest.approx(thrice.item(), abs=FLOAT32_TOLERANCE)


@pytest.mark.parametrize("score", [hd95, surface_dice])
@pytest.mark.parametrize("spacing", [[1.0], [1.0, 0.0], [1.0, -2.0]])
def test_a_spacing_that_does_not_fit_gets_a_sentence(score, spacing):
    some = box((5, 5), (1, 3), (1, 3))
    with pytest.raises(ConfigError, match="does not fit a mask of shape"):
        score(some, some, spacing=spacing)


def test_a_negative_tolerance_gets_a_sentence():
    some = box((5, 5), (1, 3), (1, 3))
    with pytest.raises(ConfigError, match="tolerance_mm"):
        surface_dice(some, some, tolerance=-1.0)
