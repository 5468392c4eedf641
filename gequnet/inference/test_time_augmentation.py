"""Test-time augmentation: predictions over the orbit of an image, their mean and their deviation."""

import math
from collections.abc import Iterable, Sequence
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from gequnet.errors import ConfigError
from gequnet.symmetry.actions import act_on_image, quarter_turns
from gequnet.symmetry.gspace import Element, PlaneGroup

MIRRORS = "mirrors"


class TransformedNet(nn.Module):
    """A network on the image transformed by an element of a plane group, its logits transformed back.

    Args:
        net: from [B, C, H, W] to logits [B, K, H, W].
        element: exact on the grid for elements of D4, interpolated for others.
    """

    def __init__(self, net: nn.Module, element: Element) -> None:
        super().__init__()
        self.net, self.element = net, element

    def forward(self, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """Image to logits."""
        return predict_transformed(self.net, self.element, image)


class MirroredNet(nn.Module):
    """A network on the image mirrored along some axes, its logits mirrored back.

    Args:
        net: from [B, C, *space] to logits [B, K, *space].
        axes: spatial axes, counted from 0.
    """

    def __init__(self, net: nn.Module, axes: Sequence[int]) -> None:
        super().__init__()
        self.net, self.axes = net, [axis + 2 for axis in axes]

    def forward(self, image: Float[Tensor, "b c *space"]) -> Float[Tensor, "b k *space"]:
        """Image to logits."""
        logits: Tensor = self.net(image.flip(self.axes))
        return logits.flip(self.axes)


class OrbitLogits(nn.Module):
    """Logits of one image from several networks, concatenated along channels.

    Args:
        nets: G networks, from [B, C, *space] to [B, K, *space].
    """

    def __init__(self, nets: Iterable[nn.Module]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, image: Float[Tensor, "b c *space"]) -> Float[Tensor, "b gk *space"]:
        """Image to logits."""
        return torch.cat([net(image) for net in self.nets], 1)


def orbit_networks(net: nn.Module, name: str | None, spatial_dims: int) -> list[nn.Module]:
    """Networks for each transformed copy of an image, one for each element of the group.

    Args:
        net: from [B, C, *space] to logits [B, K, *space].
        name: a finite group of the plane (``c4``, ``d4``, ``d8``, …), or ``mirrors``, the reflections along all axes: 4
            elements in the plane, 8 in space. None for the network alone.
        spatial_dims: 2 or 3.

    Raises:
        ConfigError: there is no such group, it is not finite, or it does not act on images of ``spatial_dims``.

    Example:
        >>> len(orbit_networks(nn.Identity(), "d4", 2)), len(orbit_networks(nn.Identity(), "mirrors", 3))
        (8, 8)
    """
    if name is None:
        return [net]
    if name == MIRRORS:
        chosen = product((False, True), repeat=spatial_dims)
        return [MirroredNet(net, [axis for axis, mirrored in enumerate(each) if mirrored]) for each in chosen]
    if spatial_dims != 2:
        raise ConfigError(f"tta={name} rotates 2-D images, and the network takes volumes: use {MIRRORS}.")
    group = PlaneGroup.parse(name)
    if group.rotations is None:
        raise ConfigError(f"tta={name} has infinitely many elements: take a finite group, for example c4 or d4.")
    return [TransformedNet(net, element) for element in group.elements()]


class RunningMeanAndDeviation:
    r"""Mean and standard deviation of probabilities over an orbit.

    The deviation is :math:`\sqrt{\frac{1}{|G|} \sum_g (p_g - \bar p)^2}` for each class and pixel. It is 0 where the
    predictions of all copies agree, which holds everywhere for a network that commutes with the group. It is at most
    1/2. Computed by Welford's update, so that only the sums are in memory.
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean, self._squares = torch.zeros(()), torch.zeros(())

    def add(self, preds: Float[Tensor, "*shape"]) -> None:
        """Add the probabilities of one element of the orbit."""
        self.count += 1
        difference = preds - self._mean
        self._mean = self._mean + difference / self.count
        self._squares = self._squares + difference * (preds - self._mean)

    @property
    def mean(self) -> Float[Tensor, "*shape"]:
        """Mean over the orbit."""
        return self._mean

    @property
    def deviation(self) -> Float[Tensor, "*shape"]:
        """Standard deviation over the orbit, divided by the number of elements (not by one less)."""
        return (self._squares / self.count).clamp(min=0).sqrt()


class OrbitAverage(nn.Module):
    """Mean of a network's logits over the orbit of the image, each transformed back: 1/|G| Σ_g g⁻¹·net(g·image).

    This is the Reynolds operator: for any network the average commutes with the group. For elements of D4, which
    permute pixels, this is exact up to rounding. Other elements interpolate (twice), on an image padded with its border
    pixels, so that no corner is empty. One pass takes |G| passes of the network. There is no gradient off the grid.

    Args:
        net: from [B, C, H, W] to logits [B, K, H, W].
        group: a finite group, or its name.

    Shape:
        [B, C, H, W] -> [B, K, H, W].

    >>> from gequnet.nets.unet import UNet
    >>> average = OrbitAverage(UNet(1, 1, [2, 3]), "d4").eval()
    >>> image = torch.rand(1, 1, 9, 12)
    >>> bool(torch.allclose(average(image.flip(-1)), average(image).flip(-1), atol=1e-5))
    True
    """

    spatial_dims = 2

    def __init__(self, net: nn.Module, group: PlaneGroup | str) -> None:
        super().__init__()
        self.net = net
        self.group = PlaneGroup.parse(group) if isinstance(group, str) else group
        self.exact_group = self.group

    def forward(self, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """Image to logits."""
        elements = self.group.elements()
        logits = (predict_transformed(self.net, element, image) for element in elements)
        return sum(logits, torch.zeros(())) / len(elements)


def predict_transformed(net: nn.Module, element: Element, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
    """Logits of the transformed image, transformed back: g⁻¹·net(g·image)."""
    if quarter_turns(element) is not None:
        return act_on_image(net(act_on_image(image, element)), element.inverse())
    # The padded square is so large that it holds the corners of the image at every angle.
    height, width = image.shape[2:]
    diagonal = math.ceil(math.hypot(height, width))
    above, left = (diagonal - height + 1) // 2, (diagonal - width + 1) // 2
    wide = F.pad(image, (left, left, above, above), mode="replicate")
    logits = act_on_image(net(act_on_image(wide, element)), element.inverse())
    return logits[:, :, above : above + height, left : left + width]
