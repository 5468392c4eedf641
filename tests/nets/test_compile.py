"""torch.compile compiles the whole network. It runs in a subprocess: the shape checks of the tests break graphs."""

import subprocess
import sys

import pytest

from helpers.slow import slow_unless

PROGRAM = """
import sys
import torch
from gequnet.nets.e2unet import E2UNet
from gequnet.nets.unet import UNet

name, training = sys.argv[1], sys.argv[2] == "train"
torch.manual_seed(0)
net = UNet(3, 1, [4, 6]) if name == "unet" else E2UNet(3, 1, [2, 3], name)
net.train(training)
compiled = torch.compile(net, fullgraph=True, backend="eager")
for sides in [(16, 16), (17, 17), (21, 14)]:
    image = torch.randn(1, 3, *sides)
    torch.testing.assert_close(compiled(image), net(image), atol=1e-5, rtol=1e-5)
"""

ALL = [
    (name, mode)
    for name in ["unet", "c1", "c4", "c8", "c16", "d1", "d4", "d8", "d16", "so2", "o2"]
    for mode in ("train", "eval")
]


@pytest.mark.parametrize(("name", "mode"), slow_unless(lambda case: case == ("d4", "train"), ALL))
@pytest.mark.slow
def test_compiles_without_a_graph_break(name, mode):
    result = subprocess.run([sys.executable, "-c", PROGRAM, name, mode], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
