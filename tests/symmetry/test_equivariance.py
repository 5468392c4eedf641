import math

import pytest
import torch
import torch.nn.functional as F

from gequnet.nets.e2unet import E2UNet
from gequnet.nets.unet import UNet
from gequnet.symmetry.actions import act_on_image
from gequnet.symmetry.equivariance import equivariance_error, equivariance_report, relative_error
from gequnet.symmetry.gspace import Element


def smooth_image(side: int) -> torch.Tensor:
    return F.avg_pool2d(torch.randn(1, 3, side + 8, side + 8, generator=torch.Generator().manual_seed(0)), 9, 1)


def test_relative_error_by_hand():
    # difference (0, 2), expected (1, 3) about its mean (-1, 1): norms 2 and sqrt 2.
    assert relative_error(torch.tensor([1.0, 5.0]), torch.tensor([1.0, 3.0])) == pytest.approx(math.sqrt(2))
    # A constant added to both does not hide the error.
    assert relative_error(torch.tensor([101.0, 105.0]), torch.tensor([101.0, 103.0])) == pytest.approx(math.sqrt(2))


def test_a_pointwise_map_commutes_and_a_derivative_does_not():
    image = smooth_image(16)

    def turn(x):
        return act_on_image(x, Element(math.pi / 2))

    assert equivariance_error(torch.tanh, image, turn) == 0
    assert equivariance_error(lambda x: x.diff(dim=-1, append=x[..., -1:]), image, turn) > 0.5


def test_report_tells_a_plain_net_from_a_symmetric_one():
    image = smooth_image(48)
    plain = equivariance_report(UNet(3, 1, [4, 8]).eval(), image)
    symmetric = equivariance_report(E2UNet(3, 1, [2, 3], "c4").eval(), image)
    assert list(plain) == list(symmetric) == [
        "90°", "180°", "270°", "flip+0°", "flip+90°", "flip+180°", "flip+270°", "45°", "22.5°",
    ]  # fmt: skip
    assert not any(entry.get("in_group") for entry in plain.values())
    for name, entry in symmetric.items():
        if entry.get("in_group"):
            assert name in ("90°", "180°", "270°")
            assert entry["error"] < 1e-5 < plain[name]["error"]
    assert symmetric["45°"]["floor"] < symmetric["45°"]["error"]
