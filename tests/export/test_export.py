"""The export command: it writes a file that equals the network, or no file."""

import json
from pathlib import Path

import onnxruntime
import pytest
import torch

import gequnet
from gequnet.export import convert, load_safetensors
from gequnet.export.__main__ import main
from gequnet.export.export import export
from gequnet.layers.steerable import SteerableConv
from helpers.untrained_run import make_run

E2UNET = ("model=e2unet", "group=c4", "data=phantom_vessels", "width=fixed", "width.widths=[2,3]", "model.depth=2")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = make_run(tmp_path_factory.mktemp("export") / "run", *E2UNET, "model.convs=1")
    (folder / "metrics.json").write_text(json.dumps({"fingerprint": "f00d", "equivariance": {"90°": {"error": 1e-7}}}))
    return folder


def test_a_run_as_onnx(run, tmp_path, capsys):
    path = tmp_path / "net.onnx"
    assert main([str(run), "-o", str(path)]) == 0
    assert "images of every size" in capsys.readouterr().out
    assert [each.name for each in tmp_path.iterdir()] == ["net.onnx"]
    session = onnxruntime.InferenceSession(path)
    metadata = session.get_modelmeta().custom_metadata_map
    net = gequnet.load(run)
    assert json.loads(metadata["class_names"]) == net.class_names
    assert metadata["head"] == net.head
    assert float(metadata["threshold"]) == net.threshold
    assert json.loads(metadata["normalisation"])["rule"] == net.recipe["data"]["normalisation"]
    assert json.loads(metadata["equivariance"])["90°"]["error"] == 1e-7
    assert (metadata["fingerprint"], metadata["opset"], metadata["group"]) == ("f00d", "18", "c4")
    image = torch.randn(2, net.in_channels, 37, 50)
    (logits,) = session.run(None, {"image": image.numpy()})
    torch.testing.assert_close(torch.from_numpy(logits), net.logits(image), atol=1e-5, rtol=1e-4)


def test_weights_and_layers_of_a_predictor(run, tmp_path):
    net = gequnet.load(run)
    made = export(net, tmp_path / "net.safetensors")
    assert made.error < 1e-5
    image = torch.randn(1, net.in_channels, 20, 21)
    with torch.no_grad():
        torch.testing.assert_close(load_safetensors(made.path)(image), net.network(image), atol=1e-5, rtol=1e-4)


@pytest.fixture
def wrong_rule():
    """A conversion rule with an error of 1 % in one channel."""
    right = convert.to_plain.dispatch(SteerableConv)

    def wrong(module, maps):
        conv = right(module, maps)
        with torch.no_grad():
            conv.weight[0] *= 1.01
        return conv

    convert.to_plain.register(SteerableConv, wrong)
    yield
    convert.to_plain.register(SteerableConv, right)


@pytest.mark.usefixtures("wrong_rule")
def test_a_file_that_differs_from_the_network_is_not_written(run, tmp_path, capsys):
    assert main([str(run), "-o", str(tmp_path / "net.safetensors")]) == 2
    assert "was not written" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_existing_file_stays_if_the_export_fails(run, tmp_path, monkeypatch):
    (tmp_path / "net.safetensors").write_text("the old one")
    monkeypatch.setattr("gequnet.export.export.largest_difference", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(run, tmp_path / "net.safetensors")
    assert (tmp_path / "net.safetensors").read_text() == "the old one"
    assert len(list(tmp_path.iterdir())) == 1


def test_only_odd_sides(tmp_path):
    learned = ("model.downsample=strided", "model.upsample=transposed", "data.patch_size=33")
    folder = make_run(tmp_path / "run", *E2UNET, *learned)
    assert "odd sides" in export(folder, tmp_path / "net.safetensors").sizes


@pytest.mark.parametrize(
    ("out", "more", "message"),
    [
        ("net.pth", (), "onnx, .pt2, .safetensors"),
        ("absent/net.onnx", (), "is no folder"),
        ("net.onnx", ("--opset", "9"), "too old"),
    ],
)
def test_an_error_is_one_sentence(run, tmp_path, capsys, out, more, message):
    assert main([str(run), "-o", str(tmp_path / out), *more]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_no_run(tmp_path, capsys):
    assert main([str(tmp_path), "-o", str(tmp_path / "net.onnx")]) == 2
    message = capsys.readouterr().err
    assert "not the folder of a finished run" in message
    assert message.count("\n") == 1
