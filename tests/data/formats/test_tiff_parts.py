"""Pages, strips and tiles of a TIFF: none is left out in silence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from gequnet.data.errors import UnreadableFileError, UnsupportedImageError
from gequnet.data.formats.pictures import read_picture
from helpers.image_makers import noise

SPACE = (40, 50)


def with_second(path: Path, *shape: int, **options: Any) -> Path:
    with tifffile.TiffWriter(path) as file:
        file.write(noise(*SPACE), photometric="minisblack", metadata=None)
        file.write(noise(*shape), photometric="minisblack", metadata=None, **options)
    return path


@pytest.mark.parametrize("shape", [(39, 49), (20, 50), (12, 20), (41, 50)])
def test_a_second_picture_is_no_preview(shape: tuple[int, int], tmp_path: Path) -> None:
    with pytest.raises(UnsupportedImageError, match="a.tif has 2 series of pictures"):
        read_picture(with_second(tmp_path / "a.tif", *shape), 1)


@pytest.mark.parametrize(
    ("shape", "marked"), [((20, 25), 0), ((10, 13), 0), ((10, 12), 0), ((13, 17), 1), ((39, 49), 1)]
)
def test_a_preview_is_marked_or_halved(shape: tuple[int, int], marked: int, tmp_path: Path) -> None:
    path = with_second(tmp_path / "a.tif", *shape, subfiletype=marked)
    np.testing.assert_array_equal(read_picture(path, 1)[0], noise(*SPACE))


@pytest.mark.parametrize("packed", [None, "zlib"])
@pytest.mark.parametrize(
    ("tags", "name"),
    [
        ([(274, "H", 1, 1, True), (274, "H", 1, 3, True)], "orientation"),
        ([(42113, "s", 0, "0", True), (42113, "s", 0, "9", True)], "nodata value"),
    ],
)
def test_a_page_with_other_tags_is_refused(tags: list[tuple], name: str, packed: str | None, tmp_path: Path) -> None:
    options: dict[str, Any] = {"photometric": "minisblack", "metadata": None, "compression": packed}
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for tag in (tags[0], tags[0], tags[1]):
            file.write(noise(*SPACE), extratags=[tag], **options)
    assert torch.equal(*(read_picture(tmp_path / "a.tif", 1, page=page).nan_to_num(2) for page in (0, 1)))
    with pytest.raises(UnsupportedImageError, match=f"a.tif has another {name} on page 3 than on page 1"):
        read_picture(tmp_path / "a.tif", 1, page=2)


def tiles(path: Path, place: int | None, length: int | None) -> Path:
    """A file of six tiles, the second of which has another place or length."""
    tifffile.imwrite(path, noise(32, 48), photometric="minisblack", tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as file:
        for code, value in ((324, place), (325, length)):
            tag = file.pages[0].tags[code]
            tag.overwrite([tag.value[0], tag.value[1] if value is None else value, *tag.value[2:]])
    return path


@pytest.mark.parametrize(("place", "length"), [(None, 0), (0, None)])
def test_a_tile_without_a_place_or_a_length_is_damage(place: int | None, length: int | None, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="a.tif.*1 of its strips or tiles have a place or a length of 0"):
        read_picture(tiles(tmp_path / "a.tif", place, length), 1)


def test_a_tile_that_was_never_written_is_0(tmp_path: Path) -> None:
    expected = noise(32, 48)
    expected[:16, 16:32] = 0
    np.testing.assert_array_equal(read_picture(tiles(tmp_path / "a.tif", 0, 0), 1)[0], expected)
