"""HTML and SVG from calls, with every text escaped.

>>> tag("p", "a < b", tag("b", "c"), klass="x")
'<p class="x">a &lt; b<b>c</b></p>'
"""

from html import escape
from typing import Final


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


VOID: Final = ("meta", "line", "rect", "circle", "path")


def tag(name: str, *children: str | None, **attributes: object) -> Markup:
    """Return an element; `klass` is its class, underscores in names of attributes are dashes, None is left out."""
    given = "".join(
        f' {"class" if key == "klass" else key.replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Markup(f"<{name}{given}/>")
    inner = "".join(child if isinstance(child, Markup) else escape(child) for child in children if child)
    return Markup(f"<{name}{given}>{inner}</{name}>")


def joined(parts: list[Markup]) -> Markup:
    """Return elements one after another."""
    return Markup("".join(parts))
