"""One image file, answered: read, asked about as a whole or in windows, and written."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from gequnet.answer import Answer, Questioner
from gequnet.images import ImageFile, Takes, open_image
from gequnet.images.inputs import Input
from gequnet.outputs import Maps, Outputs, Wanted, unfinished
from gequnet.overlay import Overlay
from gequnet.streaming import stream

Done = Callable[[float], None]
"""Is told which share of an image is done."""


def answer_file(questioner: Questioner, given: Input, outputs: Outputs, wanted: Wanted, done: Done) -> str:
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
    with open_image(given.files, Takes(net.in_channels, net.spatial_dims), given.path) as image:
        folder.mkdir(parents=True, exist_ok=True)
        maps, overlay = Maps(image, wanted, folder), Overlay(net, image)
        streams = not net.intake.whole and math.prod(image.space) > questioner.manner.max_pixels
        if streams and outputs.contours:
            outputs, remark = replace(outputs, contours=None), "too large for a picture of its contours"
        for page in range(image.pages):
            answers = stream(questioner, image, page) if streams else _at_once(questioner, image, page, overlay)
            for first, answer in answers:
                maps.put(page, first, answer)
                done((page + (first + answer.labels.shape[1]) / image.space[0]) / image.pages)
        with unfinished(outputs) as files:
            maps.write(files)
            if files.contours is not None:
                overlay.draw(files.contours)
    return remark


def _at_once(questioner: Questioner, image: ImageFile, page: int, overlay: Overlay) -> Iterator[tuple[int, Answer]]:
    seen = image.read(page)
    answer = questioner.about(seen, image.spacing_mm)
    overlay.offer(page, seen, answer)
    yield 0, answer
