"""Posts are found by words that are spelled in another way, and nothing is found for an unknown text."""

import pytest

from app.domain.search.posts import SearchPage
from tests.domain.search.test_posts import find, find_titles
from tests.support.factory import Factory


async def test_words_may_be_missing_only_if_no_post_has_all(make: Factory) -> None:
    await make.post(title="Import of invoices from spreadsheets")
    await make.post(title="Import of contacts")

    assert await find_titles(make, "import invoices") == ["Import of invoices from spreadsheets"]
    assert await find_titles(make, "import invoices zebra") == ["Import of invoices from spreadsheets"]
    assert await find_titles(make, "import zebra giraffe") == []


@pytest.mark.parametrize(
    ("title", "query"),
    [
        ("What is this", "what is"),
        ("E-mail digest", "email"),
        ("Email digest", "e-mail"),
        ("O'Reilly books", "oreilly"),
        ("Timesheet", "time sheet"),
        ("Überweisung prüfen", "ueberweisung"),
        ("Überweisung prüfen", "uberweisung"),
        ("Ueberweisung pruefen", "Überweisung prüfen"),
        ("Ueberweisung pruefen", "uberweisung"),
        ("Größe ändern", "groesse aendern"),
        ("Groesse", "grosse"),
        ("Time sheet", "timesheet"),
        ("Straße sperren", "strasse"),
        ("Categories", "category"),
        ("Support pdfs", "pdf"),
        ("Two-way sync", "2 way sync"),
        ("Notifications", "notificat"),
        ("Calendar", "calender"),
        ("Accessibility", "acessibilty"),
        ("ダークモード API連携", "ダークモード"),
        ("It's \"quoted\" | & 'so' \\ :*", "\"quoted\" | & 'so' \\ :*"),
    ],
)
async def test_another_spelling_is_found(make: Factory, title: str, query: str) -> None:
    post = await make.post(title=title)
    await make.post(title="Something about the weather")

    assert await find(make, query) == SearchPage([post], 1)


@pytest.mark.parametrize(("query", "first"), [("C++", "C++"), ("C#", "C#"), (".NET", ".NET"), ("c", "C")])
async def test_a_letter_with_punctuation_is_a_word(make: Factory, query: str, first: str) -> None:
    for name in ("C", "C++", "C#", "Cats", ".NET", "Networks"):
        await make.post(title=f"{name} in the examples", description="Please")

    found = await find_titles(make, query)

    assert found[0] == f"{first} in the examples"
    assert ("Cats in the examples" in found) == (query == "c")


@pytest.mark.parametrize("query", ["?!", "--", "xyzzy", "1234567", "dark zebra giraffe"])
async def test_nothing_is_found_for_an_unknown_text(make: Factory, query: str) -> None:
    await make.post(title="Dark mode")

    assert await find(make, query) == SearchPage([], 0)
