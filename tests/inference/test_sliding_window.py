"""Sliding windows: cases where the window must not change the logits, and cases where it must."""

from itertools import combinations
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from torch import Tensor, nn

from gequnet.config.build import build
from gequnet.config.compose import compose, resolve
from gequnet.errors import ConfigError
from gequnet.inference.sliding_window import sliding, whole
from gequnet.nets.e2unet import E2UNet
from gequnet.nets.unet import UNet
from gequnet.symmetry.actions import act_on_image
from gequnet.symmetry.gspace import PlaneGroup
from gequnet.train.trainer import build_task
from helpers.repository import CONF

FILES = CONF / "inference"
FLOAT32_TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
AXES = [axes for count in range(4) for axes in combinations((2, 3, 4), count)]


def volume(*space: int, channels: int = 2) -> Tensor:
    return torch.randn(1, channels, *space, generator=torch.Generator().manual_seed(0))


class Place(nn.Module):
    """Network whose logit is the position of a pixel along the first axis of its window; records window sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes = list[tuple[int, ...]]()

    def forward(self, image: Tensor) -> Tensor:
        self.sizes.append(tuple(image.shape[2:]))
        place = torch.arange(image.shape[2]).float().view(-1, *[1] * (image.ndim - 3))
        return place.expand(len(image), 1, *image.shape[2:]).clone()


class Constant(nn.Module):
    """Network whose logits are 3 everywhere, in half precision."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.full((len(image), 1, *image.shape[2:]), 3.0, dtype=torch.bfloat16)


@settings(max_examples=20, deadline=None)
@given(
    space=st.tuples(*[st.integers(3, 20)] * 3),
    window=st.one_of(st.integers(2, 12), st.lists(st.integers(2, 12), min_size=3, max_size=3)),
    overlap=st.sampled_from([0.0, 0.25, 0.5, 0.8]),
    batch_size=st.integers(1, 3),
)
def test_a_network_that_looks_at_one_voxel_cannot_tell(
    space: tuple[int, ...], window: int | list[int], overlap: float, batch_size: int
) -> None:
    net = nn.Conv3d(2, 3, 1)
    image = volume(*space)
    found = sliding(net, image, window, overlap, batch_size)
    torch.testing.assert_close(found, whole(net, image), **FLOAT32_TOLERANCE)


def test_in_the_plane_too() -> None:
    net = nn.Conv2d(2, 3, 1)
    torch.testing.assert_close(sliding(net, volume(33, 20), 8), net(volume(33, 20)), **FLOAT32_TOLERANCE)


@pytest.mark.parametrize("net", [nn.Conv3d(2, 3, 1), nn.Conv3d(2, 3, 1).requires_grad_(False).double()])
def test_as_monai_does_it_where_the_grid_cannot_matter(net: nn.Conv3d) -> None:
    from monai.inferers import sliding_window_inference

    image = volume(20, 9, 31).to(net.weight.dtype)
    with torch.no_grad():
        expected = sliding_window_inference(image, (12, 9, 12), 2, net, overlap=0.5, mode="gaussian")
        torch.testing.assert_close(sliding(net, image, 12, 0.5, 2), expected, **FLOAT32_TOLERANCE)


def test_a_constant_answer_stays_what_it_is_in_half_precision_too() -> None:
    found = sliding(Constant(), volume(50, 41), window=9, overlap=0.75)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.full_like(found, 3.0), **FLOAT32_TOLERANCE)


@pytest.mark.parametrize("size", [(40, 40), (41, 41), (37, 50), (33, 16), (11, 45), (20, 13)])
@pytest.mark.parametrize(("group", "window", "overlap"), [("d4", 16, 0.5), ("c4", 17, 0.25)])
def test_turns_and_mirrors_pass_through_the_windows(
    size: tuple[int, int], group: str, window: int, overlap: float
) -> None:
    net = E2UNet(1, 2, [2, 3], group=group).eval()
    image = volume(*size, channels=1)
    with torch.no_grad():
        found = sliding(net, image, window, overlap, batch_size=3)
        for element in PlaneGroup.parse(group).elements():
            turned = sliding(net, act_on_image(image, element), window, overlap)
            torch.testing.assert_close(turned, act_on_image(found, element), **FLOAT32_TOLERANCE)


