"""The guide: every block of code runs, page by page, in an empty folder."""

import json
import sys
from pathlib import Path

import convis
import pytest

BOOK = Path(__file__).parents[3] / "docs" / "book"
if not BOOK.is_dir():
    pytest.skip("the guide is not here", allow_module_level=True)
pytest.importorskip("matplotlib")
sys.path.insert(0, str(BOOK))
import blocks  # noqa: E402
import reference  # noqa: E402

PAGES = sorted(page.name for page in blocks.PAGES.glob("*.md"))


@pytest.mark.parametrize("name", PAGES)
def test_the_blocks_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (blocks.PAGES / name).read_text()
    ran = [shown for _, shown in blocks.run_page(page, name) if shown is not None]
    if name != "index.md":
        assert len(ran) > 2 and any(shown.text or shown.html for shown in ran)
    assert page == "".join(
        part if isinstance(part, str) else f"```python{' raises' * part.raises}\n{part.code}```"
        for part in blocks.parts(page)
    )


def test_pages_of_the_menu_are_there_and_no_others():
    menu = [line.rsplit(" ", 1)[-1] for line in (BOOK / "mkdocs.yml").read_text().splitlines() if line.endswith(".md")]
    assert sorted(menu) == sorted([*PAGES, "reference/index.md"])


def test_the_reference_names_everything():
    pages = dict(reference.pages())
    assert "convis.streams" in pages["index"]
    for module in (convis, convis.retina, convis.filters, convis.streams):
        for public in module.__all__:
            if callable(getattr(module, public)):
                assert f"## {public}\n" in pages[module.__name__], public
    assert "- `pixel_per_degree` (float)" in pages["convis"]


def test_a_block_that_ought_to_fail_has_to():
    with pytest.raises(AssertionError, match="line 2"):
        list(blocks.run_page("```python raises\n1\n```\n", "page"))
    shown = [s for _, s in blocks.run_page("```python raises\n1 / 0\n```\n", "page") if s]
    assert shown[0].text == "ZeroDivisionError: division by zero\n"
    with pytest.raises(ValueError, match="python no-run"):
        list(blocks.parts("```python no-run\n1\n```\n"))


def test_the_quickstart_is_a_notebook(tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: the notebook is not run")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", str(Path(convis.__file__).parents[1]))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    text = json.dumps(blocks.notebook((blocks.PAGES / "quickstart.md").read_text()))
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert {"text/html", "image/png", "text/plain"} <= kinds
    assert not [output for output in outputs if output.output_type == "error"]
