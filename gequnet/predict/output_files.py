"""Where the answers about images go, what they are called, and room for them until they are complete."""

import math
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

MAPPED = 2**26
"""Bytes from which on a map is kept in a file and not in memory."""
WHITE = 255


@dataclass(frozen=True)
class OutputOptions:
    """What is written about each image.

    Args:
        classes: Of the network.
        layers: Of labels: the number of regions where they may overlap, else 1.
        probabilities: Whether those of each class are written.
        uncertainty: Whether by how much they differ over the orbit is.
        contours: Whether a picture of the borders is.
        white: Whether foreground is 255 in labels, and not 1.
    """

    classes: int
    layers: int
    probabilities: bool = False
    uncertainty: bool = False
    contours: bool = False
    white: bool = False


@dataclass(frozen=True)
class Outputs:
    """The files of one image; those that are not wanted are None."""

    labels: Path
    probabilities: Path | None = None
    uncertainty: Path | None = None
    contours: Path | None = None

    @property
    def paths(self) -> list[Path]:
        """All of them."""
        return [path for path in (self.labels, self.probabilities, self.uncertainty, self.contours) if path]


def planned_outputs(inputs: Sequence[Input], out: Path, wanted: OutputOptions) -> list[Outputs]:
    """The files that each input will have: under its own name in the folder ``out``, or ``out`` itself.

    Args:
        inputs: The images.
        out: A folder; of one image it may be the name of the file, which says so by its ending.
        wanted: What is written.

    Raises:
        ConfigError: Two inputs would have one file, an input would be overwritten, or a file cannot have this ending.
    """
    if out.is_dir() or not _is_file_name(out, inputs):
        planned = [_named(out / each.name, each.format, wanted) for each in inputs]
    elif len(inputs) > 1:
        raise ConfigError(f"-o {out} names one file and there are {len(inputs)} images: name a folder.")
    else:
        planned = [_as_named(out, inputs[0], wanted)]
    _check_apart(inputs, planned)
    return planned


def _is_file_name(out: Path, inputs: Sequence[Input]) -> bool:
    known = {ending for each in inputs if each.format for ending in each.format.endings}
    return out.name.lower().endswith((*known, ".png", ".tif", ".tiff", ".nii", ".nii.gz", ".jpg", ".jpeg", ".bmp"))


def _as_named(out: Path, given: Input, wanted: OutputOptions) -> Outputs:
    endings = given.format.endings if given.format else (".png",)
    customary = _ending(given.format, wanted.layers, np.uint8)
    # A PNG has no room for several layers, and every other format has for one.
    allowed = endings[endings.index(customary) :]
    ending = next((each for each in allowed if out.name.lower().endswith(each)), None)
    if ending is None:
        raise ConfigError(f"-o {out} cannot be written over {given.path}: its mask ends in {' or '.join(allowed)}.")
    stem = out.with_name(out.name[: -len(ending)])
    rest = _named(stem, given.format, wanted)
    return Outputs(out, rest.probabilities, rest.uncertainty, rest.contours)


def _named(stem: Path, kind: type[ImageFile] | None, wanted: OutputOptions) -> Outputs:
    def path(what: str, layers: int, dtype: type) -> Path:
        return stem.with_name(f"{stem.name}{what}{_ending(kind, layers, dtype)}")

    return Outputs(
        path("", wanted.layers, np.uint8),
        path("_probabilities", wanted.classes, np.float32) if wanted.probabilities else None,
        path("_uncertainty", wanted.layers, np.float32) if wanted.uncertainty else None,
        stem.with_name(f"{stem.name}_contours.png") if wanted.contours else None,
    )


def _ending(kind: type[ImageFile] | None, layers: int, dtype: type) -> str:
    return kind.ending(layers, np.dtype(dtype)) if kind else ".png"


def _check_apart(inputs: Sequence[Input], planned: Sequence[Outputs]) -> None:
    sources = {file.resolve(): file for each in inputs for file in each.files}
    taken: dict[Path, Path] = {}
    for given, outputs in zip(inputs, planned, strict=True):
        for path in outputs.paths:
            where = path.resolve()
            if where in sources:
                raise ConfigError(
                    f"{path} would be written over the image {sources[where]}: name another folder by -o."
                )
            if where in taken:
                raise ConfigError(
                    f"{taken[where]} and {given.path} would both be answered in {path}: ask about them one by one, or "
                    "rename one."
                )
            taken[where] = given.path


class PageBuffer:
    """Room for the answers about all pages of an image, in memory or, where they are large, mapped from a file.

    Args:
        image: The image.
        wanted: What is written about it.
        folder: Where large maps lie; such a file has no name and is gone with the process, however that ends.
    """

    def __init__(self, image: ImageFile, wanted: OutputOptions, folder: Path) -> None:
        self.image, self.wanted, self.folder = image, wanted, folder
        self.labels = self._room(wanted.layers, np.uint8)
        self.probabilities = self._room(wanted.classes, np.float32) if wanted.probabilities else None
        self.uncertainty = self._room(wanted.layers, np.float32) if wanted.uncertainty else None

    def put(self, page: int, first: int, answer: Prediction) -> None:
        """Keeps what is wanted of the answer about the rows of a page from ``first`` on."""
        rows = slice(first, first + answer.labels.shape[1])
        self.labels[page, :, rows] = answer.labels * (WHITE if self.wanted.white else 1)
        if self.probabilities is not None:
            self.probabilities[page, :, rows] = answer.probabilities
        if self.uncertainty is not None:
            self.uncertainty[page, :, rows] = answer.uncertainty

    def write(self, outputs: Outputs) -> None:
        """Writes the maps over the image."""
        self.image.write(outputs.labels, self.labels)
        if self.probabilities is not None and outputs.probabilities is not None:
            self.image.write(outputs.probabilities, self.probabilities)
        if self.uncertainty is not None and outputs.uncertainty is not None:
            self.image.write(outputs.uncertainty, self.uncertainty)

    def _room(self, layers: int, dtype: type) -> np.ndarray:
        shape = (self.image.pages, layers, *self.image.space)
        if math.prod(shape) * np.dtype(dtype).itemsize < MAPPED:
            return np.zeros(shape, dtype)
        with tempfile.TemporaryFile(dir=self.folder) as file:
            return np.memmap(file, dtype, "w+", shape=shape)


@contextmanager
def temporary_names(outputs: Outputs) -> Iterator[Outputs]:
    """The same files under other names, until all of them are written."""
    with ExitStack() as stack:

        def another(path: Path | None) -> Path | None:
            return None if path is None else stack.enter_context(atomic_path(path))

        further = map(another, (outputs.probabilities, outputs.uncertainty, outputs.contours))
        yield Outputs(stack.enter_context(atomic_path(outputs.labels)), *further)
