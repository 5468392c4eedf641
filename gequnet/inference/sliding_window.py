"""Inference on a whole image: at once, or window by window if the activations would not fit into memory.

Positions, overlap and weights of the windows are in ``tiling.py``.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, product

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gequnet.errors import ConfigError
from gequnet.heads import full_precision
from gequnet.inference.tiling import Corner, Part, Tiling


def whole(net: nn.Module, image: Float[Tensor, "b c *space"]) -> Float[Tensor, "b k *space"]:
    """Logits of an image in one pass of the network.

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
    """Logits of an image from sliding windows, averaged where windows overlap.

    The weight of a logit is a Gaussian around the middle of its window, with a standard deviation of an eighth of the
    side: near the border of a window a network has little context. The set of windows and the weights are symmetric
    under mirrors (see ``tiling``). So with windows of equal sides, a network that commutes with quarter turns and
    mirrors still does so through the windows. If the image is smaller than the window, the window is as large as the
    image: the networks take every size, and no padding is needed.

    The result equals that of ``whole`` only for a network whose output depends on one pixel. Other networks do not see
    further than the window: neither distant pixels nor statistics of the whole image.

    Args:
        net: image to logits of the same size.
        image: [B, C, *space].
        window: its side in pixels, or one for each axis.
        overlap: share of a window's side that it has in common with the next; 0 or more, below 1.
        batch_size: windows in one pass of the network.

    Returns:
        Logits [B, K, *space].

    Raises:
        ConfigError: the window, the overlap or the batch size is out of range.

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
    """Logits of an image from sliding windows, one band of rows after the other.

    A band is yielded as soon as no further window overlaps it. Only as many rows as a window has are in memory.

    Args:
        net: image to logits of the same size.
        read: reads a part of the image, [B, C, *window].
        tiling: the windows.
        batch_size: windows in one pass of the network; all of them are of one band.

    Yields:
        The first row and logits [B, K, rows, ...], in order.
    """
    band: Tensor | None = None
    rows, *others = tiling.axes
    height = tiling.window[0]
    for number, first in enumerate(rows):
        for rest in _batches(product(*others), batch_size):
            corners = [(first, *each) for each in rest]
            logits = full_precision(net(torch.cat([read(tiling.part(corner)) for corner in corners])))
            if band is None:
                band = logits.new_zeros(len(logits) // len(corners), logits.shape[1], height, *tiling.space[1:])
            for corner, part in zip(corners, logits.chunk(len(corners)), strict=True):
                band[tiling.part((0, *corner[1:]))] += part * tiling.weight(corner).to(part)
        assert band is not None
        done = (rows[number + 1] if number + 1 < len(rows) else tiling.space[0]) - first
        yield first, band[:, :, :done]
        band = torch.cat([band[:, :, done:], torch.zeros_like(band[:, :, :done])], 2)


def _batches(corners: Iterable[Corner], size: int) -> Iterator[list[Corner]]:
    left = iter(corners)
    while batch := list(islice(left, size)):
        yield batch
