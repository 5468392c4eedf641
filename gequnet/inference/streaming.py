"""Prediction for images larger than the memory: read in windows, predicted band by band."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import torch
from torch import Tensor

from gequnet.data.formats.image_file import ImageFile
from gequnet.data.preprocessing import Preprocessing, unlabelled_scene
from gequnet.data.scene import Scene, pixels
from gequnet.data.transforms.normalise import Scale, scale_of_parts
from gequnet.inference.prediction import ImagePredictor, Prediction
from gequnet.inference.sliding_window import bands
from gequnet.inference.test_time_augmentation import OrbitLogits
from gequnet.inference.tiling import Part, Tiling

Read = Callable[[Sequence[slice]], Tensor]
"""Function that reads a window ``[C, *window]`` of an image, with the intensities of its file."""


def stream(predictor: ImagePredictor, image: ImageFile, page: int = 0) -> Iterator[tuple[int, Prediction]]:
    """Prediction for an image that is never in memory as a whole: one band of rows after the other, in order.

    The image is read twice: once for the scale of its intensities, and once, window by window, for the prediction. In
    memory are only the windows of one pass and the logits of as many rows as a window has. The result equals that of
    ``ImagePredictor.predict`` with the same windows.

    Args:
        predictor: The network; its preprocessing must not need the whole image.
        image: The file. If its format cannot be read in windows, its pixels are in memory in the file's data type.
        page: Page of the file.

    Yields:
        The first row of the band, and the prediction for the band.
    """
    assert not predictor.net.preprocessing.needs_whole_image
    net = predictor.net
    tiling = Tiling.over(image.space, predictor.window, predictor.overlap)

    def raw(window: Sequence[slice]) -> Tensor:
        return image.read(page, window)

    scale = scale_in_windows(net.preprocessing, raw, image.space, tiling.window)

    def read(part: Part) -> Tensor:
        scene = scene_of(raw([each for each in part if isinstance(each, slice)]))
        return scale(pixels(scene.image))[None].to(net.device)

    for first, logits in bands(OrbitLogits(predictor.orbit), read, tiling, predictor.options.batch_size):
        statistics = predictor.orbit_statistics(logits)
        yield first, Prediction.from_probabilities(net, statistics.mean.numpy(), statistics.deviation.numpy())


def scale_in_windows(preprocessing: Preprocessing, read: Read, space: Sequence[int], side: Sequence[int]) -> Scale:
    """Intensity scale of an image that is read one window at a time.

    Args:
        preprocessing: Its normalisation is the rule.
        read: Reads a window of the image.
        space: Size of the image.
        side: Sides of the windows, which lie side by side without overlap.
    """
    if preprocessing.normalisation == "none" or preprocessing.fixed is not None:
        return preprocessing.scale(scene_of(read([slice(0, 1) for _ in space])))
    return scale_of_parts(_valid_parts(read, space, side), preprocessing.normalisation)


def scene_of(image: Tensor) -> Scene:
    """Scene without labels from a part of an image; values that are not finite become 0 and are not valid."""
    finite = image.isfinite().all(0)
    return unlabelled_scene(torch.where(finite, image, 0), finite)


def _valid_parts(read: Read, space: Sequence[int], side: Sequence[int]) -> Iterator[Scene]:
    """Parts of an image with valid pixels; the first part if no pixel of the image is valid."""
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
