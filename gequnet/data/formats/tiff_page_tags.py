"""Tags that give the values of a page their meaning, and may differ from page to page."""

from typing import Any

MEANINGS = {274: "orientation", 320: "palette", 42113: "nodata value"}


def different_tag(page: Any, first: Any) -> str | None:
    """Name of a tag of a page that is not that of the first page; None if all are the same.

    Args:
        page: Page of tifffile; a short form of it is read again, with its tags.
        first: Page of tifffile.
    """
    if page is None or page.index == first.index or not isinstance(page.index, int):
        return None
    whole = page.parent.pages.get(page.index, validate=False, aspage=True)
    return next((name for code, name in MEANINGS.items() if _tag(whole, code) != _tag(first, code)), None)


def _tag(page: Any, code: int) -> str:
    tag = page.tags.get(code)
    return "" if tag is None else repr(tag.value)
