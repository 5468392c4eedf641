"""Prediction for one image file: read, predicted as a whole or in windows, and written."""

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

ReportProgress = Callable[[float], None]
"""Function that takes the share of an image that is done."""


def predict_file(
    predictor: ImagePredictor, source: Input, outputs: Outputs, options: OutputOptions, report: ReportProgress
) -> str:
    """Predict one image file; its output files appear together at the end, or not at all.

    Args:
        predictor: The network.
        source: The image.
        outputs: The output files.
        options: The kinds of files to write.
        report: Receives the share of the image that is done.

    Returns:
        Remarks about outputs that had to be left out and pixels without a value; empty if there are none.

    Raises:
        DataError: The image cannot be read, or the network does not take it.
    """
    net, remark, missing = predictor.net, "", 0
    folder = outputs.labels.parent
    spec = InputSpec(net.in_channels, net.spatial_dims, net.preprocessing.nodata)
    with open_image(source.files, spec, source.path) as image:
        folder.mkdir(parents=True, exist_ok=True)
        buffer, overlay = PageBuffer(image, options, folder), Overlay(net, image)
        streams = not net.preprocessing.needs_whole_image and math.prod(image.space) > predictor.options.max_pixels
        if streams and outputs.contours:
            outputs, remark = replace(outputs, contours=None), "too large for a picture of its contours"
        for page in range(image.pages):
            parts = stream(predictor, image, page) if streams else _whole_page(predictor, image, page, overlay)
            for first, prediction in parts:
                buffer.put(page, first, prediction)
                missing += prediction.missing
                report((page + (first + prediction.labels.shape[1]) / image.space[0]) / image.pages)
        with temporary_names(outputs) as files:
            buffer.write(files)
            if files.contours is not None:
                overlay.draw(files.contours)
    without = f"{missing} pixels have no value (nan, infinite or nodata) and are background" if missing else ""
    return ", ".join(filter(None, (remark, without)))


def _whole_page(
    predictor: ImagePredictor, image: ImageFile, page: int, overlay: Overlay
) -> Iterator[tuple[int, Prediction]]:
    pixels = image.read(page)
    prediction = predictor.predict(pixels, image.spacing_mm, str(image.path))
    overlay.add(page, pixels, prediction)
    yield 0, prediction
