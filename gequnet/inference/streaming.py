"""Prediction for images larger than the memory: read in windows, predicted band by band."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product

from torch import Tensor

from gequnet.data.errors import NoValidPixelError
from gequnet.data.formats.image_file import ImageFile
from gequnet.data.preprocessing import Preprocessing
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

    The image is read twice: once for the scale of its intensities, and once, window by window, for the prediction. From
    the first pixel without a value on, each band is read once more. In memory are only the windows of one pass and the
    logits of as many rows as a window has. The result equals that of ``ImagePredictor.predict`` with the same windows.

    Args:
        predictor: The network; its preprocessing must not need the whole image.
        image: The file. If its format cannot be read in windows, its pixels are in memory in the file's data type.
        page: Page of the file.

    Yields:
        The first row of the band, and the prediction for the band.

    Raises:
        NoValidPixelError: No pixel is valid.
    """
    assert not predictor.net.preprocessing.needs_whole_image
    net, preprocessing = predictor.net, predictor.preprocessing
    tiling = Tiling.over(image.space, predictor.window, predictor.overlap)

    def raw(window: Sequence[slice]) -> Tensor:
        return image.read(page, window)

    scale = scale_in_windows(preprocessing, raw, image.space, tiling.window, str(image.path))
    seen = holes = False

    def read(part: Part) -> Tensor:
        nonlocal seen, holes
        scene = preprocessing.whole_scene(raw([each for each in part if isinstance(each, slice)]))
        seen, holes = seen or bool(scene.valid.any()), holes or not scene.valid.all()
        return scale(pixels(scene.image))[None].to(net.device)

    for first, logits in bands(OrbitLogits(predictor.orbit), read, tiling, predictor.options.batch_size):
        statistics = predictor.orbit_statistics(logits)
        mean, deviation = statistics.mean.numpy(), statistics.deviation.numpy()
        rows = [slice(first, first + mean.shape[1]), *(slice(0, side) for side in image.space[1:])]
        measured = preprocessing.measured(raw(rows)) if holes else None
        yield first, Prediction.from_probabilities(net, mean, deviation, measured)
    if not seen:  # with a fixed scale the image is read once
        raise NoValidPixelError(str(image.path))


def scale_in_windows(
    preprocessing: Preprocessing, read: Read, space: Sequence[int], side: Sequence[int], name: str = "The image"
) -> Scale:
    """Intensity scale of an image that is read one window at a time.

    Args:
        preprocessing: Its normalisation is the rule.
        read: Reads a window of the image.
        space: Size of the image.
        side: Sides of the windows, which lie side by side without overlap.
        name: Name of the image, for the error.

    Raises:
        NoValidPixelError: No pixel is valid.
    """
    if preprocessing.normalisation == "none" or preprocessing.fixed is not None:
        return preprocessing.scale(preprocessing.whole_scene(read([slice(0, 1) for _ in space])))

    def scene(window: Sequence[slice]) -> Scene:
        return preprocessing.whole_scene(read(window))

    return scale_of_parts(_valid_parts(scene, space, side, name), preprocessing.normalisation)


def _valid_parts(
    scene: Callable[[Sequence[slice]], Scene], space: Sequence[int], side: Sequence[int], name: str
) -> Iterator[Scene]:
    """The parts of an image with valid pixels."""
    starts, found = [range(0, length, step) for length, step in zip(space, side, strict=True)], False
    for corner in product(*starts):
        ends = [min(first + step, length) for first, step, length in zip(corner, side, space, strict=True)]
        part = scene([slice(*pair) for pair in zip(corner, ends, strict=True)])
        if part.valid.any():
            found = True
            yield part
    if not found:
        raise NoValidPixelError(name)
