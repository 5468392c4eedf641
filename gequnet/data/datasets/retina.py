"""The pool of all photographs of the retina that are at hand."""

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
    """DRIVE, STARE, CHASE_DB1, HRF and PRIME-FP20 together, or those of them that are there.

    An id is that of the dataset after the dataset's name, ``drive/21_training``. Each dataset keeps its own split, so
    no photograph is on both sides; within a split the datasets take turns while they last. Every photograph counts
    the same and keeps its resolution, 565x584 to 4000x4000 pixels, so vessels are much wider in some than in others.

    Args:
        root: The folder that holds the folders of the datasets.
    """

    name = "retina"

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.pooled = {source.name: source for source in (make(self.root) for make in POOLED)}

    @cached_property
    def present(self) -> dict[str, FundusSource]:
        """The datasets that are there, by their names."""
        return {name: source for name, source in self.pooled.items() if _is_there(source)}

    def ids(self, split: Split) -> list[str]:
        """The ids of each dataset's own split, the datasets in turn; those of all five where none is there."""
        sources = self.present or self.pooled
        of_each = [[f"{name}/{own}" for own in source.ids(split)] for name, source in sources.items()]
        return [sample_id for turn in zip_longest(*of_each) for sample_id in turn if sample_id is not None]

    def load(self, sample_id: str) -> Scene:
        """The scene of the dataset, under the id that it has here."""
        source, own = self._locate(sample_id)
        return replace(source.load(own), id=sample_id)

    def facts(self, sample_id: str) -> dict[str, str | float]:
        """From which ``dataset`` the image is, and what that one knows of it."""
        source, own = self._locate(sample_id)
        return {"dataset": source.name} | source.facts(own)

    def check(self) -> None:
        """Check the datasets that are there; those that are not are named in the log.

        Raises:
            DatasetNotFoundError: If none is there.
        """
        if not self.present:
            raise DatasetNotFoundError(
                "retina",
                [self.root.absolute()],
                "DRIVE, STARE, CHASEDB1, HRF or PRIME-FP20, of which one is enough",
                "where the README says",
            )
        absent = [name for name in self.pooled if name not in self.present]
        log.info("retina pools %s%s.", ", ".join(self.present), f" without {', '.join(absent)}" if absent else "")
        for source in self.present.values():
            source.check()

    def labels_differ(self) -> list[str]:
        """The ids for which ``check`` found other labels than a dataset's split was made for."""
        return [f"{name}/{own}" for name, source in self.present.items() for own in source.labels_differ()]

    def label_differs(self, sample_id: str) -> bool:
        """What its dataset says."""
        source, own = self._locate(sample_id)
        return source.label_differs(own)

    def missing(self, sample_id: str) -> list[DataError]:
        """What its dataset misses."""
        source, own = self._locate(sample_id)
        return source.missing(own)

    def left_out(self) -> list[str]:
        """The datasets that are not there, and what those that are leave out."""
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
