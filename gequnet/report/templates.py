"""Jinja environment for the templates beside this file."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment(html: bool = False) -> Environment:
    r"""Jinja environment for pages: an undefined name is an error.

    Args:
        html: True escapes values for HTML.

    >>> print(environment().from_string("{{ name | cell }}").render(name="a|b*"))
    a\|b\*
    """
    pages = Environment(
        loader=PackageLoader("gequnet.report", "."),
        autoescape=html,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    pages.filters["cell"] = lambda text: str(text).replace("|", "\\|").replace("*", "\\*")
    return pages
