"""Exported files: one for all sizes, which run without gequnet and, for ONNX, without PyTorch."""

import json
import subprocess
import sys
from itertools import product

import numpy as np
import onnx
import pytest
import torch

from gequnet.errors import ConfigError
from gequnet.export import load_safetensors, onnx_file, plain_network, safetensors_file, torch_program
from gequnet.export.verification import grid_sides, largest_difference, padded_sides
from gequnet.nets.e2unet import E2UNet
from gequnet.symmetry.equivariance import relative_error
from helpers.export_cases import CASES, KERNELS, made, scale_unet, seasoned, sides_for, unet
from helpers.repository import ROOT
from helpers.slow import slow_unless

ROUNDING = 1e-5
# The smallest network of each family: recording takes seconds for each level.
FAMILIES = {
    "unet": lambda: unet(convs=1),
    "unet3d": lambda: unet(convs=1, spatial_dims=3, norm="instance"),
    "e2unet": lambda: E2UNet(2, 2, [2, 3], "c4", convs=1),
    "scale_unet2d": lambda: scale_unet(count=2, convs=1, **KERNELS),
    "scale_unet2d, resampled": lambda: scale_unet(count=1, finest=1.3, convs=1),
    "scale_unet3d": lambda: scale_unet(dims=3, count=2, convs=1, **KERNELS),
}
CONVOLUTION = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "groups", "padding_mode")
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
    """Single images and pairs, with even and odd sides of each axis."""
    for batch, sides in ((1, padded_sides(plain)), (2, grid_sides(plain)), (1, [40])):
        for space in product(sides, repeat=net.spatial_dims):
            yield torch.randn(batch, 2, *space)


@pytest.mark.parametrize("name", slow_unless(lambda name: name == "e2unet", FAMILIES))
def test_onnx_and_pt2_of_each_family(name, tmp_path):
    torch.manual_seed(0)
    net = seasoned(FAMILIES[name]())
    plain = plain_network(net)
    recorded = torch_program.record(plain, 2, net.spatial_dims)
    given = list(images(net, plain))
    with torch.no_grad():
        expected = [net(image) for image in given]

    torch_program.write_program(recorded, tmp_path / "net.pt2", {"head": "softmax"})
    run = torch_program.read_program(tmp_path / "net.pt2")
    for image, logits in zip(given, expected, strict=True):
        assert relative_error(run(image), logits) < ROUNDING, image.shape

    onnx_file.write_onnx(recorded, tmp_path / "net.onnx", {"head": "softmax"}, optimize="resampled" not in name)
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
        assert str(ROOT).encode() not in written.read_bytes(), "the file contains a path of this machine"


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_every_recipe_as_onnx(case, tmp_path):
    net = made(case)
    plain = plain_network(net)
    simple = not case.startswith("scale_unet")
    onnx_file.write_onnx(torch_program.record(plain, 2, net.spatial_dims), tmp_path / "net.onnx", {}, optimize=simple)
    found = largest_difference(onnx_file.read_onnx(tmp_path / "net.onnx"), net, plain, 2, net.spatial_dims)
    assert found.error < ROUNDING, found


@torch.no_grad()
@pytest.mark.parametrize("case", slow_unless(set(list(CASES)[::3]).__contains__, CASES))
def test_safetensors_hold_the_architecture_and_the_weights(case, tmp_path):
    plain = plain_network(made(case))
    safetensors_file.write_safetensors(plain, tmp_path / "net.safetensors", {"head": "softmax"})
    again = load_safetensors(tmp_path / "net.safetensors")
    assert repr(again) == repr(plain)
    image = torch.randn(1, 2, *[sides_for(case)[-1]] * made(case).spatial_dims)
    assert torch.equal(again(image), plain(image))


# Names of layers and of their arguments in files, as version 0.1 wrote them. They must not change: files exist.
STORED_NAMES = {
    "Sequential": (), "ModuleList": (), "Identity": (), "Conv2d": CONVOLUTION, "Conv3d": CONVOLUTION,
    "ConvTranspose2d": (*CONVOLUTION, "output_padding"), "ConvTranspose3d": (*CONVOLUTION, "output_padding"),
    "GroupNorm": ("num_groups", "num_channels", "eps"), "ReLU": (), "LeakyReLU": ("negative_slope",),
    "ELU": ("alpha",), "SiLU": (), "GELU": (), "Block": (), "UNet": ("scales",),
    "RepeatedFrame": ("halvings", "odd_only"), "MirroredFrame": ("halvings", "block", "halving", "doubling"),
    "BlurPool": ("taps", "padded"), "MaxPool": (), "Double": ("padded",), "Resampled": (),
    "StridedConv": ("padding_mode",), "TransposedConv": (), "Repeated": ("times",), "Channels": ("order",),
    "EachField": ("fields",), "OverScales": ("scales", "how"), "FourierNorm": ("groups", "channels", "eps"),
    "Pyramid": ("pitches", "halvings"), "Orbit": ("elements",),
}  # fmt: skip


def test_stored_names_do_not_change():
    stored = {name: arguments for name, (_, arguments) in safetensors_file.LAYERS.items()}
    assert {name: stored.get(name) for name in STORED_NAMES} == STORED_NAMES


def test_architectures_of_version_0_1_are_written_and_read_as_before():
    for case, architecture in json.loads((ROOT / "tests/fixtures/version_0_1/plain_networks.json").read_text()).items():
        plain = plain_network(made(case))
        assert json.loads(json.dumps(safetensors_file.layer_to_dict(plain))) == architecture
        again = safetensors_file.layer_from_dict(architecture)
        assert repr(again) == repr(plain)
        again.load_state_dict(plain.state_dict(), strict=True)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "net.safetensors").write_bytes(b"something else")
    with pytest.raises(ConfigError, match=r"gequnet\.export RUN"):
        load_safetensors(tmp_path / "net.safetensors")
    with pytest.raises(ConfigError, match=r"gequnet\.export RUN"):
        load_safetensors(tmp_path / "absent.safetensors")
