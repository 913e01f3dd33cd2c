"""Every relative link of the documents leads to a file that exists, and to a heading of it."""

import re
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)\s]+)\)")


def strip_code(text: str) -> str:
    """The text without code blocks and code spans, in which brackets are no links."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^ {4,}.*$", "", text, flags=re.MULTILINE)
    return re.sub(r"(`+)[^\n]*?\1", "", text)


def list_anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub derives them."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def find_broken_links(path: Path) -> list[str]:
    broken = []
    # A code span may be the text of a link, so only its backticks are removed.
    for target in LINK.findall(strip_code(re.sub(r"\[`([^`\n]*)`\]", r"[\1]", path.read_text(encoding="utf-8")))):
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (anchor and anchor not in list_anchors(file)):
            broken.append(target)
    return broken


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_existing_headings(path: Path) -> None:
    assert find_broken_links(path) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# One\n\n```\n# a comment\n```\n\n## Why not `cp`\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md) [b](other.md#one) [c](other.md#why-not-cp) `[d](gone.md)`\n\n    [e](gone.md)\n\n"
        "[f](gone.md) [g](other.md#two) [h](#three) [i](other.md#a-comment)\n"
    )

    assert find_broken_links(page) == ["gone.md", "other.md#two", "#three", "other.md#a-comment"]


def test_every_page_of_the_guide_is_in_its_index() -> None:
    folder = ROOT / "docs" / "operating"
    index = (folder / "README.md").read_text(encoding="utf-8")

    pages = {path.name for path in folder.glob("*.md")} - {"README.md"}
    assert {name for name in pages if f"]({name})" not in index} == set()
