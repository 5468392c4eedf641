"""Output files of a prediction: their names, and buffers until they are complete."""

import math
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gequnet.data.formats.atomic_write import atomic_path
from gequnet.data.formats.image_file import ImageFile
from gequnet.errors import ConfigError
from gequnet.inference.prediction import Prediction
from gequnet.predict.input_files import Input

MEMORY_MAP_BYTES = 2**26
"""Bytes from which a buffer is mapped from a file instead of held in memory."""
WHITE = 255


@dataclass(frozen=True)
class OutputOptions:
    """Options of the output files.

    Args:
        classes: Number of classes of the network.
        layers: Number of label layers: the number of regions if they may overlap, else 1.
        probabilities: True to write the probabilities of each class.
        uncertainty: True to write the deviation over the orbit.
        contours: True to draw the contours.
        white: True if foreground is 255 in labels, False if 1.
    """

    classes: int
    layers: int
    probabilities: bool = False
    uncertainty: bool = False
    contours: bool = False
    white: bool = False


@dataclass(frozen=True)
class Outputs:
    """Output files of one image; None for those that are not written."""

    labels: Path
    probabilities: Path | None = None
    uncertainty: Path | None = None
    contours: Path | None = None

    @property
    def paths(self) -> list[Path]:
        """All files that are written."""
        return [path for path in (self.labels, self.probabilities, self.uncertainty, self.contours) if path]


def plan_outputs(inputs: Sequence[Input], out: Path, options: OutputOptions) -> list[Outputs]:
    """Output files of each input: under its own name in the folder ``out``, or ``out`` itself.

    Args:
        inputs: The images.
        out: A folder, or for one image a file name, which is recognised by its ending.
        options: The files to write.

    Raises:
        ConfigError: Two inputs would have one file, an input would be overwritten, or a file cannot have this ending.
    """
    if out.is_dir() or not _is_file_name(out, inputs):
        planned = [_named(out / each.name, each.format, options) for each in inputs]
    elif len(inputs) > 1:
        raise ConfigError(f"-o {out} is one file, but there are {len(inputs)} images: give a folder.")
    else:
        planned = [_as_named(out, inputs[0], options)]
    _check_unique(inputs, planned)
    return planned


def _is_file_name(out: Path, inputs: Sequence[Input]) -> bool:
    known = {ending for each in inputs if each.format for ending in each.format.endings}
    named = out.name.lower().endswith((*known, ".png", ".tif", ".tiff", ".nii", ".nii.gz", ".jpg", ".jpeg", ".bmp"))
    if not named and re.fullmatch(r"\.[A-Za-z]\w*", out.suffix):
        raise ConfigError(
            f"-o {out} is no folder, and {out.suffix} is the ending of no label file: use .png, .tif or .nii.gz as the "
            "image has it, or make the folder first."
        )
    return named


def _as_named(out: Path, image: Input, options: OutputOptions) -> Outputs:
    endings = image.format.endings if image.format else (".png",)
    customary = _ending(image.format, options.layers, np.uint8)
    # A PNG holds one layer only; the other formats hold one or several.
    allowed = endings[endings.index(customary) :]
    ending = next((each for each in allowed if out.name.lower().endswith(each)), None)
    if ending is None:
        raise ConfigError(f"-o {out} has the wrong ending for labels of {image.path}: use {' or '.join(allowed)}.")
    stem = out.with_name(out.name[: -len(ending)])
    rest = _named(stem, image.format, options)
    return Outputs(out, rest.probabilities, rest.uncertainty, rest.contours)


def _named(stem: Path, kind: type[ImageFile] | None, options: OutputOptions) -> Outputs:
    def path(what: str, layers: int, dtype: type) -> Path:
        return stem.with_name(f"{stem.name}{what}{_ending(kind, layers, dtype)}")

    return Outputs(
        path("", options.layers, np.uint8),
        path("_probabilities", options.classes, np.float32) if options.probabilities else None,
        path("_uncertainty", options.layers, np.float32) if options.uncertainty else None,
        stem.with_name(f"{stem.name}_contours.png") if options.contours else None,
    )


def _ending(kind: type[ImageFile] | None, layers: int, dtype: type) -> str:
    return kind.ending(layers, np.dtype(dtype)) if kind else ".png"


def _check_unique(inputs: Sequence[Input], planned: Sequence[Outputs]) -> None:
    sources = {file.resolve(): file for each in inputs for file in each.files}
    taken: dict[Path, Path] = {}
    for image, outputs in zip(inputs, planned, strict=True):
        for path in outputs.paths:
            where = path.resolve()
            if where in sources:
                raise ConfigError(
                    f"{path} would overwrite the input image {sources[where]}: give another folder with -o."
                )
            if where in taken:
                raise ConfigError(
                    f"{taken[where]} and {image.path} would both be written to {path}: predict them one by one, or "
                    "rename one."
                )
            taken[where] = image.path


class PageBuffer:
    """Buffer for the predictions of all pages of an image, in memory or, if large, mapped from a temporary file.

    Args:
        image: The image.
        options: The files to write.
        folder: Folder of the temporary files. They have no name and disappear when the process ends, even if it is
            killed.
    """

    def __init__(self, image: ImageFile, options: OutputOptions, folder: Path) -> None:
        self.image, self.options, self.folder = image, options, folder
        self.labels = self._allocate(options.layers, np.uint8)
        self.probabilities = self._allocate(options.classes, np.float32) if options.probabilities else None
        self.uncertainty = self._allocate(options.layers, np.float32) if options.uncertainty else None

    def put(self, page: int, first: int, prediction: Prediction) -> None:
        """Store the prediction for the rows of a page from row ``first`` on."""
        rows = slice(first, first + prediction.labels.shape[1])
        self.labels[page, :, rows] = prediction.labels * (WHITE if self.options.white else 1)
        if self.probabilities is not None:
            self.probabilities[page, :, rows] = prediction.probabilities
        if self.uncertainty is not None:
            self.uncertainty[page, :, rows] = prediction.uncertainty

    def write(self, outputs: Outputs) -> None:
        """Write the buffers to files with the geometry of the image."""
        self.image.write(outputs.labels, self.labels)
        if self.probabilities is not None and outputs.probabilities is not None:
            self.image.write(outputs.probabilities, self.probabilities)
        if self.uncertainty is not None and outputs.uncertainty is not None:
            self.image.write(outputs.uncertainty, self.uncertainty)

    def _allocate(self, layers: int, dtype: type) -> np.ndarray:
        shape = (self.image.pages, layers, *self.image.space)
        if math.prod(shape) * np.dtype(dtype).itemsize < MEMORY_MAP_BYTES:
            return np.zeros(shape, dtype)
        with tempfile.TemporaryFile(dir=self.folder) as file:
            return np.memmap(file, dtype, "w+", shape=shape)


@contextmanager
def temporary_names(outputs: Outputs) -> Iterator[Outputs]:
    """Temporary names of output files, which are renamed once all of them are written."""
    with ExitStack() as stack:

        def another(path: Path | None) -> Path | None:
            return None if path is None else stack.enter_context(atomic_path(path))

        further = map(another, (outputs.probabilities, outputs.uncertainty, outputs.contours))
        yield Outputs(stack.enter_context(atomic_path(outputs.labels)), *further)
