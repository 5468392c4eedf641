"""Groups of the plane and the representations that act on fields.

A group here is a compact subgroup of O(2): rotations by multiples of 2π/N (or by every angle), with or without
the mirror image. An element (angle, flip) moves the point x of the plane to R(angle) F^flip x, where R turns
counter-clockwise and F mirrors over the x axis. x points right and y points up, so F turns an image upside down.

Two representations suffice. A *trivial* field is a number at each pixel. A *regular* field is a function on the
group at each pixel, moved by (ρ(g) f)(h) = f(g⁻¹h): for a finite group the list of its values, for SO(2) and O(2)
its Fourier coefficients up to ``max_frequency``.
"""

import math
import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from gequnet.errors import ConfigError

Array = np.ndarray


class Element(NamedTuple):
    """The orthogonal map R(angle) F^flip of the plane; ``angle`` in radians, counter-clockwise."""

    angle: float
    flip: bool = False

    def __matmul__(self, other: "Element") -> "Element":
        """The product: ``other`` first, then ``self``."""
        turned = -other.angle if self.flip else other.angle
        return Element((self.angle + turned) % math.tau, self.flip != other.flip)

    def inverse(self) -> "Element":
        """The inverse element; a mirror is its own inverse."""
        return self if self.flip else Element(-self.angle % math.tau)

    def __str__(self) -> str:
        degrees = f"{math.degrees(self.angle):g}°"
        return f"flip+{degrees}" if self.flip else degrees


MOST_ROTATIONS = 256
"""Largest number of rotations of a finite group, and of samples of an infinite one."""


@dataclass(frozen=True)
class PlaneGroup:
    """A compact group of rotations and mirrors of the plane: C_N, D_N, SO(2) or O(2).

    Args:
        rotations: N, the number of rotations by multiples of 2π/N; ``None`` for every angle.
        reflections: true if the group contains mirrors.
        max_frequency: highest angular frequency of a function on a continuous group; no effect for finite groups.
        samples: number of angles at which a nonlinearity samples such a function. A multiple of four, so that the
            samples are closed under quarter turns, and at least ``2 * max_frequency + 1``.

    Raises:
        ConfigError: the numbers do not describe such a group.
    """

    rotations: int | None
    reflections: bool = False
    max_frequency: int = 3
    samples: int = 16

    def __post_init__(self) -> None:
        if self.rotations is not None and not 1 <= self.rotations <= MOST_ROTATIONS:
            raise ConfigError(f"a group needs 1 to {MOST_ROTATIONS} rotations, got rotations={self.rotations}")
        if self.max_frequency < 1:
            raise ConfigError(f"max_frequency must be at least 1, got {self.max_frequency}")
        if self.samples > MOST_ROTATIONS:
            raise ConfigError(f"samples={self.samples} must be at most {MOST_ROTATIONS}")
        if self.samples % 4 or self.samples <= 2 * self.max_frequency:
            raise ConfigError(
                f"samples={self.samples} must be a multiple of 4 (closed under quarter turns) and more than twice "
                f"max_frequency={self.max_frequency}; take {4 * math.ceil((2 * self.max_frequency + 1) / 4)} or more"
            )

    @classmethod
    def parse(cls, name: str) -> "PlaneGroup":
        """The group called ``c1 … cN``, ``d1 … dN``, ``so2`` or ``o2``.

        >>> PlaneGroup.parse("d4").order()
        8
        """
        continuous = {"so2": False, "o2": True}
        if name in continuous:
            return cls(None, continuous[name])
        match = re.fullmatch(r"([cd])([1-9]\d*)", name)
        if not match:
            raise ConfigError(f"no group is called {name!r}; the names are c1, c2, c4, …, d1, d2, d4, …, so2 and o2")
        return cls(int(match[2]), match[1] == "d")

    @property
    def field_size(self) -> int:
        """Channels of a regular field."""
        return self.regular.size

    def __str__(self) -> str:
        if self.rotations is None:
            return "o2" if self.reflections else "so2"
        return f"{'d' if self.reflections else 'c'}{self.rotations}"

    @property
    def continuous(self) -> bool:
        """True if every angle belongs to the group."""
        return self.rotations is None

    @property
    def flips(self) -> tuple[bool, ...]:
        """Values of ``flip`` in the group: ``(False,)`` without mirrors, ``(False, True)`` with them."""
        return (False, True) if self.reflections else (False,)

    def order(self) -> int | float:
        """Number of elements; infinite for SO(2) and O(2)."""
        return math.inf if self.rotations is None else self.rotations * len(self.flips)

    def elements(self) -> list[Element]:
        """All elements of a finite group, the sampled ones of a continuous group; rotations first, then mirrors."""
        return self.grid(self.rotations or self.samples)

    def grid(self, angles: int) -> list[Element]:
        """The elements whose angle is a multiple of 2π/``angles``."""
        return [Element(math.tau * k / angles, flip) for flip in self.flips for k in range(angles)]

    def contains(self, element: Element) -> bool:
        """True if the element belongs to the group, to 1e-9 radian."""
        if element.flip and not self.reflections:
            return False
        if self.rotations is None:
            return True
        steps = element.angle * self.rotations / math.tau
        return abs(steps - round(steps)) < 1e-9 * self.rotations

    def is_subgroup_of(self, other: "PlaneGroup") -> bool:
        """True if each element of this group belongs to ``other``."""
        return all(other.contains(g) for g in self.elements()) and (other.continuous or not self.continuous)

    def grid_elements(self) -> list[Element]:
        """The elements that map a square grid of pixels to itself: the intersection with D4."""
        return [g for g in PlaneGroup(4, True).elements() if self.contains(g)]

    @property
    def trivial(self) -> "Representation":
        """Trivial representation: numbers that do not change."""
        return Representation(self, "trivial")

    @property
    def regular(self) -> "Representation":
        """Regular representation: functions on the group (bandlimited on a continuous group)."""
        return Representation(self, "regular")


