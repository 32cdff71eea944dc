"""The reference of the guide, from the docstrings of the package."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from html import escape
from typing import Any

_SECTION = re.compile(r"^(?P<title>[A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)
_ROLE = re.compile(r":(?:class|func|meth|mod|attr):`~?([^`]+)`")
_TABLE = re.compile(r"^=+ +=+\n(?P<rows>.*?)\n=+ +=+$", re.MULTILINE | re.DOTALL)


def pages() -> Iterator[tuple[str, str]]:
    """Every page: its name and its Markdown."""
    package = importlib.import_module("convis")
    modules = [name for name in package.__all__ if inspect.ismodule(getattr(package, name))]
    names = ["convis", *(f"convis.{name}" for name in modules)]
    lines = ["# Reference", ""]
    for name in names:
        doc = inspect.getdoc(importlib.import_module(name)) or ""
        lines.append(f"- [`{name}`]({name}.md): {doc.splitlines()[0]}")
    yield "index", "\n".join(lines) + "\n"
    for name in names:
        yield name, module_page(name)


def module_page(name: str) -> str:
    """The page of a module."""
    module = importlib.import_module(name)
    parts = [f"# {name}", prose(inspect.getdoc(module) or "")]
    for public in sorted(module.__all__, key=str.lower):
        thing = getattr(module, public)
        if inspect.isclass(thing):
            parts.append(class_entry(public, thing))
        elif callable(thing):
            parts.append(entry("##", f"{public}{signature(thing)}", thing))
    return "\n\n".join(parts) + "\n"


def class_entry(name: str, cls: type) -> str:
    """A class with its methods: its own, and where it is the first to say so, those it inherits."""
    parts = [entry("##", f"class {name}{signature(cls)}", cls)]
    for member, value in sorted(vars(cls).items()):
        if member.startswith("_") or not (inspect.getdoc(value) or "").strip():
            continue
        if isinstance(value, property):
            parts.append(entry("####", f"{name}.{member}", value))
        elif callable(value) or isinstance(value, (classmethod, staticmethod)):
            parts.append(entry("####", f"{name}.{member}{signature(getattr(cls, member))}", value))
    bases = [base.__name__ for base in cls.__mro__[1:-1] if not base.__name__.startswith("_")]
    if bases:
        parts.insert(1, f"Inherits from {', '.join(f'`{base}`' for base in bases)}.")
    return "\n\n".join(parts)


def entry(level: str, title: str, thing: Any) -> str:
    """A heading and the documentation."""
    short = re.sub(r"^class |\(.*", "", title, flags=re.DOTALL)
    return f"{level} {short}\n\n<pre class='signature'>{escape(title)}</pre>\n\n{prose(inspect.getdoc(thing) or '')}"


def signature(thing: Any) -> str:
    """Its arguments, without types."""
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return "(…)" if callable(thing) else ""
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values() if p.name != "self"]
    return str(found.replace(parameters=plain, return_annotation=inspect.Signature.empty))


def prose(doc: str) -> str:
    """A docstring in the style of numpy as Markdown."""
    at, pieces, title = 0, [], ""
    for match in [*_SECTION.finditer(doc), None]:
        text = doc[at : match.start() if match else len(doc)].strip("\n")
        pieces.append(_section(title, text))
        if match:
            title, at = match["title"], match.end()
    return "\n\n".join(piece for piece in pieces if piece)


def _section(title: str, text: str) -> str:
    if title == "Examples":
        return f"**Examples**\n\n{_examples(text)}"
    if title in ("Parameters", "Attributes", "Returns", "Raises"):
        return f"**{title}**\n\n{_definitions(text)}"
    heading = f"**{title}**\n\n" if title else ""
    return heading + _text(text)


def _text(text: str) -> str:
    text = _TABLE.sub(_rows, text)
    text = _ROLE.sub(r"`\1`", text).replace("``", "`")
    return _examples(text) if ">>>" in text else text


def _rows(match: re.Match[str]) -> str:
    rows = [re.split(r"  +", row, maxsplit=1) for row in match["rows"].splitlines()]
    body = "\n".join(f"| {' | '.join(cell.strip() for cell in row)} |" for row in rows)
    return f"|  |  |\n|---|---|\n{body}"


def _definitions(text: str) -> str:
    lines: list[str] = []
    for line in text.splitlines():
        if line and not line.startswith(" "):
            name, _, kind = line.partition(" : ")
            lines.append(f"\n- `{name}`" + (f" ({_text(kind)})" if kind else ""))
        elif line.strip():
            lines.append(f"    {_text(line.strip())}")
    return "\n".join(lines).strip("\n")


def _examples(text: str) -> str:
    """Doctest lines in fences, text between them."""
    out: list[str] = []
    inside = False
    for line in text.splitlines():
        begins = line.startswith(">>>")
        if begins and not inside:
            out += ["", "```pycon"]
            inside = True
        elif inside and not line.strip():
            out += ["```", ""]
            inside = False
            continue
        out.append(line)
    if inside:
        out.append("```")
    return "\n".join(out)
