"""TIFFs of every kind: the same values as Pillow, whole and in windows."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from gequnet.data.errors import DataError
from gequnet.data.formats.image_file import InputSpec
from gequnet.data.formats.open_image import open_image
from gequnet.data.formats.pictures import read_picture
from helpers.image_makers import noise

PICTURE, COLOUR, VOLUME = InputSpec(1, 2), InputSpec(3, 2), InputSpec(1, 3)
WINDOW = (slice(17, 50), slice(0, 33))
PACKED = [
    {},
    {"compression": "zlib"},
    {"compression": "zlib", "predictor": True, "rowsperstrip": 7},
    {"tile": (16, 32)},
    {"tile": (16, 16), "compression": "zlib"},
    {"bigtiff": True, "compression": "lzma", "tile": (32, 16)},
    {"byteorder": ">"},
    {"byteorder": ">", "compression": "zlib"},
]  # fmt: skip
KINDS = {
    "grey": (noise(53, 41), "minisblack"),
    "colour": (noise(53, 41, 3), "rgb"),
    "transparent": (noise(53, 41, 4), "rgb"),
    "deep": (noise(53, 41, dtype=np.uint16), "minisblack"),
    "float": (noise(53, 41, dtype=np.float32), "minisblack"),
}


@pytest.mark.parametrize("packed", PACKED, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_those_that_training_reads(kind: str, packed: dict, tmp_path: Path) -> None:
    values, photometric = KINDS[kind]
    extra = {"extrasamples": ["unassalpha"]} if kind == "transparent" else {}
    if kind == "float":
        packed = {key: value for key, value in packed.items() if key != "predictor"}
    tifffile.imwrite(tmp_path / "a.tif", values, photometric=photometric, **packed, **extra)
    tifffile.imwrite(tmp_path / "plain.tif", values, photometric=photometric, **extra)
    for takes in (PICTURE, COLOUR):
        with open_image(tmp_path / "a.tif", takes) as image:
            assert image.windowed
            assert (image.pages, image.space, image.dtype) == (1, (53, 41), values.dtype)
            assert image.channels == (values.shape[2] if values.ndim == 3 else 1)
            found = image.read()
            oracle = (
                read_picture(tmp_path / "plain.tif", takes.channels) if kind != "float" else torch.from_numpy(values)
            )
            if kind in ("colour", "transparent") and takes is PICTURE:  # the two roundings of grey differ
                assert (found.int() - oracle.int()).abs().max() <= 1
            else:
                assert torch.equal(found, oracle.expand_as(found))
            assert found.dtype == oracle.dtype
            assert torch.equal(image.read(window=WINDOW), found[(slice(None), *WINDOW)])


def test_the_planes_of_colours_may_lie_apart(tmp_path: Path) -> None:
    values = noise(3, 53, 41)
    for packed in ({}, {"compression": "zlib", "tile": (16, 16)}):
        tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", planarconfig="separate", **packed)
        with open_image(tmp_path / "a.tif", COLOUR) as image:
            assert torch.equal(image.read(), torch.from_numpy(values))
            assert torch.equal(image.read(window=WINDOW), torch.from_numpy(values)[(slice(None), *WINDOW)])


def test_colours_of_16_bits_run_from_0_to_1(tmp_path: Path) -> None:
    values = noise(20, 30, 3, dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb")
    with open_image(tmp_path / "a.tif", COLOUR) as image:
        assert torch.equal(image.read(), torch.from_numpy(values.astype(np.float32) / 65535).movedim(-1, 0))
        assert torch.equal(image.read(), read_picture(tmp_path / "a.tif", 3))


@pytest.mark.parametrize("how", ["tiff_lzw", "packbits", "jpeg", "group4", "palette", "inverted", "lying"])
def test_kinds_that_pillow_has_to_read(how: str, tmp_path: Path) -> None:
    picture, path = Image.fromarray(noise(53, 41, 3)), tmp_path / "a.tif"
    if how == "group4":
        picture.convert("1").save(path, compression="group4")
    elif how == "palette":
        picture.quantize(20).save(path)
    elif how == "inverted":
        tifffile.imwrite(path, noise(53, 41), photometric="miniswhite")
    elif how == "lying":
        tifffile.imwrite(path, noise(53, 41, 3), photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    else:
        picture.save(path, compression=how)
    with open_image(path, COLOUR) as image:
        assert image.space == ((41, 53) if how == "lying" else (53, 41))
        assert torch.equal(image.read(), read_picture(path, 3))
        window = (slice(5, 20), slice(0, 33))
        assert torch.equal(image.read(window=window), read_picture(path, 3)[(slice(None), *window)])


@pytest.mark.parametrize(
    "packed", [{}, {"compression": "zlib"}, {"imagej": True, "metadata": {"axes": "ZYX"}}, {"tile": (16, 16)}], ids=str
)
def test_pages_are_pictures_or_the_depth_of_a_volume(packed: dict, tmp_path: Path) -> None:
    values = noise(5, 40, 33, dtype=np.uint16)
    kept = {} if "imagej" in packed else {"photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "a.tif", values, **packed, **kept)
    with open_image(tmp_path / "a.tif", PICTURE) as image:
        assert (image.pages, image.space) == (5, (40, 33))
        torch.testing.assert_close(image.read(3)[0], torch.from_numpy(values[3] / 65535).float())
    with open_image(tmp_path / "a.tif", VOLUME) as image:
        assert (image.pages, image.space) == (1, (5, 40, 33))
        assert torch.equal(image.read()[0], torch.from_numpy(values.astype(np.float32)))
        window = (slice(1, 4), slice(30, 40), slice(2, 20))
        assert torch.equal(image.read(window=window), image.read()[(slice(None), *window)])


def test_pages_written_one_by_one_are_pages_too(tmp_path: Path) -> None:
    pages = [Image.fromarray(noise(20, 30, seed=seed)) for seed in range(3)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with open_image(tmp_path / "a.tif", PICTURE) as image:
        assert image.pages == 3
        assert all(np.array_equal(image.read(page)[0], pages[page]) for page in range(3))


@pytest.mark.parametrize("packed", [{}, {"compression": "zlib"}], ids=str)
def test_channels_of_a_microscope_have_to_be_as_many(packed: dict, tmp_path: Path) -> None:
    values = noise(3, 2, 20, 30)
    tifffile.imwrite(tmp_path / "a.ome.tif", values, metadata={"axes": "ZCYX"}, photometric="minisblack", **packed)
    with open_image(tmp_path / "a.ome.tif", InputSpec(2, 2)) as image:
        assert (image.pages, image.channels) == (3, 2)
        torch.testing.assert_close(image.read(1), torch.from_numpy(values[1]))
    with open_image(tmp_path / "a.ome.tif", InputSpec(2, 3)) as image:
        assert torch.equal(image.read(), torch.from_numpy(values.astype(np.float32)).movedim(1, 0))
    with open_image(tmp_path / "a.ome.tif", COLOUR) as image, pytest.raises(DataError, match="2 channels.* takes 3"):
        image.read()


def test_one_picture_is_no_volume(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(20, 30))
    with pytest.raises(DataError, match="one picture and the network takes volumes"):
        open_image(tmp_path / "a.tif", VOLUME)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "whole.tif", noise(200, 300), compression="zlib", photometric="minisblack")
    content = (tmp_path / "whole.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(content[:3000])
    (tmp_path / "text.tif").write_text("no picture at all")
    for name in ("cut.tif", "text.tif"):
        with pytest.raises(DataError, match=name), open_image(tmp_path / name, PICTURE) as image:
            image.read()


def test_answers_have_the_resolution_and_the_place_of_the_file(tmp_path: Path) -> None:
    place = (33550, "d", 3, (0.5, 0.5, 0.0), True)
    tifffile.imwrite(
        tmp_path / "a.tif", noise(20, 30, 3), photometric="rgb", resolution=(40000, 20000), resolutionunit="CENTIMETER",
        extratags=[place],
    )  # fmt: skip
    labels = noise(1, 1, 20, 30)
    with open_image(tmp_path / "a.tif", COLOUR) as image:
        np.testing.assert_allclose(image.spacing_mm, (10 / 20000, 10 / 40000))
        image.write(tmp_path / "mask.tif", labels)
    with tifffile.TiffFile(tmp_path / "mask.tif") as mask:
        assert np.array_equal(mask.asarray(), labels[0, 0])
        tags = mask.pages[0].tags
        assert (tags[282].value, tags[283].value, tags[296].value) == ((40000, 1), (20000, 1), 3)
        assert tags[33550].value == place[3]


def test_of_imagej_the_depth_of_a_voxel_too(tmp_path: Path) -> None:
    told = {"imagej": True, "resolution": (4, 4), "metadata": {"spacing": 2.0, "unit": "um", "axes": "ZYX"}}
    tifffile.imwrite(tmp_path / "a.tif", noise(5, 20, 30), **told)
    with open_image(tmp_path / "a.tif", VOLUME) as image:
        np.testing.assert_allclose(image.spacing_mm, (2e-3, 0.25e-3, 0.25e-3))
        image.write(tmp_path / "mask.tif", noise(1, 1, 5, 20, 30))
    with open_image(tmp_path / "mask.tif", VOLUME) as mask:
        np.testing.assert_allclose(mask.spacing_mm, (2e-3, 0.25e-3, 0.25e-3))


def test_layers_of_pages_are_pages(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(4, 20, 30), photometric="minisblack")
    maps = noise(4, 3, 20, 30, dtype=np.float32)
    with open_image(tmp_path / "a.tif", PICTURE) as image:
        image.write(tmp_path / "out.tif", maps)
    assert np.array_equal(tifffile.imread(tmp_path / "out.tif"), maps.reshape(12, 20, 30))
