"""Steerable kernels of e2cnn, for comparison."""

import math
import warnings
from typing import Any

import numpy as np
import torch

from gequnet.symmetry.gspace import Element, PlaneGroup
from helpers.intertwiner import intertwiner

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from e2cnn import gspaces, nn
    from e2cnn.kernels import irreps_basis
    from e2cnn.kernels import utils as kernel_utils

# Their hashes call ndarray.tostring, which numpy 2.3 removed; equal bases still get equal hashes without it.
for basis_class in vars(irreps_basis).values():
    if isinstance(basis_class, type) and "__hash__" in vars(basis_class):
        basis_class.__hash__ = lambda self: hash((type(self).__name__, self.in_irrep, self.out_irrep))


class NumpyOne:
    """numpy with ``copy=False`` as before numpy 2: copy only if needed."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def array(self, value: Any, copy: bool = True, **options: Any) -> np.ndarray:
        return np.array(value, copy=copy or None, **options)


kernel_utils.np = NumpyOne()


def gspace(group: PlaneGroup) -> Any:
    """e2cnn's space for one of our finite groups; mirrors over the x axis, as ours."""
    if group.reflections:
        return gspaces.Flip2dOnR2(0.0) if group.rotations == 1 else gspaces.FlipRot2dOnR2(group.rotations, axis=0.0)
    return gspaces.TrivialOnR2() if group.rotations == 1 else gspaces.Rot2dOnR2(group.rotations)


def as_element(group: PlaneGroup, theirs: int | tuple[int, int]) -> Element:
    """Our notation for an element of e2cnn: number of rotations, or mirror and number of rotations."""
    if group.reflections and group.rotations == 1:
        return Element(0.0, bool(theirs))
    flip, turns = theirs if isinstance(theirs, tuple) else (0, theirs)
    return Element(math.tau * turns / (group.rotations or 1), bool(flip))


def random_kernel(group: PlaneGroup, kernel_size: int) -> tuple[torch.Tensor, int]:
    """Random filter between regular fields in our basis [out, in, k, k], and the dimension of the filter space."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        space = gspace(group)
        field = nn.FieldType(space, [space.regular_repr])
        conv = nn.R2Conv(field, field, kernel_size, bias=False)
        with torch.no_grad():
            conv.weights.normal_(generator=torch.Generator().manual_seed(0))
            theirs, _ = conv.expand_parameters()
    elements = list(space.fibergroup.elements)
    moves = [as_element(group, g) for g in elements]
    q = torch.from_numpy(intertwiner(group.regular, lambda i: space.regular_repr(elements[i]), moves)).float()
    return torch.einsum("oa,abhw,ib->oihw", q, theirs, q), conv.weights.numel()
