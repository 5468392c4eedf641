"""Test-time augmentation over a group: what a plain network gains when it is asked about every turned copy."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from gequnet.symmetry.actions import act_on_image, quarter_turns
from gequnet.symmetry.gspace import Element, PlaneGroup


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
