"""Errors in a dataset on disk. Each message is one sentence that ends with what to do."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gequnet.errors import GequnetError

SHOWN = 6
"""Number of values of a mask that an error lists."""

FoundValue = int | float | tuple[int | float, ...]


class DataError(GequnetError):
    """An error in the data on disk that must be corrected first."""


class DatasetNotFoundError(DataError):
    """No folder with the layout of the dataset was found."""

    def __init__(self, name: str, looked_in: Sequence[Path], layout: str, source: str) -> None:
        places = " and ".join(str(place) for place in looked_in)
        super().__init__(
            f"{name} was not found: looked in {places} for {layout}; get it from {source} and give "
            "its place with paths.data=<folder>."
        )


class NoImagesError(DatasetNotFoundError):
    """A folder of the user's images is empty or missing."""

    def __init__(self, what: str, folder: Path, endings: Sequence[str] = ()) -> None:
        others = f" (its files end in {', '.join(endings)})" if endings else ""
        DataError.__init__(
            self,
            f"No images in {folder}{others}, the value of data.source.{what}; put images and masks of the same names "
            "into folders called images and masks and give paths.data=<folder that holds both>, or give each folder: "
            "data.source.images=<folder> data.source.masks=<folder>.",
        )


class UnpairedImageError(DataError):
    """One of the user's images has no mask."""

    def __init__(self, image: Path, expected: Path) -> None:
        super().__init__(
            f"{image} has no mask, expected {expected} with the extension of any common format; add it, give "
            "data.source.mask_suffix=<text that masks have after the image's name>, or move the image to a folder "
            "data.source.unlabelled=<folder>."
        )


class AmbiguousNameError(DataError):
    """Two files have the same name with different extensions."""

    def __init__(self, one: Path, other: Path) -> None:
        super().__init__(f"{one} and {other.name} have the same name, {one.stem}; delete or rename one of them.")


class MissingImageError(DataError):
    """An image of the split is not in the folder."""

    def __init__(self, name: str, sample_id: str, path: Path) -> None:
        super().__init__(f"{name}: image {sample_id} of the split is missing, expected {path}; complete the download.")


class MissingMaskError(DataError):
    """An image has no mask, or no field of view or second observer's mask if the dataset has these."""

    def __init__(self, name: str, sample_id: str, path: Path, what: str = "mask") -> None:
        super().__init__(
            f"{name}: image {sample_id} has no {what}, expected {path}; every image needs "
            "one, so complete the download."
        )


class SizeMismatchError(DataError):
    """An overlay of an image, such as its mask, has another size than the image.

    Args:
        sample_id: The image.
        what: The overlay.
        came: Its size.
        expected: Size of the image.
        orientation: EXIF orientation of the image, if only the image is turned by it; 1 for none.
    """

    def __init__(
        self, sample_id: str, what: str, came: Sequence[int], expected: Sequence[int], orientation: int = 1
    ) -> None:
        advice = "both must have the same resolution, so fetch the file that belongs to the image"
        if orientation != 1:
            advice = (
                f"the EXIF orientation {orientation} of the image turns it and not the {what}, so save the image "
                "upright, without EXIF orientation"
            )
        super().__init__(
            f"Sample {sample_id}: the {what} has {_side(came)} pixels and the image {_side(expected)}; {advice}."
        )


class GridMismatchError(DataError):
    """Two volumes of one sample have the same size and different affines."""

    def __init__(self, sample_id: str, path: Path, other: Path) -> None:
        super().__init__(
            f"Sample {sample_id}: {path} and {other} have the same size and different affines, so their voxels are in "
            "different places: one was rotated or moved without the other; fetch the files that belong together."
        )


class MissingModalityError(DataError):
    """One of the modalities of a sample is missing."""

    def __init__(self, name: str, sample_id: str, modality: str, path: Path) -> None:
        super().__init__(
            f"{name}: {sample_id} has no {modality}, expected {path}; the network needs all modalities in a "
            "fixed order, so complete the download."
        )


class EmptySplitError(DataError):
    """A split has no images, though others have."""

    def __init__(self, name: str, split: str, images: int) -> None:
        super().__init__(
            f"{name}: the split {split} has no image (the other splits have {images}), so complete the download."
        )


class NoValidPixelError(DataError):
    """An image has no pixel to learn from or to score."""

    def __init__(self, image: str) -> None:
        super().__init__(
            f"{image} has no valid pixel (each is infinite, nan, a nodata value, outside the field of view or of an "
            "ignored label), so leave it out or replace it."
        )


class EmptyFoldError(EmptySplitError):
    """A fold of a cross-validation leaves a split without images."""

    def __init__(self, name: str, split: str, images: int, fold: int | None) -> None:
        DataError.__init__(
            self,
            f"{name}: with data.source.fold={fold} the split {split} has no image (all splits together have {images}); "
            "take another data.source.fold, or fewer data.source.folds.",
        )


class CacheError(DataError):
    """A finished scene cannot be written to the cache."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(
            f"Finished volumes cannot be written to {folder} ({reason}); give another folder with paths.cache=<folder> "
            "or none with paths.cache=null."
        )


class UnreadableFileError(DataError):
    """A file cannot be decoded."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be read as an image ({reason}); it is damaged or incomplete, fetch it again.")


class NotAnImageError(UnreadableFileError):
    """A file is no image."""

    def __init__(self, path: Path, what: str) -> None:
        DataError.__init__(self, f"{path} is no image but {what}; give an image in its place, or remove it.")


class UnsupportedImageError(UnreadableFileError):
    """An image is not damaged, and cannot be read without a change of its values."""

    def __init__(self, path: Path, came: str, advice: str) -> None:
        DataError.__init__(self, f"{path} {came}; {advice}.")


class LabelNumbersError(DataError):
    """A description of a dataset has labels that are not 0, 1 and so on."""

    def __init__(self, path: Path, came: Sequence[str]) -> None:
        numbers = f"0 to {len(came) - 1}" if len(came) > 1 else "0"
        super().__init__(
            f"{path} declares the labels {', '.join(came)}, expected {numbers}, with a name for each; renumber them, "
            "in the volumes as well."
        )


class UnexpectedMaskValuesError(DataError):
    """A mask has values that belong to no class.

    Args:
        path: The mask.
        came: Values, or the share of the pixels of each value.
        expected: Expected values.
        advice: What to do.
    """

    def __init__(
        self,
        path: Path,
        came: Sequence[FoundValue] | Mapping[FoundValue, float],
        expected: str,
        advice: str = "it was probably saved lossily or is not a mask, fetch the original file",
    ) -> None:
        values = [_with_share(*each) for each in came.items()] if isinstance(came, Mapping) else came
        shown = ", ".join(map(str, list(values)[:SHOWN])) + (", …" if len(came) > SHOWN else "")
        super().__init__(f"{path} has the values {shown}, expected {expected}; {advice}.")


class FactMismatchError(DataError):
    """A fact in the configuration differs from the first sample, or from the dataset's own description."""

    def __init__(self, name: str, fact: str, written: object, found: object, where: str = "the first sample") -> None:
        super().__init__(
            f"{name}: the configuration says {fact}={written} but {where} has {found}; "
            f"correct {fact} in conf/data or on the command line (data.{fact}={found})."
        )


def _side(size: Sequence[int]) -> str:
    return "x".join(str(side) for side in size)


def _with_share(value: FoundValue, share: float) -> str:
    return f"{value:.7g} ({share:.2%})" if isinstance(value, float) else f"{value} ({share:.2%})"
