"""Overlap of test images with a run's training and validation images, and the present place of its files."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from gequnet.config.build import build
from gequnet.errors import GequnetError

PLACES = ("root", "images", "masks", "unlabelled")  # arguments of a source with paths inside paths.data


def relocate_data(node: DictConfig, recorded: str, now: str | None = None) -> DictConfig:
    """A run's node ``data`` with absolute paths inside ``paths.data``, or inside the folder where that is now.

    Args:
        node: as the run has saved it; its paths may be relative to the folder where the run was started.
        recorded: the run's ``paths.data``, absolute.
        now: the present folder, if it is another one.
    """
    node = node.copy()
    for name in PLACES:
        if isinstance(node.source.get(name), str):
            node.source[name] = str(_moved(Path(node.source[name]), Path(recorded), Path(now) if now else None))
    return node


def training_overlap(
    cfg: DictConfig, data: Any, place: str | None, split_hash: str | None
) -> dict[str, list[str]] | None:
    """Test images that are among the run's training images, or among those that have selected its checkpoint.

    Args:
        cfg: the run's configuration.
        data: the data module, with ``test_ids``.
        place: the present ``paths.data``, if it is given.
        split_hash: of the run's data; None if it is not recorded.

    Returns:
        Their ids, under ``train`` and ``val``; None if the run's own images cannot be listed any more.
    """
    own = _listed(cfg, None, split_hash) or (_listed(cfg, place, split_hash) if split_hash else None)
    if own is None:
        return None if data.name == cfg.data.name or "retina" in (data.name, cfg.data.name) else {}
    tested = {_identity(data, sample_id): sample_id for sample_id in data.test_ids}
    used = {"train": own.training_ids, "val": own.splits["val"]}
    overlap = {
        split: [tested[image] for image in (_identity(own, sample_id) for sample_id in ids) if image in tested]
        for split, ids in used.items()
    }
    return {split: names for split, names in overlap.items() if names}


def _moved(path: Path, recorded: Path, now: Path | None) -> Path:
    if path.is_absolute():
        return now / path.relative_to(recorded) if now and path.is_relative_to(recorded) else path
    for length in range(len(path.parts), -1, -1):  # the longest end of paths.data that the path starts with
        if path.parts[:length] == recorded.parts[len(recorded.parts) - length :]:
            return (now or recorded).joinpath(*path.parts[length:])
    raise AssertionError("every path starts with the empty path")


def _listed(cfg: DictConfig, place: str | None, split_hash: str | None) -> Any:
    """The run's own data module, if its images can be listed and have not changed."""
    try:
        own = build(relocate_data(cfg.data, cfg.paths.data, place))
        return own if own.training_ids and split_hash in (None, own.split_hash) else None
    except (GequnetError, OSError):
        return None


def _identity(data: Any, sample_id: str) -> tuple[str, str]:
    """Identity of an image across datasets, as ``retina`` is made of other datasets."""
    if data.name == "retina":
        name, _, own = sample_id.partition("/")
        return name, own
    folder = getattr(data.source, "images", None)
    return (str(folder.resolve()) if isinstance(folder, Path) else data.name), sample_id
