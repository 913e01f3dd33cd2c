"""docs/security.md has a test for each promise, and a promise for each test of this folder."""

import ast
import re
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

DOCUMENT = ROOT / "docs" / "security.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::((?:\w+::)?test_\w+)`")


def list_tests(path: Path) -> set[str]:
    """The tests of a file, as pytest names them; those of a class with its name before."""
    tests = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            tests.add(node.name)
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            tests |= {
                f"{node.name}::{inner.name}"
                for inner in node.body
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner.name.startswith("test_")
            }
    return tests


def promises(text: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """The rows of all tables: what is promised, and the tests named beside it."""
    rows = []
    for line in text.splitlines():
        if line.startswith("|") and not line.startswith(("| What holds |", "| --- |")):
            promise, _, shown = line.strip("| ").partition(" | ")
            rows.append((promise, NAMED.findall(shown)))
    return rows


def unheld(text: str) -> list[str]:
    """What is wrong with the document: promises that no test shows, and tests that are not there."""
    wrong = []
    for promise, named in promises(text):
        if not named:
            wrong.append(f"no test: {promise}")
        for file, test in named:
            path = ROOT / file
            if not path.exists() or test not in list_tests(path):
                wrong.append(f"no such test: {file}::{test}")
    return wrong


def test_every_promise_has_an_existing_test() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")

    assert unheld(text) == []
    assert len(promises(text)) > 60
    # What looks like the name of a test is one, wherever it stands.
    assert len(NAMED.findall(text)) == text.count("::test_")


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ("| All is well. | |", "no test: All is well."),
        ("| All is well. | `tests/nowhere.py::test_a` |", "no such test: tests/nowhere.py::test_a"),
        (
            "| All is well. | `tests/security/test_document.py::test_that_nobody_wrote` |",
            "no such test: tests/security/test_document.py::test_that_nobody_wrote",
        ),
    ],
)
def test_a_promise_without_a_test_is_detected(row: str, wrong: str) -> None:
    assert unheld(row) == [wrong]


def test_every_security_test_belongs_to_a_promise() -> None:
    named = set(NAMED.findall(DOCUMENT.read_text(encoding="utf-8")))
    ours = {
        (path.relative_to(ROOT).as_posix(), test)
        for path in sorted((ROOT / "tests" / "security").glob("test_*.py"))
        if path.name != "test_document.py"
        for test in list_tests(path)
    }

    assert ours - named == set()


def test_the_readme_links_the_document() -> None:
    assert "(docs/security.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
