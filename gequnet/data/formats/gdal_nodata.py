"""Nodata value of a TIFF, from the tag of GDAL."""

from typing import Any

GDAL_NODATA = 42113


def gdal_nodata(page: Any) -> float | None:
    """The value of pixels without data, in the numbers of the file; None if the page declares none.

    Args:
        page: Page of tifffile.
    """
    tag = page.tags.get(GDAL_NODATA)
    if tag is None:
        return None
    try:
        return float(str(tag.value).strip("\0 "))
    except ValueError:
        return None
