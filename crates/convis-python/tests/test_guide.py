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


@pytest.mark.parametrize("path", sorted(blocks.KEPT.glob("*.json")), ids=lambda path: path.stem)
def test_what_was_kept_is_what_the_page_shows(path, tmp_path, monkeypatch, data):
    name = f"{path.stem}.md"
    before = blocks.kept(name)
    monkeypatch.chdir(tmp_path)
    ran = [shown for _, shown in blocks.run_page((blocks.PAGES / name).read_text(), name) if shown is not None]
    assert [shown.text for shown in ran] == [shown.text for shown in before], "python docs/book/blocks.py keeps it anew"
    assert [len(shown.figures) for shown in ran] == [len(shown.figures) for shown in before]


def test_a_page_without_its_recording_shows_what_was_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVIS_DATA", str(tmp_path))
    page = (blocks.PAGES / "recorded_cells.md").read_text()
    ran = [shown for _, shown in blocks.run_page(page, "recorded_cells.md") if shown is not None]
    assert [shown.text for shown in ran] == [shown.text for shown in blocks.kept("recorded_cells.md")]
    assert sum(len(shown.figures) for shown in ran) > 3 and all(figure[:4] == b"\x89PNG" for s in ran for figure in s.figures)


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
