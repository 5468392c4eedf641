"""What can be wrong with a dataset on disk, each said in one sentence that ends with what to do."""

from collections.abc import Sequence
from pathlib import Path

from gequnet.errors import GequnetError


class DataError(GequnetError):
    """Something about the data on disk has to be mended before anything can be computed."""


class DatasetNotFoundError(DataError):
    """No folder of the dataset's layout exists where it was looked for."""

    def __init__(self, name: str, looked_in: Sequence[Path], layout: str, source: str) -> None:
        places = " and ".join(str(place) for place in looked_in)
        super().__init__(
            f"{name} was not found: looked in {places} for {layout}; get it from {source} and say where "
            "it is with paths.data=<folder>."
        )


class NoImagesError(DatasetNotFoundError):
    """A folder of one's own images holds none, or is not there."""

    def __init__(self, what: str, folder: Path) -> None:
        DataError.__init__(
            self,
            f"No images in {folder}, which data.source.{what} names; put images and masks of the same names into "
            "folders called images and masks and say paths.data=<folder that holds both>, or name each by itself: "
            "data.source.images=<folder> data.source.masks=<folder>.",
        )


class UnpairedImageError(DataError):
    """Of one's own images one has no mask."""

    def __init__(self, image: Path, expected: Path) -> None:
        super().__init__(
            f"{image} has no mask, expected {expected} with the ending of any common format; add it, say "
            "data.source.mask_suffix=<what masks have behind the image's name>, or move the image to a folder "
            "data.source.unlabelled=<folder>."
        )


class AmbiguousNameError(DataError):
    """Two files have one name but for the ending."""

    def __init__(self, one: Path, other: Path) -> None:
        super().__init__(f"{one} and {other.name} would be one image, {one.stem}; keep one of them, or rename it.")


class MissingImageError(DataError):
    """The split names an image that is not in the folder."""

    def __init__(self, name: str, sample_id: str, path: Path) -> None:
        super().__init__(
            f"{name}: image {sample_id} of the split is not there, expected {path}; complete the download."
        )


class MissingMaskError(DataError):
    """An image has no mask (or no field of view or second observer, where the dataset ships them)."""

    def __init__(self, name: str, sample_id: str, path: Path, what: str = "mask") -> None:
        super().__init__(
            f"{name}: image {sample_id} has no {what}, expected {path}; every image needs "
            "one, so complete the download."
        )


class SizeMismatchError(DataError):
    """Two arrays of one sample that must lie over each other have different sizes."""

    def __init__(self, sample_id: str, what: str, came: Sequence[int], expected: Sequence[int]) -> None:
        super().__init__(
            f"Sample {sample_id}: the {what} has {_side(came)} pixels and the image {_side(expected)}; "
            "both must show the same picture at the same resolution, so fetch the file that belongs to it."
        )


class GridMismatchError(DataError):
    """Two volumes of one sample have as many voxels and are not in the same place."""

    def __init__(self, sample_id: str, path: Path, other: Path) -> None:
        super().__init__(
            f"Sample {sample_id}: {path} and {other} have equally many voxels in different places, by their affines; "
            "one of them was turned or moved without the other, so fetch the files that belong together."
        )


class MissingModalityError(DataError):
    """One of the images that together make a sample is not there."""

    def __init__(self, name: str, sample_id: str, modality: str, path: Path) -> None:
        super().__init__(
            f"{name}: {sample_id} has no {modality}, expected {path}; all modalities are needed, in the places in "
            "which the network has learned them, so complete the download."
        )


class EmptySplitError(DataError):
    """There are images, and none of them is in one of the splits."""

    def __init__(self, name: str, split: str, images: int) -> None:
        super().__init__(
            f"{name}: no image is there for the split {split}, which has its share of all; {images} were found in the "
            "others, so complete the download."
        )


class CacheError(DataError):
    """A finished scene cannot be kept."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(
            f"Finished volumes cannot be kept in {folder} ({reason}); say where they can with paths.cache=<folder>, or "
            "do without: paths.cache=null."
        )


class UnreadableFileError(DataError):
    """A file exists and cannot be decoded."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be read as an image ({reason}); it is damaged or unfinished, fetch it again.")


class UnexpectedMaskValuesError(DataError):
    """A mask holds values that stand for no class."""

    def __init__(
        self,
        path: Path,
        came: Sequence[int | float | tuple[int, ...]],
        expected: str,
        advice: str = "it was probably saved lossily or is not a mask, fetch the original file",
    ) -> None:
        shown = ", ".join(str(value) for value in came[:8]) + (", …" if len(came) > 8 else "")
        super().__init__(f"{path} holds the values {shown} and a mask here holds {expected}; {advice}.")


class FactMismatchError(DataError):
    """A fact written in the configuration is not what the first sample shows, or what the dataset says of itself."""

    def __init__(self, name: str, fact: str, written: object, found: object, where: str = "the first sample") -> None:
        super().__init__(
            f"{name}: the configuration says {fact}={written} but {where} has {found}; "
            f"correct {fact} in conf/data or on the command line (data.{fact}={found})."
        )


def _side(size: Sequence[int]) -> str:
    return "x".join(str(side) for side in size)
