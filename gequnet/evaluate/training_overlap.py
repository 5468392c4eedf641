"""A run's own data, found again: where its files are now, and which of other images it knows already."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from gequnet.config.build import build
from gequnet.errors import GequnetError

PLACES = ("root", "images", "masks", "unlabelled")  # in a source, of what lies in paths.data


def relocate_data(node: DictConfig, recorded: str, now: str | None = None) -> DictConfig:
    """A run's node ``data`` whose files are looked for where ``paths.data`` was, or where it is now.

    Args:
        node: as the run has saved it; a folder in it may be relative to where the run was started.
        recorded: the run's ``paths.data``, absolute.
        now: another folder in its place.
    """
    node = node.copy()
    for name in PLACES:
        if isinstance(node.source.get(name), str):
            node.source[name] = str(_moved(Path(node.source[name]), Path(recorded), Path(now) if now else None))
    return node


def training_overlap(
    cfg: DictConfig, data: Any, place: str | None, split_hash: str | None
) -> dict[str, list[str]] | None:
    """Which of the images to be tested the run has trained on, and which have selected its checkpoint.

    Args:
        cfg: the run's configuration.
        data: the data module whose ``test_ids`` are to be tested.
        place: where ``paths.data`` is said to be now, if it is.
        split_hash: of the images that the run was trained on; None where nobody has written it down.

    Returns:
        Their names, under ``train`` and ``val``; None if the run's own images cannot be listed any more.
    """
    own = _listed(cfg, None, split_hash) or (_listed(cfg, place, split_hash) if split_hash else None)
    if own is None:
        return None if data.name == cfg.data.name or "retina" in (data.name, cfg.data.name) else {}
    tested = {_identity(data, sample_id): sample_id for sample_id in data.test_ids}
    used = {"train": own.training_ids, "val": own.splits["val"]}
    found = {
        split: [tested[who] for who in (_identity(own, sample_id) for sample_id in ids) if who in tested]
        for split, ids in used.items()
    }
    return {split: names for split, names in found.items() if names}


def _moved(path: Path, recorded: Path, now: Path | None) -> Path:
    if path.is_absolute():
        return now / path.relative_to(recorded) if now and path.is_relative_to(recorded) else path
    for length in range(len(path.parts), -1, -1):  # what is below paths.data as it was typed
        if path.parts[:length] == recorded.parts[len(recorded.parts) - length :]:
            return (now or recorded).joinpath(*path.parts[length:])
    raise AssertionError("the empty path is the beginning of every path")


def _listed(cfg: DictConfig, place: str | None, split_hash: str | None) -> Any:
    """The run's own data module, if its images can be listed and are those that they were."""
    try:
        own = build(relocate_data(cfg.data, cfg.paths.data, place))
        return own if own.training_ids and split_hash in (None, own.split_hash) else None
    except (GequnetError, OSError):
        return None


def _identity(data: Any, sample_id: str) -> tuple[str, str]:
    """The same for the same image in any dataset that has it: the pool of retinas is made of other datasets."""
    if data.name == "retina":
        name, _, own = sample_id.partition("/")
        return name, own
    folder = getattr(data.source, "images", None)
    return (str(folder.resolve()) if isinstance(folder, Path) else data.name), sample_id
