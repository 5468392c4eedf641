"""Pool of all fundus datasets on disk."""

import logging
from dataclasses import replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path

from gequnet.data.datasets.chase import Chase
from gequnet.data.datasets.drive import Drive
from gequnet.data.datasets.fundus import FundusSource
from gequnet.data.datasets.hrf import Hrf
from gequnet.data.datasets.prime_fp20 import PrimeFp20
from gequnet.data.datasets.stare import Stare
from gequnet.data.errors import DataError, DatasetNotFoundError
from gequnet.data.scene import Scene
from gequnet.data.source import Source, Split

log = logging.getLogger(__name__)

POOLED: tuple[type[FundusSource], ...] = (Drive, Stare, Chase, Hrf, PrimeFp20)


class Retina(Source):
    """DRIVE, STARE, CHASE_DB1, HRF and PRIME-FP20 together, or those of them that are on disk.

    An id is the name of the dataset and its id there, ``drive/21_training``. Each dataset keeps its own split. Within a
    split the datasets take turns until each is used up. Every photograph has the same weight and keeps its resolution,
    565x584 to 4000x4000 pixels, so vessels are much wider in some than in others.

    Args:
        root: The folder that holds the folders of the datasets.
    """

    name = "retina"

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.pooled = {source.name: source for source in (make(self.root) for make in POOLED)}

    @cached_property
    def present(self) -> dict[str, FundusSource]:
        """Datasets that are on disk, by their names."""
        return {name: source for name, source in self.pooled.items() if _is_there(source)}

    def ids(self, split: Split) -> list[str]:
        """Ids of each dataset's own split, the datasets in turn; those of all five if none is on disk."""
        sources = self.present or self.pooled
        of_each = [[f"{name}/{own}" for own in source.ids(split)] for name, source in sources.items()]
        return [sample_id for turn in zip_longest(*of_each) for sample_id in turn if sample_id is not None]

    def load(self, sample_id: str) -> Scene:
        """Scene of the dataset, under its id in the pool."""
        source, own = self._locate(sample_id)
        return replace(source.load(own), id=sample_id)

    def facts(self, sample_id: str) -> dict[str, str | float]:
        """Name of the ``dataset``, and the facts of that dataset about the image."""
        source, own = self._locate(sample_id)
        return {"dataset": source.name} | source.facts(own)

    def check(self) -> None:
        """Check the datasets that are on disk, and log the names of the others.

        Raises:
            DatasetNotFoundError: If there is none.
        """
        if not self.present:
            raise DatasetNotFoundError(
                "retina",
                [self.root.absolute()],
                "DRIVE, STARE, CHASEDB1, HRF or PRIME-FP20, of which one is enough",
                "the addresses in docs/data.md",
            )
        absent = [name for name in self.pooled if name not in self.present]
        log.info("retina pools %s%s.", ", ".join(self.present), f" without {', '.join(absent)}" if absent else "")
        for source in self.present.values():
            source.check()

    def labels_differ(self) -> list[str]:
        """Ids whose labels, at the last ``check``, differed from those of a committed split."""
        return [f"{name}/{own}" for name, source in self.present.items() for own in source.labels_differ()]

    def label_differs(self, sample_id: str) -> bool:
        """True if the labels differ from those of the dataset's committed split."""
        source, own = self._locate(sample_id)
        return source.label_differs(own)

    def missing(self, sample_id: str) -> list[DataError]:
        """Errors for missing files, from the dataset of the image."""
        source, own = self._locate(sample_id)
        return source.missing(own)

    def left_out(self) -> list[str]:
        """Sentences about the datasets that are not on disk, and those of the datasets that are."""
        absent = ", ".join(name for name in self.pooled if name not in self.present)
        sentences = [f"The pool is without {absent}."] if absent else []
        return sentences + [sentence for source in self.present.values() for sentence in source.left_out()]

    def _locate(self, sample_id: str) -> tuple[FundusSource, str]:
        name, own = sample_id.split("/")
        return self.pooled[name], own


def _is_there(source: FundusSource) -> bool:
    try:
        return source.folder.is_dir()
    except DatasetNotFoundError:
        return False
