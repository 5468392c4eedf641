"""Steerable kernels of escnn, for comparison."""

import warnings
from typing import Any

import numpy as np
import torch

from gequnet.symmetry.gspace import Element, PlaneGroup, Representation
from helpers.intertwiner import as_element, intertwiner

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # py3nj is absent on purpose
    import escnn.group._numerical
    from escnn import gspaces, nn

# escnn hands numpy matrices to scikit-learn's randomised SVD, which refuses them today; SciPy's takes over.
escnn.group._numerical.randomized_svd = None


def gspace(group: PlaneGroup) -> Any:
    """escnn's space for one of our groups; mirrors over the x axis, as ours."""
    if group.continuous:
        make = gspaces.flipRot2dOnR2 if group.reflections else gspaces.rot2dOnR2
        return make(-1, maximum_frequency=8, **({"axis": 0.0} if group.reflections else {}))
    if group.reflections:
        return gspaces.flip2dOnR2(0.0) if group.rotations == 1 else gspaces.flipRot2dOnR2(group.rotations, axis=0.0)
    return gspaces.trivialOnR2() if group.rotations == 1 else gspaces.rot2dOnR2(group.rotations)


def representation(space: Any, ours: Representation) -> Any:
    """Representation of escnn that is equivalent to ours."""
    if ours.kind == "trivial":
        return space.trivial_repr
    if ours.group.continuous:
        return space.fibergroup.bl_regular_representation(ours.group.max_frequency)
    return space.regular_repr


def change_of_basis(space: Any, ours: Representation) -> np.ndarray:
    """Q with Q theirs = ours Q."""
    theirs = representation(space, ours)
    group = space.fibergroup
    elements = list(group.grid(N=32, type="regular")) if ours.group.continuous else list(group.elements)
    moves: list[Element] = [as_element(space.basespace_action(g)) for g in elements]
    return intertwiner(ours, lambda i: theirs(elements[i]), moves)


def random_kernel(in_rep: Representation, out_rep: Representation, kernel_size: int) -> tuple[torch.Tensor, int]:
    """Random filter of escnn's ``R2Conv`` in our basis [out, in, k, k], and the dimension of the filter space."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        space = gspace(in_rep.group)
        in_type, out_type = (nn.FieldType(space, [representation(space, rep)]) for rep in (in_rep, out_rep))
        conv = nn.R2Conv(in_type, out_type, kernel_size, bias=False)
        with torch.no_grad():
            conv.weights.normal_(generator=torch.Generator().manual_seed(0))
            theirs, _ = conv.expand_parameters()
        left, right = (torch.from_numpy(change_of_basis(space, rep)).float() for rep in (out_rep, in_rep))
    return torch.einsum("oa,abhw,ib->oihw", left, theirs, right), conv.weights.numel()
