"""One image file, answered: read, asked about as a whole or in windows, and written."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from gequnet.data.formats.image_file import ImageFile, InputSpec
from gequnet.data.formats.open_image import open_image
from gequnet.inference.prediction import ImagePredictor, Prediction
from gequnet.inference.streaming import stream
from gequnet.predict.input_files import Input
from gequnet.predict.output_files import OutputOptions, Outputs, PageBuffer, temporary_names
from gequnet.predict.overlay import Overlay

Done = Callable[[float], None]
"""Is told which share of an image is done."""


def answer_file(questioner: ImagePredictor, given: Input, outputs: Outputs, wanted: OutputOptions, done: Done) -> str:
    """Answers one image; all of its files appear at the end, or none.

    Args:
        questioner: The network.
        given: The image.
        outputs: Where the answers go.
        wanted: What they are.
        done: Is told how far it is.

    Returns:
        A remark, where not everything could be done that was wanted; else nothing.

    Raises:
        DataError: The image cannot be read, or is not what the network takes.
    """
    net, remark = questioner.net, ""
    folder = outputs.labels.parent
    with open_image(given.files, InputSpec(net.in_channels, net.spatial_dims), given.path) as image:
        folder.mkdir(parents=True, exist_ok=True)
        maps, overlay = PageBuffer(image, wanted, folder), Overlay(net, image)
        streams = not net.preprocessing.whole and math.prod(image.space) > questioner.manner.max_pixels
        if streams and outputs.contours:
            outputs, remark = replace(outputs, contours=None), "too large for a picture of its contours"
        for page in range(image.pages):
            answers = stream(questioner, image, page) if streams else _at_once(questioner, image, page, overlay)
            for first, answer in answers:
                maps.put(page, first, answer)
                done((page + (first + answer.labels.shape[1]) / image.space[0]) / image.pages)
        with temporary_names(outputs) as files:
            maps.write(files)
            if files.contours is not None:
                overlay.draw(files.contours)
    return remark


def _at_once(
    questioner: ImagePredictor, image: ImageFile, page: int, overlay: Overlay
) -> Iterator[tuple[int, Prediction]]:
    seen = image.read(page)
    answer = questioner.about(seen, image.spacing_mm)
    overlay.offer(page, seen, answer)
    yield 0, answer
