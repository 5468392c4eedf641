"""Files of a twin: one for all sizes, run where there is neither gequnet nor, for ONNX, PyTorch."""

import subprocess
import sys
from itertools import product

import numpy as np
import onnx
import pytest
import torch

from gequnet.errors import ConfigError
from gequnet.export import load, onnx_file, plain_network, safetensors_file, torch_program
from gequnet.export.verification import grid_sides, largest_difference, padded_sides
from gequnet.nets.e2unet import E2UNet
from gequnet.symmetry.equivariance import relative_error
from helpers.export_cases import CASES, KERNELS, made, scale_unet, seasoned, sides_for, unet
from helpers.repository import ROOT

ROUNDING = 1e-5
# One of each family, as small as can be: a recording takes seconds for each level.
FAMILIES = {
    "unet": lambda: unet(convs=1),
    "unet3d": lambda: unet(convs=1, spatial_dims=3, norm="instance"),
    "e2unet": lambda: E2UNet(2, 2, [2, 3], "c4", convs=1),
    "scale_unet2d": lambda: scale_unet(count=2, convs=1, **KERNELS),
    "scale_unet2d, resampled": lambda: scale_unet(count=1, finest=1.3, convs=1),
    "scale_unet3d": lambda: scale_unet(dims=3, count=2, convs=1, **KERNELS),
}
QUICK = ("e2unet", "scale_unet2d")
ALONE = """
import sys
for name in ("gequnet", "torch", "escnn", "e2cnn", "monai"):
    sys.modules[name] = None
import numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
arrays = numpy.load(sys.argv[2])
for name in arrays.files:
    (logits,) = session.run(None, {"image": arrays[name]})
    numpy.save(f"{sys.argv[3]}/{name}.npy", logits)
"""


def images(net, plain):
    """Single images and pairs, of both parities of each axis."""
    for batch, sides in ((1, padded_sides(plain)), (2, grid_sides(plain)), (1, [40])):
        for space in product(sides, repeat=net.spatial_dims):
            yield torch.randn(batch, 2, *space)


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in FAMILIES])
def test_onnx_and_pt2_of_each_family(name, tmp_path):
    torch.manual_seed(0)
    net = seasoned(FAMILIES[name]())
    plain = plain_network(net)
    recorded = torch_program.record(plain, 2, net.spatial_dims)
    given = list(images(net, plain))
    with torch.no_grad():
        expected = [net(image) for image in given]

    torch_program.write(recorded, tmp_path / "net.pt2", {"head": "softmax"})
    run = torch_program.read(tmp_path / "net.pt2")
    for image, logits in zip(given, expected, strict=True):
        assert relative_error(run(image), logits) < ROUNDING, image.shape

    onnx_file.write(recorded, tmp_path / "net.onnx", {"head": "softmax"}, optimize="resampled" not in name)
    np.savez(tmp_path / "images.npz", **{f"i{n}": image.numpy() for n, image in enumerate(given)})
    words = [tmp_path / "net.onnx", tmp_path / "images.npz", tmp_path]
    subprocess.run([sys.executable, "-c", ALONE, *map(str, words)], check=True)
    for n, logits in enumerate(expected):
        assert relative_error(torch.from_numpy(np.load(tmp_path / f"i{n}.npy")), logits) < ROUNDING, given[n].shape

    model = onnx.load(tmp_path / "net.onnx")
    axes = ["batch", "", *("depth", "height", "width")[-net.spatial_dims :]]
    assert [dim.dim_param for dim in model.graph.input[0].type.tensor_type.shape.dim] == axes
    assert {each.key: each.value for each in model.metadata_props} == {"head": "softmax"}
    for written in (tmp_path / "net.onnx", tmp_path / "net.pt2"):
        assert str(ROOT).encode() not in written.read_bytes(), "a path of this machine is in it"


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_every_recipe_as_onnx(case, tmp_path):
    net = made(case)
    plain = plain_network(net)
    simple = not case.startswith("scale_unet")
    onnx_file.write(torch_program.record(plain, 2, net.spatial_dims), tmp_path / "net.onnx", {}, optimize=simple)
    found = largest_difference(onnx_file.read(tmp_path / "net.onnx"), net, plain, 2, net.spatial_dims)
    assert found.error < ROUNDING, found


@torch.no_grad()
@pytest.mark.parametrize("case", CASES)
def test_safetensors_hold_the_architecture_and_the_weights(case, tmp_path):
    plain = plain_network(made(case))
    safetensors_file.write(plain, tmp_path / "net.safetensors", {"head": "softmax"})
    again = load(tmp_path / "net.safetensors")
    assert repr(again) == repr(plain)
    image = torch.randn(1, 2, *[sides_for(case)[-1]] * made(case).spatial_dims)
    assert torch.equal(again(image), plain(image))


def test_what_is_no_twin_is_refused(tmp_path):
    (tmp_path / "net.safetensors").write_bytes(b"something else")
    with pytest.raises(ConfigError, match=r"gequnet\.export RUN"):
        load(tmp_path / "net.safetensors")
    with pytest.raises(ConfigError, match=r"gequnet\.export RUN"):
        load(tmp_path / "absent.safetensors")
