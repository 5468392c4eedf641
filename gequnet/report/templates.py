"""The templates that lie beside this file."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment(html: bool = False) -> Environment:
    r"""Where pages are rendered: what they do not know is an error, and only what goes into HTML is escaped for it.

    >>> print(environment().from_string("{{ name | cell }}").render(name="a|b*"))
    a\|b\*
    """
    made = Environment(
        loader=PackageLoader("gequnet.report", "."),
        autoescape=html,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters["cell"] = lambda text: str(text).replace("|", "\\|").replace("*", "\\*")
    return made
