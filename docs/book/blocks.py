"""The code blocks of the guide: run in order, page by page, with what they show.

A block that is fenced as ``python`` runs; one fenced as ``python raises`` has to end with an exception. The blocks of a
page share their names, as the cells of a notebook do. What a block prints, the value of its last line, and the figures it
leaves open are shown below it.

A page that begins with ``<!-- needs: FILE -->`` works on a recording that does not come with the project. Where the file is
found (in the folder that CONVIS_DATA names, by default shared/data beside the project) its blocks run; elsewhere what they
have shown before is read from the folder ``kept``. ``python docs/book/blocks.py`` writes that folder anew.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

PAGES = Path(__file__).parent / "pages"
KEPT = Path(__file__).parent / "kept"

_NEEDS = re.compile(r"\A<!-- needs: (?P<file>\S+) -->\n")
_FENCE = re.compile(r"^```python(?P<how>[^\n]*)\n(?P<code>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)


@dataclass
class Block:
    """A piece of code and where it stands."""

    code: str
    line: int
    raises: bool


@dataclass
class Shown:
    """What a block has shown."""

    text: str = ""
    html: str = ""
    figures: list[bytes] = field(default_factory=list)


def parts(page: str) -> Iterator[str | Block]:
    """The text and the blocks of a page, in order; put together again they are the page."""
    at = 0
    for match in _FENCE.finditer(page):
        yield page[at : match.start()]
        how = match["how"].strip()
        if how not in ("", "raises"):
            raise ValueError(f"a block is fenced as `python {how}`; expected `python` or `python raises`")
        yield Block(match["code"], page.count("\n", 0, match.start("code")) + 1, how == "raises")
        at = match.end()
    yield page[at:]


class Session:
    """Runs the blocks of one page."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._names: dict[str, Any] = {"__name__": "__main__"}

    def run(self, block: Block) -> Shown:
        """Run a block; an error tells the line of the page."""
        shown = Shown()
        # Lines of the block have the numbers they have in the page.
        tree = ast.parse("\n" * (block.line - 1) + block.code, self._name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        printed = io.StringIO()
        value = None
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(tree, self._name, "exec"), self._names)
                if last is not None:
                    value = eval(compile(ast.Expression(last.value), self._name, "eval"), self._names)
        except Exception as error:
            if not block.raises:
                raise
            printed.write(f"{type(error).__name__}: {error}\n")
        else:
            if block.raises:
                raise AssertionError(f"{self._name}, line {block.line}: expected an exception")
        shown.figures = _figures()
        if hasattr(value, "_repr_html_"):
            shown.html = value._repr_html_()
        elif value is not None and not type(value).__module__.startswith("matplotlib."):
            printed.write(f"{value!r}\n")
        shown.text = printed.getvalue()
        return shown


def _figures() -> list[bytes]:
    """The open figures, as PNG; they are closed."""
    if "matplotlib.pyplot" not in sys.modules:
        return []
    pyplot = sys.modules["matplotlib.pyplot"]
    pictures = []
    for number in pyplot.get_fignums():
        picture = io.BytesIO()
        pyplot.figure(number).savefig(picture, format="png", dpi=100)
        pictures.append(picture.getvalue())
    pyplot.close("all")
    return pictures


def run_page(page: str, name: str) -> Iterator[tuple[str, Shown | None]]:
    """The pieces of a page as they stand there, each block with what it has shown.

    Runs in the current folder; a recording that the page needs is linked into it, and where there is none, what was kept is
    shown.
    """
    needed = _NEEDS.match(page)
    recording = _recording(needed["file"]) if needed else None
    if recording is not None:
        os.symlink(recording, recording.name)
    session = Session(name)
    before = iter(kept(name)) if needed and recording is None else None
    for part in parts(page):
        if isinstance(part, Block):
            yield f"```python\n{part.code}```\n", session.run(part) if before is None else next(before)
        else:
            yield part, None


def _recording(name: str) -> Path | None:
    """Where a recording is."""
    folder = os.environ.get("CONVIS_DATA", Path(__file__).parents[3] / "shared" / "data")
    path = Path(folder).absolute() / name
    return path if path.is_file() else None


def kept(name: str) -> list[Shown]:
    """What the blocks of a page have shown when it was run last with its recording."""
    stem = name.removesuffix(".md")
    shown = json.loads((KEPT / f"{stem}.json").read_text())
    return [Shown(one["text"], one["html"], [(KEPT / figure).read_bytes() for figure in one["figures"]]) for one in shown]


def keep(name: str) -> None:
    """Run a page, and keep what its blocks show."""
    page, stem = (PAGES / name).read_text(), name.removesuffix(".md")
    KEPT.mkdir(exist_ok=True)
    entries, figures = [], 0
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            ran = [shown for _, shown in run_page(page, name) if shown is not None]
        finally:
            os.chdir(here)
    for shown in ran:
        names = []
        for figure in shown.figures:
            names.append(f"{stem}-{figures}.png")
            (KEPT / names[-1]).write_bytes(figure)
            figures += 1
        entries.append({"text": shown.text, "html": shown.html, "figures": names})
    (KEPT / f"{stem}.json").write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")


def notebook(page: str) -> dict[str, Any]:
    """A page as a notebook, not yet run."""
    cells = []
    for part in parts(page):
        if isinstance(part, Block):
            cell: dict[str, Any] = {"cell_type": "code", "execution_count": None, "outputs": []}
            source = part.code.rstrip("\n")
            if part.raises:
                cell["metadata"] = {"tags": ["raises-exception"]}
        elif part.strip():
            cell = {"cell_type": "markdown"}
            source = part.strip("\n")
        else:
            continue
        cells.append({"metadata": {}, **cell, "id": f"cell-{len(cells)}", "source": source})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def shown_as_markdown(shown: Shown, figures: list[str]) -> str:
    """What a block has shown, to stand below it; `figures` are the addresses of its figures."""
    lines = []
    if shown.text:
        lines.append(f'<pre class="shown">{escape(shown.text.rstrip())}</pre>')
    if shown.html:
        lines.append(f'<div class="shown">{shown.html}</div>')
    lines += [f"![]({figure})" for figure in figures]
    return "\n" + "\n\n".join(lines) + "\n" if lines else ""


if __name__ == "__main__":
    os.environ["MPLBACKEND"] = "Agg"
    for path in sorted(PAGES.glob("*.md")):
        needed = _NEEDS.match(path.read_text())
        if needed is None:
            continue
        if _recording(needed["file"]) is None:
            raise SystemExit(f"{path.name} needs {needed['file']}: set CONVIS_DATA to the folder that has it")
        keep(path.name)
        print(f"{path.name}: kept")
