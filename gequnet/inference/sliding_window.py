"""How a network is asked about a whole image: at once, or window by window where its activations would not fit."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, product

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gequnet.errors import ConfigError
from gequnet.heads import full_precision
from gequnet.inference.tiling import Corner, Part, Tiling


def whole(net: nn.Module, image: Float[Tensor, "b c *space"]) -> Float[Tensor, "b k *space"]:
    """The logits of an image that the network sees at once.

    Args:
        net: image to logits of the same size.
        image: [B, C, *space].

    Returns:
        Logits [B, K, *space].
    """
    logits: Tensor = net(image)
    return logits


def sliding(
    net: nn.Module,
    image: Float[Tensor, "b c *space"],
    window: int | Sequence[int],
    overlap: float = 0.5,
    batch_size: int = 1,
) -> Float[Tensor, "b k *space"]:
    """The logits of an image that the network sees through a window, averaged where windows overlap.

    A logit weighs by a Gaussian around the middle of its window, of an eighth of its side: near a border a network
    knows little of what is around. Windows and weights are their own mirror images (see ``tiling``), so with
    windows of equal sides what commutes with quarter turns and mirrors does so through the windows as well. Where the
    image is smaller than the window, the window is as large as the image: our networks take every size, and nothing is
    made up around it.

    It is what ``whole`` gives for a network that looks at one pixel; for others it is not: what lies further away than
    a window reaches, statistics over the whole image too, the network does not see.

    Args:
        net: image to logits of the same size.
        image: [B, C, *space].
        window: its side in pixels, or one for each axis.
        overlap: share of a window's side that it has in common with the next; 0 or more, below 1.
        batch_size: windows that the network sees in one pass.

    Returns:
        Logits [B, K, *space].

    Raises:
        ConfigError: there is no such window, overlap or batch.

    Example:
        >>> blur = nn.AvgPool3d(3, stride=1, padding=1, count_include_pad=False)
        >>> sliding(blur, torch.ones(1, 1, 20, 9, 30), window=12).mean()
        tensor(1.)
    """
    space = image.shape[2:]
    sides = [window] * len(space) if isinstance(window, int) else list(window)
    if len(sides) != len(space) or min(sides) < 1 or not 0 <= overlap < 1 or batch_size < 1:
        raise ConfigError(
            f"inference.window={window}, overlap={overlap}, batch_size={batch_size} do not fit an image with "
            f"{len(space)} axes: give a positive side, or one for each axis, an overlap from 0 to below 1, and at "
            "least one window a pass."
        )
    tiling = Tiling.over(space, sides, float(overlap))
    if tiling.window == tiling.space:
        return whole(net, image)
    logits: Tensor | None = None
    for first, rows in bands(net, lambda part: image[part], tiling, batch_size):
        logits = rows.new_zeros(*rows.shape[:2], *space) if logits is None else logits
        logits[:, :, first : first + rows.shape[2]] = rows
    assert logits is not None
    return logits


def bands(
    net: nn.Module, read: Callable[[Part], Tensor], tiling: Tiling, batch_size: int = 1
) -> Iterator[tuple[int, Float[Tensor, "b k *band"]]]:
    """The logits of an image through windows, band of rows by band, as soon as no further window touches it.

    What is held is one window's height of rows, whatever the image's.

    Args:
        net: image to logits of the same size.
        read: the part of the image [B, C, *window] at a place.
        tiling: the windows.
        batch_size: windows that the network sees in one pass; none of another band is among them.

    Yields:
        The first row and logits [B, K, rows, ...], in order.
    """
    band: Tensor | None = None
    rows, *others = tiling.axes
    deep = tiling.window[0]
    for number, first in enumerate(rows):
        for rest in _batches(product(*others), batch_size):
            corners = [(first, *each) for each in rest]
            seen = full_precision(net(torch.cat([read(tiling.part(corner)) for corner in corners])))
            if band is None:
                band = seen.new_zeros(len(seen) // len(corners), seen.shape[1], deep, *tiling.space[1:])
            for corner, part in zip(corners, seen.chunk(len(corners)), strict=True):
                band[tiling.part((0, *corner[1:]))] += part * tiling.weight(corner).to(part)
        assert band is not None
        done = (rows[number + 1] if number + 1 < len(rows) else tiling.space[0]) - first
        yield first, band[:, :, :done]
        band = torch.cat([band[:, :, done:], torch.zeros_like(band[:, :, :done])], 2)


def _batches(each: Iterable[Corner], size: int) -> Iterator[list[Corner]]:
    left = iter(each)
    while batch := list(islice(left, size)):
        yield batch