@dataclass(frozen=True)
class Representation:
    """Representation of a group on the field at a pixel: ``trivial`` or ``regular``.

    A regular field of a finite group is the vector of a function's values at ``group.elements()``. Of a continuous
    group it is the vector of the coefficients of 1, √2 cos θ, √2 sin θ, …, √2 sin Fθ, first for the rotations and then,
    in O(2), for the mirrors. This basis is orthonormal for the mean over angles, so the matrices are orthogonal.
    """

    group: PlaneGroup
    kind: Literal["trivial", "regular"]

    def __str__(self) -> str:
        return f"{self.kind}({self.group})"

    @property
    def size(self) -> int:
        """Number of channels of one field."""
        if self.kind == "trivial":
            return 1
        if self.group.rotations is not None:
            return self.group.rotations * len(self.group.flips)
        return (2 * self.group.max_frequency + 1) * len(self.group.flips)

    @property
    def is_permutation(self) -> bool:
        """True if each matrix permutes channels, so that pointwise functions commute with it."""
        return self.kind == "trivial" or not self.group.continuous

    def evaluation(self, elements: list[Element]) -> Float[Array, "points size"]:
        """Matrix from a field to the values of its function at ``elements``."""
        if self.kind == "trivial":
            return np.ones((len(elements), 1))
        angles = np.array([h.angle for h in elements])
        flips = np.array([h.flip for h in elements])
        waves = self._indicators(angles) if self.group.rotations is not None else self._fourier(angles)
        return np.concatenate([waves * (flips == flip)[:, None] for flip in self.group.flips], axis=1)

    def _indicators(self, angles: Float[Array, " points"]) -> Float[Array, "points n"]:
        assert self.group.rotations is not None
        steps = angles * self.group.rotations / math.tau
        assert np.allclose(steps, steps.round(), atol=1e-6), "a finite group's function is defined at its elements only"
        return np.eye(self.group.rotations)[steps.round().astype(int) % self.group.rotations]

    def _fourier(self, angles: Float[Array, " points"]) -> Float[Array, "points n"]:
        phases = angles[:, None] * np.arange(1, self.group.max_frequency + 1)
        waves = math.sqrt(2) * np.stack([np.cos(phases), np.sin(phases)], axis=-1)
        return np.concatenate([np.ones((len(angles), 1)), waves.reshape(len(angles), -1)], axis=1)

    def analysis(self, elements: list[Element]) -> Float[Array, "size points"]:
        """Left inverse of ``evaluation`` on the elements of ``group.grid(n)``, n above twice the highest frequency."""
        values = self.evaluation(elements)
        return values.T / (len(elements) / len(self.group.flips)) if self.group.continuous else values.T

    def matrix(self, element: Element) -> Float[Array, "size size"]:
        """ρ(element), an orthogonal matrix."""
        if self.kind == "trivial":
            return np.ones((1, 1))
        points = self.group.elements()
        inverse = element.inverse()
        return self.analysis(points) @ self.evaluation([inverse @ h for h in points])

    def identity_value(self) -> Float[Array, " size"]:
        """The functional f ↦ f(identity), as a vector; its orbit under the group spans the whole representation."""
        return self.evaluation([Element(0.0)])[0]

    def constant(self) -> Float[Array, " size"]:
        """The field of the constant function 1: the only direction that no element moves."""
        if self.kind == "trivial" or not self.group.continuous:
            return np.ones(self.size)
        harmonic = np.eye(2 * self.group.max_frequency + 1)[0]
        return np.tile(harmonic, len(self.group.flips))


@dataclass(frozen=True)
class FieldType:
    """A number of fields of one representation; it stands where a plain layer has a number of channels.

    >>> str(FieldType(PlaneGroup.parse("c8").regular, 6))
    '6 x regular(c8)'
    """

    representation: Representation
    fields: int

    def __post_init__(self) -> None:
        if self.fields < 1:
            raise ConfigError(f"a layer needs at least 1 field, got {self.fields} x {self.representation}")

    def __str__(self) -> str:
        return f"{self.fields} x {self.representation}"

    def __add__(self, other: "FieldType") -> "FieldType":
        """The type of two maps concatenated along their channels."""
        if self.representation != other.representation:
            raise ConfigError(
                f"cannot concatenate fields of {self.representation} with fields of {other.representation}"
            )
        return FieldType(self.representation, self.fields + other.fields)

    @property
    def group(self) -> PlaneGroup:
        """The group that acts on the fields."""
        return self.representation.group

    @property
    def channels(self) -> int:
        """Length of the channel axis."""
        return self.fields * self.representation.size