@pytest.mark.parametrize("size", [(14, 9, 20), (17, 12, 11)])
def test_mirrors_of_volumes_pass_through_the_windows(size: tuple[int, ...]) -> None:
    net = nn.Sequential(nn.Conv3d(1, 2, 3, padding=1), nn.Tanh(), nn.Conv3d(2, 1, 3, padding=1)).requires_grad_(False)
    for conv in (net[0], net[2]):  # kernels that are symmetric under mirrors along every axis
        conv.weight.copy_(sum(conv.weight.flip(axes) for axes in AXES) / len(AXES))  # type: ignore[arg-type]
    image = volume(*size, channels=1)
    found = sliding(net, image, 8, 0.4)
    for axes in AXES:
        torch.testing.assert_close(sliding(net, image.flip(axes), 8, 0.4), found.flip(axes), **FLOAT32_TOLERANCE)


def test_an_image_as_large_as_the_window_or_smaller_is_seen_whole() -> None:
    net = UNet(2, 3, [3, 4], spatial_dims=3).eval()
    for space in ((9, 12, 7), (12, 12, 12)):
        assert torch.equal(sliding(net, volume(*space), 12), net(volume(*space)))


def test_no_window_reaches_beyond_the_image_and_all_of_it_is_seen() -> None:
    net = Place()
    assert sliding(net, volume(30, 7, 17), window=12).shape == (1, 1, 30, 7, 17)
    assert set(net.sizes) == {(12, 7, 12)}
    assert len(net.sizes) == 4 * 1 * 2  # steps of 6: from 0, 6, 12, 18 along the first axis, 0 and 5 along the last


def test_where_windows_overlap_each_counts_by_a_gaussian_around_its_middle() -> None:
    found = sliding(Place(), volume(24, 5), window=[16, 5], overlap=0.5)[0, 0, :, 2]
    # Two windows, from 0 and from 8 on; the middles are at 7.5 and 15.5, an eighth of the side is 2 pixels.
    place = torch.arange(24.0)
    first, second = (torch.exp(-((place - middle) ** 2) / (2 * 2.0**2)) for middle in (7.5, 15.5))
    blended = (first * place + second * (place - 8)) / (first + second)
    expected = torch.where(place < 8, place, torch.where(place < 16, blended, place - 8))
    torch.testing.assert_close(found, expected, **FLOAT32_TOLERANCE)


def test_away_from_borders_of_windows_a_local_network_says_the_same() -> None:
    # Of two windows of 20 voxels, voxels nearer than 10 to the middle of a window hardly depend on its border.
    net = nn.Conv3d(1, 1, 3, padding=1)
    image = volume(32, 6, 6, channels=1)
    difference = (sliding(net, image, [20, 6, 6], 0.4) - net(image)).abs()[0, 0].amax((1, 2))
    assert difference[[0, 5, 11, 20, 26, 31]].max() < 1e-5
    assert difference.max() > 1e-4  # at the border of a window a kernel reaches beyond it


@pytest.mark.parametrize(
    "mistake", [{"window": 0}, {"window": [4, 4]}, {"window": 4, "overlap": 1.0}, {"window": 4, "batch_size": 0}]
)
def test_mistakes_get_a_sentence(mistake: dict) -> None:
    with pytest.raises(ConfigError, match="do not fit an image with 3 axes"):
        sliding(nn.Identity(), volume(8, 8, 8), **mistake)


@pytest.mark.parametrize("tta", ["none", "c4"])
def test_a_test_with_augmentation_goes_through_the_window_too(tta: str) -> None:
    overrides = ["model=unet", "inference=sliding", "data.patch_size=12", f"tta={tta}"]
    cfg = resolve(compose([*overrides, "paths.run=/nowhere"]))
    net = UNet(1, 1, [2, 3]).eval()
    asked = build(cfg.tta)(net) if cfg.tta else net
    task = build_task(cfg, asked)
    image = torch.randn(1, 1, 20, 17, generator=torch.Generator().manual_seed(0))
    found = task.inference(task.net, image)
    assert torch.equal(found, sliding(asked, image, 12))
    assert not torch.equal(found, asked(image))


@pytest.mark.parametrize("path", sorted(FILES.glob("*.yaml")), ids=lambda path: path.stem)
@pytest.mark.parametrize("patch_size", [6, [6, 5, 4]])
def test_every_node_asks_a_network(path: Path, patch_size: int | list[int]) -> None:
    config = OmegaConf.create({"data": {"patch_size": patch_size}, "inference": OmegaConf.load(path)})
    net, image = nn.Conv3d(2, 3, 1), volume(9, 8, 7)
    found = instantiate(config.inference, _convert_="all")(net, image)
    torch.testing.assert_close(found, net(image), **FLOAT32_TOLERANCE)
