"""Images larger than the memory: read through windows, answered band by band, never there as a whole."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import torch
from torch import Tensor

from gequnet.data.formats.image_file import ImageFile
from gequnet.data.preprocessing import Preprocessing, blank
from gequnet.data.scene import Scene, pixels
from gequnet.data.transforms.normalise import Scale, pooled_scale, scale_of
from gequnet.inference.prediction import ImagePredictor, Prediction
from gequnet.inference.sliding_window import bands
from gequnet.inference.test_time_augmentation import Together
from gequnet.inference.tiling import Part, Tiling

Read = Callable[[Sequence[slice]], Tensor]
"""The window ``[C, *window]`` of an image, as its file has it."""


def stream(questioner: ImagePredictor, image: ImageFile, page: int = 0) -> Iterator[tuple[int, Prediction]]:
    """The answer about an image that is never held as a whole: a band of rows at a time, in order.

    The image is gone through twice, once for the scale of its intensities and once, window by window, for the answers.
    What is held at any time are the windows of one pass and the logits of as many rows as a window has. It is the
    answer of ``Questioner.about`` through the same windows.

    Args:
        questioner: Whose network takes images of which nothing has to be seen whole (``not net.preprocessing.whole``).
        image: Its file; of formats without windows the pixels are held as the file has them, and nothing else.
        page: Of the file.

    Yields:
        The first row and the answer about the band.
    """
    assert not questioner.net.preprocessing.whole
    net = questioner.net
    tiling = Tiling.over(image.space, questioner.window, questioner.overlap)

    def raw(window: Sequence[slice]) -> Tensor:
        return image.read(page, window)

    scale = scale_in_windows(net.preprocessing, raw, image.space, tiling.window)

    def read(part: Part) -> Tensor:
        scene = scene_of(raw([each for each in part if isinstance(each, slice)]))
        return scale(pixels(scene.image))[None].to(net.device)

    together = Together(questioner.orbit)
    for first, logits in bands(together, read, tiling, questioner.manner.batch_size):
        spread = questioner.spread(logits)
        yield first, Prediction.of(net, spread.mean.numpy(), spread.deviation.numpy())


def scale_in_windows(preprocessing: Preprocessing, read: Read, space: Sequence[int], side: Sequence[int]) -> Scale:
    """The scale of intensities of an image of which one window is looked at at a time.

    Args:
        preprocessing: Which rule.
        read: The image.
        space: Its size.
        side: Of the windows, which lie side by side.
    """
    if preprocessing.normalisation == "none" or preprocessing.fixed is not None:
        return preprocessing.scale(scene_of(read([slice(0, 1) for _ in space])))
    if preprocessing.normalisation != "range":
        return pooled_scale(_seen(read, space, side), nonzero=preprocessing.normalisation.endswith("nonzero"))
    extremes: Tensor | None = None
    for scene in _seen(read, space, side):
        values = pixels(scene.image)[:, scene.valid if scene.valid.any() else ~scene.valid]
        found = torch.stack([values.amin(1), values.amax(1)], 1)
        both = found if extremes is None else torch.cat([extremes, found], 1)
        extremes = torch.stack([both.amin(1), both.amax(1)], 1)
    assert extremes is not None
    return scale_of(blank(extremes[:, None], torch.ones(1, 2, dtype=torch.bool)), "range")


def scene_of(image: Tensor) -> Scene:
    """A part of an image with nothing on it; what is no number is 0 and does not count."""
    finite = image.isfinite().all(0)
    return blank(torch.where(finite, image, 0), finite)


def _seen(read: Read, space: Sequence[int], side: Sequence[int]) -> Iterator[Scene]:
    """The parts of an image in which anything counts; the first one, if nothing does anywhere."""
    starts = [range(0, length, step) for length, step in zip(space, side, strict=True)]
    empty: Scene | None = None
    for corner in product(*starts):
        ends = [min(first + step, length) for first, step, length in zip(corner, side, space, strict=True)]
        scene = scene_of(read([slice(*pair) for pair in zip(corner, ends, strict=True)]))
        if scene.valid.any():
            yield scene
            empty = None
        elif corner == (0,) * len(corner):
            empty = scene
    if empty is not None:
        yield empty
