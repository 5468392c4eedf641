"""A network asked about every turned copy of an image, one answer for each: by how much do they differ?"""

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


class Turned(nn.Module):
    """What a network says about an image moved by an element of the plane's group, moved back.

    Args:
        net: from [B, C, H, W] to logits [B, K, H, W].
        element: exact on the grid for those of D4, interpolated else.
    """

    def __init__(self, net: nn.Module, element: Element) -> None:
        super().__init__()
        self.net, self.element = net, element

    def forward(self, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """Image to logits."""
        return seen_by(self.net, self.element, image)


class Mirrored(nn.Module):
    """What a network says about an image mirrored along some axes, mirrored back.

    Args:
        net: from [B, C, *space] to logits [B, K, *space].
        axes: of space, from 0 on.
    """

    def __init__(self, net: nn.Module, axes: Sequence[int]) -> None:
        super().__init__()
        self.net, self.axes = net, [axis + 2 for axis in axes]

    def forward(self, image: Float[Tensor, "b c *space"]) -> Float[Tensor, "b k *space"]:
        """Image to logits."""
        logits: Tensor = self.net(image.flip(self.axes))
        return logits.flip(self.axes)


class Together(nn.Module):
    """Several networks' logits of one image, one after the other.

    Args:
        nets: G networks, from [B, C, *space] to [B, K, *space].
    """

    def __init__(self, nets: Iterable[nn.Module]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, image: Float[Tensor, "b c *space"]) -> Float[Tensor, "b gk *space"]:
        """Image to logits."""
        return torch.cat([net(image) for net in self.nets], 1)


def orbit(net: nn.Module, name: str | None, spatial_dims: int) -> list[nn.Module]:
    """The network as it answers about each copy of an image; None for the image alone.

    Args:
        net: from [B, C, *space] to logits [B, K, *space].
        name: a finite group of the plane (``c4``, ``d4``, ``d8``, …), or ``mirrors``, the reflections along all axes: 4
            in the plane, 8 in space.
        spatial_dims: 2 or 3.

    Raises:
        ConfigError: there is no such group, or it does not act on such images.

    Example:
        >>> len(orbit(nn.Identity(), "d4", 2)), len(orbit(nn.Identity(), "mirrors", 3))
        (8, 8)
    """
    if name is None:
        return [net]
    if name == MIRRORS:
        chosen = product((False, True), repeat=spatial_dims)
        return [Mirrored(net, [axis for axis, mirrored in enumerate(each) if mirrored]) for each in chosen]
    if spatial_dims != 2:
        raise ConfigError(f"tta={name} turns pictures, and the network takes volumes: say {MIRRORS}.")
    group = PlaneGroup.parse(name)
    if group.rotations is None:
        raise ConfigError(f"tta={name} has infinitely many elements: take a finite group, c4 or d4, say.")
    return [Turned(net, element) for element in group.elements()]


class Spread:
    r"""Mean and standard deviation of probabilities over an orbit.

    The deviation is that of the answers themselves, :math:`\sqrt{\frac{1}{|G|} \sum_g (p_g - \bar p)^2}`, for each
    class and pixel: 0 where the network says the same about every copy, as one that commutes with the group does
    everywhere, and at most 1/2.
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean, self._squares = torch.zeros(()), torch.zeros(())

    def add(self, answer: Float[Tensor, "*shape"]) -> None:
        """One more answer of the orbit."""
        self.count += 1
        difference = answer - self._mean
        self._mean = self._mean + difference / self.count
        self._squares = self._squares + difference * (answer - self._mean)

    @property
    def mean(self) -> Float[Tensor, "*shape"]:
        """The mean of the answers."""
        return self._mean

    @property
    def deviation(self) -> Float[Tensor, "*shape"]:
        """Their standard deviation, about the mean of all of them."""
        return (self._squares / self.count).clamp(min=0).sqrt()


class OrbitAverage(nn.Module):
    """The mean of a network's logits over the orbit of the image, each turned back: 1/|G| Σ_g g⁻¹·net(g·image).

    This is the Reynolds operator: whatever the network is, the average commutes with the group, to rounding for the
    elements of D4, which permute pixels. Other elements interpolate (twice), on an image whose border pixels are
    continued, so that no corner is empty. One pass costs |G| passes of the network; there is no gradient off the grid.

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
        return sum((seen_by(self.net, element, image) for element in elements), torch.zeros(())) / len(elements)


def seen_by(net: nn.Module, element: Element, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
    """What a network says about the turned image, turned back: g⁻¹·net(g·image)."""
    if quarter_turns(element) is not None:
        return act_on_image(net(act_on_image(image, element)), element.inverse())
    # Wide enough that the square which is turned holds the image's corners at every angle.
    height, width = image.shape[2:]
    diagonal = math.ceil(math.hypot(height, width))
    above, left = (diagonal - height + 1) // 2, (diagonal - width + 1) // 2
    wide = F.pad(image, (left, left, above, above), mode="replicate")
    logits = act_on_image(net(act_on_image(wide, element)), element.inverse())
    return logits[:, :, above : above + height, left : left + width]
