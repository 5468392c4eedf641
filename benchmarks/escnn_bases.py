"""Reproducibility of escnn's kernel basis: D4, 3x3, built twice, each in a fresh process with an empty disk cache.

    python benchmarks/escnn_bases.py

Prints the number of basis elements with opposite signs, which changes from run to run. The matrix is passed to the
randomised SVD as an array, since scikit-learn 1.9 refuses numpy matrices.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import torch

BUILD = """
import sys, warnings
warnings.simplefilter("ignore")
import numpy as np, torch
import escnn.group._clebsh_gordan, escnn.group._numerical as numerical
from escnn import gspaces, nn
svd = numerical.randomized_svd
numerical.randomized_svd = lambda matrix, **options: svd(np.asarray(matrix), **options)
escnn.group._clebsh_gordan.cache.clear(warn=False)
space = gspaces.flipRot2dOnR2(4)
field = nn.FieldType(space, [space.regular_repr])
expansion = nn.R2Conv(field, field, 3).basisexpansion
torch.save([m.sampled_basis for m in expansion.modules() if hasattr(m, "sampled_basis")][0], sys.argv[1])
"""


def main() -> None:
    """Builds twice and compares."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{index}.pt" for index in range(2)]
        for path in paths:
            subprocess.run([sys.executable, "-W", "ignore", "-c", BUILD, str(path)], check=True)
        first, second = (torch.load(path, weights_only=True).flatten(1) for path in paths)
    same = (first - second).norm(dim=1) < 1e-3
    opposite = (first + second).norm(dim=1) < 1e-3
    print(f"{len(first)} elements: {int(same.sum())} the same, {int(opposite.sum())} of opposite sign")


if __name__ == "__main__":
    main()
