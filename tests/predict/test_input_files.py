"""Input images from files, folders and patterns."""

from pathlib import Path

import pytest

from gequnet.data.formats.atomic_write import atomic_path
from gequnet.errors import ConfigError
from gequnet.predict.input_files import find_inputs


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty files with names of images, as only names matter here; DICOM files have the magic bytes."""
    names = ["a.png", "b.JPG", ".hidden.png", "notes.txt", "deep/a.tif", "deep/er/c.nii.gz", "out/a.png"]
    names += [f"case_000{k}.nii.gz" for k in (0, 1)]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "ct").mkdir()
    for number in range(3):
        (tmp_path / f"ct/IM{number}").write_bytes(bytes(128) + b"DICM")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*words: str) -> list[str]:
    return [str(each.name) for each in find_inputs(words)]


def test_a_folder_is_every_image_below_it(tree: Path) -> None:
    found = find_inputs(["."], exclude=tree / "out")
    assert sorted(str(each.name) for each in found) == [
        "a", "b", "case_0000", "case_0001", "ct", "deep/a", "deep/er/c",
    ]  # fmt: skip
    series = next(each for each in found if str(each.name) == "ct")
    assert len(series.files) == 3
    assert series.path == Path("ct")


def test_a_pattern_is_the_files_that_it_fits_under_their_names_from_there(tree: Path) -> None:
    assert names("deep/*") == ["a"]
    assert names("deep/**") == names("deep") == ["a", "er/c"]
    assert names("*.png", "a.png", "b.JPG") == ["a", "b"]
    assert names("ct/IM*") == names("ct") == names("ct/IM0", "ct/IM1", "ct/IM2")[:1] == ["ct"]


def test_channels_in_files_of_their_own_are_one_image(tree: Path) -> None:
    (image,) = find_inputs(["case_*.nii.gz"], [("0000", "0001")])
    assert (str(image.name), image.path.name) == ("case", "case_0000.nii.gz")
    assert [path.name for path in image.files] == ["case_0000.nii.gz", "case_0001.nii.gz"]


def test_channels_have_the_order_of_their_words_and_labels_are_none(tree: Path) -> None:
    for name in ("b1_t2", "b1_flair", "b1_seg", "b2_flair", "b2_t2", "other"):
        (tree / f"deep/er/{name}.nii").write_text("")
    found = {str(each.name): [path.name for path in each.files] for each in find_inputs(["deep/er"], [("t2", "flair")])}
    assert found == {
        "b1": ["b1_t2.nii", "b1_flair.nii"],
        "b2": ["b2_t2.nii", "b2_flair.nii"],
        "c": ["c.nii.gz"],
        "other": ["other.nii"],
    }


def test_what_is_not_there_is_said_in_words(tree: Path) -> None:
    messages = {"no.png": "does not exist", "*.gif": "No image matches", "empty": "no image in the folder"}
    for word, text in messages.items():
        (tree / "empty").mkdir(exist_ok=True)
        with pytest.raises(ConfigError, match=text):
            find_inputs([word])


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep/a.txt"
    with atomic_path(path) as part:
        part.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    with pytest.raises(TypeError), atomic_path(path) as part, part.open("w") as file:
        file.writelines(["half", None])  # type: ignore[list-item]
    assert [each.name for each in path.parent.iterdir()] == ["a.txt"]
    assert path.read_text() == "new"
