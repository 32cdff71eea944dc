"""Building the guide: runs its blocks, writes the reference, the quickstart as a notebook, the colours of code."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
os.environ["MPLBACKEND"] = "Agg"

import blocks
import reference
from mkdocs.structure.files import File
from pygments.formatters import HtmlFormatter


def on_files(files: Any, config: Any) -> Any:
    """Add what is generated."""
    for name, text in reference.pages():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    page = (blocks.PAGES / "quickstart.md").read_text()
    files.append(File.generated(config, "quickstart.ipynb", content=json.dumps(blocks.notebook(page), indent=1)))
    files.append(File.generated(config, "code.css", content=HtmlFormatter(style="default").get_style_defs(".codehilite")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Run the blocks of a page and put below each what it shows."""
    if page.file.src_uri.startswith("reference/"):
        return markdown
    text = []
    with tempfile.TemporaryDirectory() as folder, _inside(folder):
        for number, (part, shown) in enumerate(blocks.run_page(markdown, page.file.src_uri)):
            text.append(part)
            if shown is None:
                continue
            names = []
            for i, figure in enumerate(shown.figures):
                name = f"figures/{page.file.name}-{number}-{i}.png"
                files.append(File.generated(config, name, content=figure))
                names.append(name)
            text.append(blocks.shown_as_markdown(shown, names))
    return "".join(text)


@contextlib.contextmanager
def _inside(folder: str) -> Any:
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
