"""Packed files with a wrong name or a wrong end: the cause in the sentence."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from gequnet.data.errors import DataError
from gequnet.data.formats.image_file import InputSpec
from gequnet.data.formats.nifti import read_nifti
from gequnet.data.formats.open_image import open_image
from gequnet.data.formats.pictures import read_picture
from helpers.image_makers import noise
from helpers.picture_makers import save

PACKED, PLAIN = "is packed with gzip, and its name does not end in .gz; add .gz", "is not packed, .* take .gz off"
CUT, MORE = "ended before the end-of-stream marker.* fetch it again", "other bytes follow the end.* fetch it again"


def volume(path: Path) -> bytes:
    nibabel.save(nibabel.Nifti1Image(noise(9, 8, 7), np.eye(4)), path / "whole.nii")
    return (path / "whole.nii").read_bytes()


def picture(path: Path) -> bytes:
    return save(path / "whole.png", noise(9, 8)).read_bytes()


def predicted(path: Path) -> Any:
    with open_image(path, InputSpec(1, 3)) as image:
        return image.read()


CHANGES: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "packed": ("", gzip.compress, PACKED),
    "plain": (".gz", lambda content: content, PLAIN),
    **{f"{left} cut": (".gz", lambda content, n=left: gzip.compress(content)[:-n], CUT) for left in (1, 4, 8, 60)},
    "followed": (".gz", lambda content: gzip.compress(content) + b"junk", MORE),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("make", "name", "read"),
    [
        (volume, "a.nii", read_nifti),
        (volume, "a.nii", predicted),
        (picture, "a.png", lambda path: read_picture(path, 1)),
    ],
)
def test_the_sentence_has_the_cause(
    make: Callable[[Path], bytes], name: str, read: Callable[[Path], Any], change: str, tmp_path: Path
) -> None:
    added, changed, words = CHANGES[change]
    path = tmp_path / (name + added)
    path.write_bytes(changed(make(tmp_path)))
    with pytest.raises(DataError, match=words) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert ("fetch it again" in str(caught.value)) == (words in (CUT, MORE))


def test_a_whole_packed_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(volume(tmp_path)))
    np.testing.assert_array_equal(read_nifti(tmp_path / "a.nii.gz")[0], noise(9, 8, 7))
    (tmp_path / "a.png.gz").write_bytes(gzip.compress(picture(tmp_path)))
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png.gz", 1)[0], noise(9, 8))
