"""Tables in text and HTML, and words for error messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from . import _native


def table(rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Rows with aligned columns."""
    if not rows:
        return indent + "(nothing)"
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join((indent + line).rstrip() for line in lines)


class Markup(str):
    """Text that is HTML already."""


class Description:
    """A description that shows as text, and in a notebook as HTML."""

    def __init__(self, text: str, html: str | None) -> None:
        self._text, self._html = text, html

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return self._html or f"<pre>{escape(self._text)}</pre>"


def _cell(tag: str, text: str) -> str:
    return f"<{tag} style='text-align:left'>{text if isinstance(text, Markup) else escape(text)}</{tag}>"


def html_table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows as an HTML table."""
    head = "".join(_cell("th", cell) for cell in header)
    body = "".join("<tr>" + "".join(_cell("td", cell) for cell in row) + "</tr>" for row in rows)
    return f"<div><b>{escape(title)}</b><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def unknown(what: str, name: str, existing: Iterable[str]) -> str:
    """A message about a name that does not exist, with the nearest that does."""
    names = list(existing)
    nearest = _native.nearest(name, names)
    if nearest:
        return f"{what} {name!r} does not exist; did you mean {nearest!r}?"
    if 0 < len(names) <= 12:
        return f"{what} {name!r} does not exist; there are {', '.join(names)}"
    return f"{what} {name!r} does not exist"


def short(value: object) -> str:
    """A value as error messages show it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
