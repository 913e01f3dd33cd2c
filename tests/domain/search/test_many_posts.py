"""The search for posts where many posts or words match, on both engines."""

import pytest

from app.domain.posts import create
from app.domain.posts.create import NewPost
from app.domain.search import posts, terms
from app.domain.search.post_statements import MAX_FEW
from app.domain.sql.statement import SQLITE
from app.domain.unit_of_work import UnitOfWork
from tests.domain.search.test_posts import find, find_titles, index
from tests.support.factory import Factory

PLURALS = [
    ("mode", "modes"),
    ("box", "boxes"),
    ("pdf", "pdfs"),
    ("category", "categories"),
    ("address", "addresses"),
    ("cache", "caches"),
    ("user", "users"),
]


async def create_posts(make: Factory, titles: list[str]) -> list[int]:
    def run(work: UnitOfWork) -> list[int]:
        return [
            create.create_post(work, NewPost(title=title, description="An export", author=make.owner)).id
            for title in titles
        ]

    return await make.act(run)


@pytest.mark.parametrize("min_many", [0, posts.MIN_MANY])
async def test_pages_of_many_matches_neither_repeat_nor_omit_a_post(
    make: Factory, monkeypatch: pytest.MonkeyPatch, min_many: int
) -> None:
    monkeypatch.setattr(posts, "MIN_MANY", min_many)
    kinds = ("Invoices", "Export", "Export of invoices", "Something", "Something else")
    matching = await create_posts(make, [kinds[number % len(kinds)] for number in range(MAX_FEW + 150)])
    await make.post(title="Dark mode")
    await index(make)

    for query in ("export", "export invoices an", "export of 1 invoices"):
        # The third one is found without "1", and by the other of PostgreSQL's two indexes.
        everyone = set(matching)
        pages = [await find(make, query, offset=offset, limit=100) for offset in range(0, len(matching) + 100, 100)]
        whole = [post_id for page in pages for post_id in page.ids]
        total = pages[0].total
        if query == "export":
            assert set(whole) == everyone
        assert len(set(whole)) == len(whole) == total
        assert {page.total for page in pages} == {total}
        assert whole[100:] == sorted(whole[100:], reverse=True)
        for offset in (90, 99, 100, 101, total // 2 - 7, total // 2 + 7, total - 11, total - 1, total, total + 1):
            assert (await find(make, query, offset=offset, limit=20)).ids == whole[offset : offset + 20], offset
    assert await find_titles(make, "export", limit=1) == ["Export"]


async def test_singular_and_plural_find_each_other(make: Factory) -> None:
    both = {pair: [await make.post(title=word) for word in pair] for pair in PLURALS}

    for pair, post_ids in both.items():
        for word in pair:
            assert sorted((await find(make, word)).ids) == post_ids, word


def test_a_plural_with_the_stem_of_its_singular_is_not_looked_up(engine: str) -> None:
    rendered = {
        forms: terms.render_word(engine, [(form,) for form in forms])
        for forms in (("mode", "modes"), ("tie", "ties"), ("gas", "gass"), ("modes",))
    }

    assert [forms for forms, term in rendered.items() if all(form in term for form in forms)] == [
        ("tie", "ties"),
        ("gas", "gass"),
        ("modes",),
    ]


async def test_beside_a_word_that_posts_have_the_most_frequent_spellings_are_tried(make: Factory) -> None:
    for title in ("Cart", "Cert", "Cirt", "Cort", "Curt", "Cyrt", "Cyrt", "Cyrt zebra"):
        await make.post(title=title)

    assert await find_titles(make, "cart zebra") == ["Cyrt zebra"]


async def test_a_joined_word_is_found_by_its_plural(make: Factory) -> None:
    post = await make.post(title="Timesheets")

    assert (await find(make, "time sheet")).ids == [post]


async def test_at_least_half_of_the_words_are_found_in_every_combination(make: Factory) -> None:
    words = ["amber", "birch", "cedar", "delta"]
    pairs = {
        await make.post(title=f"{left} {right}") for place, left in enumerate(words) for right in words[place + 1 :]
    }
    await make.post(title="amber")

    assert set((await find(make, " ".join(words), limit=20)).ids) == pairs


async def test_postgresql_stores_the_words_of_a_post_outside_of_its_row(make: Factory) -> None:
    """It reads the row of each match; with their words, a page has room for a dozen rows."""
    if make.server.database.engine == SQLITE:
        return
    words = " ".join(f"{chr(97 + number // 10)}word{number}" for number in range(80))
    for number in range(60):
        await make.post(title=f"Post {number}", description=words)
    await index(make)

    pages = "SELECT count(DISTINCT split_part(CAST(ctid AS TEXT), ',', 1)) FROM post_search_texts"
    assert await make.value(pages) <= 2
    assert (await find(make, "hword70")).total == 60
