"""Equivariance errors: the measured deviation of a map from commuting with a group."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from gequnet.symmetry.actions import act_on_image, disc, magnify
from gequnet.symmetry.gspace import Element, PlaneGroup

Map = Callable[[Tensor], Tensor]
OFF_GRID = (Element(math.pi / 4), Element(math.pi / 8))


def relative_error(
    actual: Float[Tensor, "..."], expected: Float[Tensor, "..."], inside: Bool[Tensor, "..."] | None = None
) -> float:
    """Root mean square of the difference, divided by the standard deviation of ``expected``; over ``inside`` if given.

    The divisor is the standard deviation and not the norm: a large constant would hide an error.
    """
    difference, deviation = actual - expected, expected
    if inside is not None:
        difference, deviation = difference[..., inside], expected[..., inside]
    spread = (deviation - deviation.mean()).norm()
    return (difference.norm() / spread.clamp_min(torch.finfo(spread.dtype).tiny)).item()


def equivariance_error(
    f: Map,
    image: Float[Tensor, "b c *space"],
    act: Map,
    act_out: Map | None = None,
    inside: Bool[Tensor, "..."] | None = None,
) -> float:
    """The relative error of f(act(image)) against act_out(f(image)).

    Args:
        f: the map under test.
        image: input of the map.
        act: action of the group element on the input.
        act_out: its action on the output; the same as ``act`` if ``None``.
        inside: pixels of the output to compare; all if ``None``.

    Returns:
        Root mean square error divided by the standard deviation of the expected output, dimensionless.
    """
    return relative_error(f(act(image)), (act_out or act)(f(image)), inside)


class ScaleErrors(NamedTuple):
    """Relative errors of maps F on a window of S scales, under a magnification by its ratio.

    Args:
        chain: for each scale but the last, F_{i+1} of the magnified scene against F_i of the scene, magnified.
        same: for each scale, F_i of the magnified scene against F_i of the scene, magnified: the error of a network
            without scales.
    """

    chain: list[float]
    same: list[float]


@torch.no_grad()
def scale_errors(
    maps: Map, scene: Float[Tensor, "b c *space"], magnified: Float[Tensor, "b c *space"], ratio: float, margin: int
) -> ScaleErrors:
    """Relative errors of maps that should move one scale up when the scene is magnified by the ratio.

    Args:
        maps: from [B, C, *space] to [B, K, S, *space].
        scene: images of scenes.
        magnified: images of the same scenes, drawn larger by the ratio and not resampled.
        ratio: the ratio of the window of scales.
        margin: pixels left out at each border, where the two images show different parts of the scene.
    """
    expected = [interior(magnify(each, ratio), margin) for each in maps(scene).unbind(2)]
    actual = [interior(each, margin) for each in maps(magnified).unbind(2)]
    return ScaleErrors(
        chain=[relative_error(f, e) for f, e in zip(actual[1:], expected[:-1], strict=True)],
        same=[relative_error(f, e) for f, e in zip(actual, expected, strict=True)],
    )


def exact_elements(net: nn.Module) -> list[Element]:
    """Elements of D4 that the network commutes with by construction; only the identity for a plain network."""
    group: PlaneGroup | None = getattr(net, "exact_group", None)
    return [Element(0.0)] if group is None else group.grid_elements()


@torch.no_grad()
def equivariance_report(net: nn.Module, image: Float[Tensor, "b c h w"]) -> dict[str, dict[str, Any]]:
    """Equivariance errors of a 2-D network on given images, as a dict that JSON can store.

    For each element of D4 except the identity: ``error`` on the whole image, and ``in_group``, true if the network
    commutes with the element by construction. For 45° and 22.5°: ``error`` and ``floor`` on the largest central square,
    away from its borders. Both the input and the output are interpolated there. The floor is the error of two
    interpolations of the output alone (a turn there and back). Errors below the floor cannot be measured.

    Args:
        net: from [B, C, H, W] to logits [B, K, H, W]; it runs in its current mode.
        image: input images.
    """
    exact = exact_elements(net)
    logits = net(image)
    report: dict[str, dict[str, Any]] = {}
    for element in PlaneGroup(4, True).elements()[1:]:
        error = relative_error(net(act_on_image(image, element)), act_on_image(logits, element))
        report[str(element)] = {"error": error, "in_group": element in exact}
    side = min(image.shape[2:])
    inside = disc(side, margin=min(16, side // 4)).to(image.device)
    square = central_square(image, side)
    logits = net(square)
    for element in OFF_GRID:
        turned = act_on_image(logits, element)
        back = act_on_image(turned, element.inverse())
        report[str(element)] = {
            "error": relative_error(net(act_on_image(square, element)), turned, inside),
            "floor": relative_error(back, logits, inside),
        }
    return report


def central_square(image: Float[Tensor, "b c h w"], side: int) -> Float[Tensor, "b c s s"]:
    """Central crop of ``side`` x ``side`` pixels."""
    top, left = (image.shape[2] - side) // 2, (image.shape[3] - side) // 2
    return image[..., top : top + side, left : left + side]


def interior(image: Float[Tensor, "b c *space"], margin: int) -> Float[Tensor, "b c *inside"]:
    """Central crop: the pixels at least ``margin`` pixels from every border."""
    for axis in range(2, image.dim()):
        image = image.narrow(axis, margin, image.shape[axis] - 2 * margin)
    return image
