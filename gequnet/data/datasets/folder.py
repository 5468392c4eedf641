"""User dataset: a folder of images and a folder of masks."""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from gequnet.data.errors import AmbiguousNameError, DataError, NoImagesError, UnpairedImageError
from gequnet.data.formats.mask_settings import MaskValue
from gequnet.data.formats.masks import BinaryMaskReader, MaskReader, PaletteMaskReader
from gequnet.data.formats.pictures import PICTURES, check_size, read_header, read_picture
from gequnet.data.nodata import Nodata, nodata_values
from gequnet.data.scene import Scene
from gequnet.data.splits.folds import FoldedSource, folds
from gequnet.errors import ConfigError

log = logging.getLogger("gequnet")


class PairedFolder(FoldedSource):
    """Images and masks of the same names, in any common format, with cross-validation.

    ::

        images/house_1.jpg    masks/house_1.png
        images/house_2.jpg    masks/house_2.png

    An id is a file name without its ending. Without a ``palette`` there is one class, white on black. With a
    ``palette`` there are several exclusive classes, predicted by a softmax.

    Args:
        images: Folder of the images.
        masks: Folder of the masks; may be the same folder if there is a ``mask_suffix``.
        in_channels: 3 converts all images to colour, 1 to grey; with any other number all images have as many.
        mask_suffix: Suffix of a mask after the name of its image: ``_mask`` for ``house_1_mask.png``.
        threshold: Grey level above which a pixel of a mask is foreground; None requires black and white.
        palette: Classes, background first, with the value of each in the masks: a number or ``[r, g, b]``.
        ignore: Value or values of pixels that are not valid.
        unlabelled: Folder of images without masks, for figures; None for none.
        groups: Regular expression for the subject in a file name. Images with the same match (of the first parentheses,
            if it has any) stay in one fold. None if each image is its own group.
        fold: Index of the test fold, see ``FoldedSource``.
        folds: Number of folds.
        fold_seed: Seed of the assignment of images to folds.
        nodata: Value or values of pixels without data, in the numbers of the files; these pixels are not valid.

    Raises:
        ConfigError: If the arguments contradict each other.
    """

    name = "folder"

    def __init__(
        self,
        images: str | Path,
        masks: str | Path,
        in_channels: int = 3,
        mask_suffix: str = "",
        threshold: int | float | None = None,
        palette: Mapping[str, MaskValue] | None = None,
        ignore: int | float | Sequence[MaskValue] | None = None,
        unlabelled: str | Path | None = None,
        groups: str | None = None,
        fold: int | None = 0,
        folds: int = 5,
        fold_seed: int = 0,
        nodata: Nodata = None,
    ) -> None:
        super().__init__(fold, folds)
        self.images, self.masks, self.mask_suffix = Path(images), Path(masks), mask_suffix
        self.unlabelled = None if unlabelled is None else Path(unlabelled)
        self.in_channels, self.groups, self.fold_seed = in_channels, groups, fold_seed
        self.nodata = nodata_values(nodata)
        if in_channels < 1:
            raise ConfigError(f"data.in_channels={in_channels} is no number of channels: give 1, 3 or more.")
        if self.images == self.masks and not mask_suffix:
            raise ConfigError(
                f"data.source.images and data.source.masks are both {images}: name two folders, or set the suffix of "
                "masks, data.source.mask_suffix=_mask, say."
            )
        self.reader = _reader(threshold, palette, ignore)

    @cached_property
    def image_files(self) -> dict[str, Path]:
        """Image file of each id."""
        found = _by_name(self.images)
        if self.images == self.masks:
            found = {name: path for name, path in found.items() if not name.endswith(self.mask_suffix)}
        if not found:
            raise NoImagesError("images", self.images.absolute(), _endings(self.images))
        return found

    @cached_property
    def mask_files(self) -> dict[str, Path]:
        """Mask file of each id."""
        return _by_name(self.masks, self.mask_suffix)

    def dealt(self) -> list[list[str]]:
        """Folds of images; those of one group stay together."""
        units: dict[str, list[str]] = {}
        for sample_id in self.image_files:
            units.setdefault(self._group(sample_id), []).append(sample_id)
        return folds(list(units.values()), self.folds, self.fold_seed)

    def load(self, sample_id: str) -> Scene:
        """Image, mask and valid pixels, at full resolution."""
        mask, valid = self.reader.read(self.mask_files[sample_id])
        image = read_picture(self.image_files[sample_id], self.in_channels, nodata=self.nodata)
        return Scene(sample_id, image, mask, valid)

    def facts(self, sample_id: str) -> dict[str, str | float]:
        """The ``group``, if ``groups`` is given."""
        return {} if self.groups is None else {"group": self._group(sample_id)}

    def check(self) -> None:
        """Check that every image has a readable mask of its size."""
        ambiguous = []
        for sample_id, image in self.image_files.items():
            for error in self.missing(sample_id):
                raise error
            mask, _ = self.reader.read(self.mask_files[sample_id])
            header = read_header(image)
            if header.size != tuple(mask.shape):
                check_size(sample_id, "mask", self.mask_files[sample_id], image)
            ambiguous += [sample_id] if header.ambiguous else []
        self._warn_of_orientation(ambiguous)
        if self.unlabelled is not None and not _by_name(self.unlabelled):
            raise NoImagesError("unlabelled", self.unlabelled.absolute(), _endings(self.unlabelled))

    def missing(self, sample_id: str) -> list[DataError]:
        """Error for the mask, if it is missing."""
        if sample_id in self.mask_files:
            return []
        expected = self.masks.absolute() / f"{sample_id}{self.mask_suffix}"
        return [UnpairedImageError(self.image_files[sample_id].absolute(), expected)]

    def unlabelled_images(self) -> Iterator[tuple[str, Tensor]]:
        """Names and images of the folder ``unlabelled``."""
        for name, path in ({} if self.unlabelled is None else _by_name(self.unlabelled)).items():
            yield name, read_picture(path, self.in_channels, nodata=self.nodata)

    def _warn_of_orientation(self, ids: Sequence[str]) -> None:
        """Log a warning if one of these masks has no orientation; the size does not tell on which grid it was drawn."""
        for sample_id in ids:
            if read_header(self.mask_files[sample_id]).orientation == 1:
                image = self.image_files[sample_id]
                log.warning(
                    "%s is turned by its EXIF orientation %d and its mask has none: check that the mask was drawn on "
                    "the upright photograph. Other images are not named.",
                    *(image, read_header(image).orientation),
                )
                return

    def _group(self, sample_id: str) -> str:
        if self.groups is None:
            return sample_id
        found = re.search(self.groups, sample_id)
        if found is None:
            raise ConfigError(
                f"data.source.groups={self.groups} finds nothing in the name {sample_id}: give a regular expression "
                "that matches the subject in the name of every image."
            )
        return found[1] if found.re.groups else found[0]


def _endings(folder: Path) -> list[str]:
    """Endings of the files in a folder, the most frequent first."""
    endings = Counter(path.name.partition(".")[2] for path in folder.glob("*") if path.is_file())
    return [f".{ending}" if ending else "no ending" for ending, _ in endings.most_common(5)]


def _reader(threshold: Any, palette: Any, ignore: Any) -> MaskReader:
    if palette is None:
        return BinaryMaskReader(threshold, ignore)
    if threshold is not None:
        raise ConfigError(
            f"data.source.threshold={threshold} makes two classes of grey levels and data.source.palette names "
            "classes by their values: leave one of the two out."
        )
    return PaletteMaskReader(palette, ignore)


def _by_name(folder: Path, suffix: str = "") -> dict[str, Path]:
    """Pictures of a folder whose stems end in the suffix, by their stems without it, sorted."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*")):
        if path.suffix.lower() not in PICTURES or path.name.startswith(".") or not path.stem.endswith(suffix):
            continue
        name = path.stem.removesuffix(suffix)
        if name in found:
            raise AmbiguousNameError(found[name].absolute(), path)
        found[name] = path
    return found
