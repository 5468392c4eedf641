"""Licence terms of each dataset: full name, home page, licence, citation."""

from collections.abc import Sequence
from dataclasses import dataclass

from gequnet.data.datasets.retina import POOLED
from gequnet.data.download.catalogue import CATALOGUE, DECATHLON, catalogue_entry

UNKNOWN = "not known to gequnet"


@dataclass(frozen=True)
class Terms:
    """Licence facts of a dataset, needed before a network trained on it is distributed.

    Args:
        title: Full name.
        home: Web page.
        licence: Licence, in a few words.
        cite: Publication to cite.
        drawn: True for synthetic data, which shows no person or patient.
    """

    title: str
    home: str = UNKNOWN
    licence: str = UNKNOWN
    cite: str = UNKNOWN
    drawn: bool = False


DRAWN = {
    "phantom_vessels": "curves, drawn from the seed",
    "phantom_tumours": "blobs in volumes, drawn from the seed",
    "phantom_tumours2d": "blobs in images, drawn from the seed",
}


def terms_of(name: str, task: str | None = None) -> Terms:
    """Terms of a dataset, by its name in ``conf/data``; of an unknown dataset the fields are ``UNKNOWN``.

    Args:
        name: Name of the dataset.
        task: Task of the Decathlon, for the dataset ``msd``.

    Example:
        >>> terms_of("hrf").licence, terms_of("folder").licence, terms_of("phantom_vessels").licence
        ('CC BY 4.0', 'not known to gequnet', 'none is needed: gequnet draws the images on the fly, there are no files')
    """
    if name in DRAWN:
        licence = "none is needed: gequnet draws the images on the fly, there are no files"
        return Terms(f"{name}: {DRAWN[name]}", "gequnet", licence, "nothing", drawn=True)
    if name == "retina":
        return _pooled([terms_of(source.name) for source in POOLED])
    if name == "msd" and task in DECATHLON:
        found = catalogue_entry(name, task)
    elif name in CATALOGUE:
        found = CATALOGUE[name]
    else:
        return Terms("images of one's own" if name == "folder" else name)
    home = found.home if found.home.startswith("http") else "no home of its own"
    return Terms(found.title, home, found.licence, found.cite)


def _pooled(parts: Sequence[Terms]) -> Terms:
    """Terms of a pool of datasets: the terms of each, joined."""

    def each(texts: Sequence[str]) -> str:
        return "; ".join(f"{part.title}: {text}" for part, text in zip(parts, texts, strict=True))

    return Terms(
        f"a pool of {CATALOGUE['retina'].title}",
        each([part.home for part in parts]),
        each([part.licence for part in parts]),
        each([part.cite for part in parts]),
    )
