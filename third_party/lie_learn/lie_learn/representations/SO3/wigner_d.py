"""The real Wigner D matrix, from the eigenvectors of the generator of rotations about y."""

import numpy as np
from numpy.typing import NDArray


def _generator_y(degree: int) -> NDArray[np.complex128]:
    """J_y in the basis m = -l..l of eigenvectors of J_z: half the difference of the ladder operators."""
    m = np.arange(-degree, degree)
    raising = np.diag(np.sqrt(degree * (degree + 1) - m * (m + 1)), -1)
    return (raising - raising.T) / 2j


def _complex_to_real(degree: int) -> NDArray[np.complex128]:
    """Unitary change from complex spherical harmonics (Condon-Shortley phase) to real ones, both by m = -l..l."""
    change = np.zeros((2 * degree + 1, 2 * degree + 1), dtype=complex)
    change[degree, degree] = 1
    for m in range(1, degree + 1):
        plus, minus, sign = degree + m, degree - m, (-1) ** m
        change[plus, plus], change[plus, minus] = sign / np.sqrt(2), 1 / np.sqrt(2)
        change[minus, minus], change[minus, plus] = -1j / np.sqrt(2), sign * 1j / np.sqrt(2)
    return change


def wigner_D_matrix(l: int, alpha: float, beta: float, gamma: float, field: str = "real") -> NDArray[np.float64]:  # noqa: E741, N802
    """Real irreducible representation of degree ``l`` of the rotation Rz(alpha) Ry(beta) Rz(gamma), angles in radians.

    Rows and columns run over m = -l..l. Only ``field="real"`` exists here; it is what escnn asks for.
    """
    if field != "real":
        raise NotImplementedError(f"only the real Wigner D matrix is implemented, not field={field!r}")
    m = np.arange(-l, l + 1)
    eigenvalues, vectors = np.linalg.eigh(_generator_y(l))
    rotation_y = vectors * np.exp(-1j * beta * eigenvalues) @ vectors.conj().T
    complex_d = np.exp(-1j * alpha * m)[:, None] * rotation_y * np.exp(-1j * gamma * m)
    change = _complex_to_real(l)
    return (change @ complex_d @ change.conj().T).real
