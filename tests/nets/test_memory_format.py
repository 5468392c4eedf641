"""``to(memory_format=...)`` lays out a network's tensors as images of channels last; the function stays the same."""

import copy
from typing import Any

import pytest
import torch

from gequnet.export import plain_network
from gequnet.symmetry.equivariance import relative_error
from helpers.export_cases import CASES, e2unet, scale_unet, seasoned

SINGLE = 1e-5
FORMATS = {2: torch.channels_last, 3: torch.channels_last_3d}
GROUPS = {f"e2unet {name}": lambda name=name: e2unet(name) for name in ("c2", "c16", "d2", "d8", "d16")}
ALL = CASES | GROUPS | {"separable": lambda: scale_unet(method="separable")}


@pytest.mark.parametrize("case", ALL)
@torch.no_grad()
def test_the_function_stays_the_same(case: str) -> None:
    net: Any = seasoned(ALL[case]())
    layout = FORMATS[net.spatial_dims]
    image = torch.randn(2, 2, *[11, 9, 7][: net.spatial_dims])
    expected, saved = net(image), copy.deepcopy(net.state_dict())
    laid_out = copy.deepcopy(net).to(memory_format=layout)
    for twin in (laid_out, copy.deepcopy(laid_out)):
        assert relative_error(twin(image.contiguous(memory_format=layout)), expected) < SINGLE
    shapes = {name: value.shape for name, value in laid_out.state_dict().items()}
    assert shapes == {name: value.shape for name, value in saved.items()}
    for value in laid_out.parameters():
        value.zero_()
    laid_out.load_state_dict(saved)
    assert relative_error(laid_out(image), expected) < SINGLE


@pytest.mark.parametrize("case", ["unet3d, batch", "e2unet o2 to d4", "scale_unet3d", "kernels, batch"])
@torch.no_grad()
def test_so_does_that_of_the_plain_network(case: str) -> None:
    net: Any = seasoned(CASES[case]())
    image, plain = torch.randn(2, 2, *[11, 9, 7][: net.spatial_dims]), plain_network(net)
    expected = plain(image)
    assert relative_error(plain.to(memory_format=FORMATS[net.spatial_dims])(image), expected) < SINGLE


def test_parameters_stay_the_same_objects() -> None:
    """So an optimizer made before keeps them."""
    for made in (e2unet("so2"), scale_unet(dims=3)):
        before = list(made.parameters())
        made.to(torch.float64, memory_format=FORMATS[made.spatial_dims])
        assert all(one is other for one, other in zip(before, made.parameters(), strict=True))
        assert all(value.dtype == torch.float64 for value in (*before, *made.buffers()) if value.is_floating_point())
        made(torch.randn(2, 2, *[11, 9, 7][: made.spatial_dims], dtype=torch.float64)).sum().backward()
        assert all(value.grad is not None for value in before)


def test_moving_a_network_changes_no_digit() -> None:
    """Tensors are contiguous from the start, so a move does not change how they lie in memory."""
    net, image = seasoned(e2unet("c4")), torch.randn(1, 2, 11, 9)
    assert all(tensor.is_contiguous() for tensor in (*net.parameters(), *net.buffers()))
    with torch.no_grad():
        before = net(image)
        assert torch.equal(net.to("cpu")(image), before)
