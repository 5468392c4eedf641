import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gequnet.errors import ConfigError
from gequnet.symmetry.gspace import Element, FieldType, PlaneGroup

NAMES = ["c1", "c2", "c4", "c8", "c16", "d1", "d2", "d4", "d8", "d16", "so2", "o2"]


def plane_matrix(g: Element) -> np.ndarray:
    """Matrix of an element of the plane, written by hand."""
    c, s = math.cos(g.angle), math.sin(g.angle)
    return np.array([[c, -s], [s, c]]) @ np.diag([1, -1 if g.flip else 1])


elements = st.builds(Element, st.floats(0, math.tau), st.booleans())


@given(elements, elements)
def test_product_and_inverse_are_those_of_the_matrices(a, b):
    np.testing.assert_allclose(plane_matrix(a @ b), plane_matrix(a) @ plane_matrix(b), atol=1e-12)
    np.testing.assert_allclose(plane_matrix(a.inverse()), np.linalg.inv(plane_matrix(a)), atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_regular_representation_is_an_orthogonal_homomorphism(name):
    group = PlaneGroup.parse(name)
    rho = group.regular
    some = group.elements() if not group.continuous else [Element(0.3), Element(2.0), *group.elements()[-3:]]
    for g in some[:6]:
        assert np.allclose(rho.matrix(g) @ rho.matrix(g).T, np.eye(rho.size), atol=1e-12)
        for h in some[-6:]:
            np.testing.assert_allclose(rho.matrix(g @ h), rho.matrix(g) @ rho.matrix(h), atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_regular_character_counts_fixed_points(name):
    """The trace is |G| at the identity and 0 elsewhere; its average counts the trivial parts: one."""
    group = PlaneGroup.parse(name)
    traces = [np.trace(group.regular.matrix(g)) for g in group.elements()]
    assert traces[0] == pytest.approx(group.regular.size)
    assert np.mean(traces) == pytest.approx(1)
    if not group.continuous:
        assert np.allclose(traces[1:], 0)


@pytest.mark.parametrize("name", NAMES)
def test_no_element_moves_the_constant(name):
    group = PlaneGroup.parse(name)
    constant = group.regular.constant()
    for g in group.elements():
        np.testing.assert_allclose(group.regular.matrix(g) @ constant, constant, atol=1e-12)
    np.testing.assert_allclose(group.regular.evaluation(group.elements()) @ constant, 1)


@pytest.mark.parametrize(
    ("name", "order", "on_the_grid"),
    [("c1", 1, 1), ("c2", 2, 2), ("c4", 4, 4), ("c8", 8, 4), ("d1", 2, 2), ("d2", 4, 4), ("d4", 8, 8), ("d16", 32, 8)]
    + [("c3", 3, 1), ("c6", 6, 2), ("d3", 6, 2), ("so2", math.inf, 4), ("o2", math.inf, 8)],
)
def test_order_and_elements_that_keep_the_grid(name, order, on_the_grid):
    group = PlaneGroup.parse(name)
    assert str(group) == name
    assert group.order() == order
    assert len(group.grid_elements()) == on_the_grid


@pytest.mark.parametrize(
    ("small", "large", "yes"),
    [("c4", "c8", True), ("c8", "c4", False), ("d4", "d8", True), ("d4", "c8", False), ("c3", "c8", False)]
    + [("c4", "so2", True), ("d4", "so2", False), ("d4", "o2", True), ("so2", "o2", True), ("so2", "c16", False)],
)
def test_subgroups(small, large, yes):
    assert PlaneGroup.parse(small).is_subgroup_of(PlaneGroup.parse(large)) is yes


@pytest.mark.parametrize("name", ["c0", "e8", "d", "so3", "C4"])
def test_an_unknown_name_lists_the_known(name):
    with pytest.raises(ConfigError, match="so2 and o2"):
        PlaneGroup.parse(name)


def test_samples_must_be_closed_under_quarter_turns_and_enough():
    with pytest.raises(ConfigError, match="take 8 or more"):
        PlaneGroup(None, samples=6)
    with pytest.raises(ConfigError, match="take 16 or more"):
        PlaneGroup(None, max_frequency=6, samples=12)


def test_field_types_add_up_and_print():
    c8 = PlaneGroup.parse("c8")
    both = FieldType(c8.regular, 2) + FieldType(c8.regular, 3)
    assert (both.fields, both.channels, str(both)) == (5, 40, "5 x regular(c8)")
    with pytest.raises(ConfigError, match="cannot concatenate"):
        FieldType(c8.regular, 2) + FieldType(c8.trivial, 2)
    with pytest.raises(ConfigError, match="at least 1 field"):
        FieldType(c8.regular, 0)
