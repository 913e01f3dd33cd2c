"""The search for posts by their titles and descriptions, on both engines."""

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.demo import texts
from app.domain.models.search import MARK, MAX_INDEXED_LENGTH
from app.domain.posts import moderation, update
from app.domain.posts.update import PostUpdate
from app.domain.search import post_index, posts, vocabulary
from app.domain.search.posts import SearchPage, Visibility
from app.domain.sql.statement import SQLITE
from app.domain.unit_of_work import UnitOfWork
from tests.domain.posts.test_delete import statements_of
from tests.support.factory import Factory

HERE = Path(__file__).parent


def read_pairs(name: str) -> list[tuple[str, str]]:
    """The lines of a file, split at the bar."""
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("|") for line in lines if line and not line.startswith("#")]
    return [(left.strip(), right.strip()) for left, _, right in pairs]


async def index(make: Factory, *, portal: int | None = None) -> None:
    while await make.act(post_index.index_new_posts, portal=portal):
        pass


async def find(
    make: Factory,
    query: str,
    *,
    visibility: Visibility = Visibility.NOT_REJECTED,
    status_ids: Sequence[int] | None = None,
    offset: int = 0,
    limit: int = 10,
    portal: int | None = None,
) -> SearchPage:
    """A page of the search, with all posts indexed."""
    await index(make, portal=portal)
    return await make.act(
        lambda work: posts.search(
            work, query, visibility=visibility, status_ids=status_ids, offset=offset, limit=limit
        ),
        portal=portal,
    )


async def find_titles(make: Factory, query: str, **options: Any) -> list[str]:
    page = await find(make, query, **options)
    return [str(await make.value("SELECT title FROM posts WHERE id = :id", id=post_id)) for post_id in page.ids]


async def test_the_fifty_queries_find_their_post_first(make: Factory) -> None:
    samples = [(post.title, post.description) for post in texts.load_posts()]
    for title, description in [*samples, *read_pairs("posts.txt")]:
        await make.post(title=title, description=description)
    queries = read_pairs("queries.txt")

    firsts = {query: (await find_titles(make, query, limit=3)) for query, _ in queries}

    assert len(queries) == len(firsts) == 50
    assert {query: firsts[query] for query, title in queries if firsts[query][:1] != [title]} == {}


async def test_a_post_must_have_all_words_in_the_title_or_the_description(make: Factory) -> None:
    await make.post(title="Dark mode", description="For the dashboard")
    await make.post(title="Dashboard", description="A dark one, in every mode")
    await make.post(title="Dark", description="Only for the dashboard")
    await make.post(title="Mode of the dashboard")

    assert await find_titles(make, "dark mode dashboard") == ["Dark mode", "Dashboard"]
    assert await find_titles(make, "the dashboard in the dark with a mode") == ["Dark mode", "Dashboard"]


async def test_a_title_counts_more_than_a_description_and_near_words_more_than_distant_ones(make: Factory) -> None:
    await make.post(title="Second", description="We need a rate limit for exports, as an option of the server.")
    await make.post(title="Third", description="The limit of exports depends on what we are charged, a rate for each.")
    await make.post(title="Rate limit", description="Please")

    assert await find_titles(make, "rate limit") == ["Rate limit", "Second", "Third"]


async def test_equal_matches_are_ordered_from_the_newest(make: Factory) -> None:
    ids = [await make.post(title="Dark mode") for _ in range(4)]

    assert (await find(make, "dark mode")).ids == ids[::-1]


async def test_the_exact_title_is_first_among_many_longer_ones(make: Factory) -> None:
    exact = await make.post(title="Export")
    for number in range(150):
        await make.post(title=f"Export of table {number} to spreadsheets")

    page = await find(make, "export")

    assert page.ids[0] == exact
    assert page.total == 151


@pytest.mark.parametrize("limit", [1, 13, 100])
async def test_pages_neither_repeat_nor_omit_a_post(make: Factory, limit: int) -> None:
    for number in range(260):
        title = ("Export of invoices", "Export", "Something else")[number % 3]
        await make.post(title=title, description="An export" if number % 2 else "Invoices for the export")
    others = [await make.post(title=f"Other {number}") for number in range(3)]
    starts = range(0, 280, limit) if limit > 1 else [0, 99, 100, 101, 229, 230, 259, 260, 1000]
    whole = [
        post_id for start in range(0, 300, 100) for post_id in (await find(make, "export", offset=start, limit=100)).ids
    ]

    pages = {start: await find(make, "export", offset=start, limit=limit) for start in starts}

    matching = {row["id"] for row in await make.rows("SELECT id FROM posts")} - set(others)
    assert sorted(whole) == sorted(matching)
    assert {start: page.ids for start, page in pages.items()} == {
        start: whole[start : start + limit] for start in starts
    }
    assert {page.total for page in pages.values()} == {260}


_WORDS = st.sampled_from(["amber", "birch", "cedar", "delta"])


@given(
    texts_=st.lists(st.lists(_WORDS, max_size=4), min_size=1, max_size=6),
    query=st.lists(_WORDS, min_size=1, max_size=3, unique=True),
    offset=st.integers(0, 3),
)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
async def test_the_total_is_the_number_of_posts_with_all_words(
    make: Factory, texts_: list[list[str]], query: list[str], offset: int
) -> None:
    await make.run("DELETE FROM facts")
    await make.run("DELETE FROM posts")
    posts_ = [await make.post(title="Tree", description=" ".join(words)) for words in texts_]
    matching = {post for post, words in zip(posts_, texts_, strict=True) if set(query) <= set(words)}

    whole, page = await find(make, " ".join(query)), await find(make, " ".join(query), offset=offset, limit=2)

    if matching:
        assert set(whole.ids) == matching
        assert whole.total == page.total == len(matching)
        assert page.ids == whole.ids[offset : offset + 2]


@pytest.mark.parametrize(
    ("visibility", "found"),
    [
        (Visibility.ALL, {"approved", "pending", "rejected", "unpublished"}),
        (Visibility.NOT_REJECTED, {"approved", "pending", "unpublished"}),
        (Visibility.PUBLIC, {"approved"}),
    ],
)
@pytest.mark.parametrize("query", ["dark mode", "zebra"])
async def test_hidden_posts_are_found_only_by_those_who_may_see_them(
    make: Factory, visibility: Visibility, found: set[str], query: str
) -> None:
    posts_ = {
        state: await make.post(title="Dark mode", description="zebra", moderation=state)
        for state in ("approved", "pending", "rejected")
    }
    posts_["unpublished"] = await make.post(title="Dark mode", description="zebra")
    await make.run("UPDATE posts SET published = false WHERE id = :id", id=posts_["unpublished"])

    page = await find(make, query, visibility=visibility)

    assert {state for state, post in posts_.items() if post in page.ids} == found
    assert page.total == len(found)


async def test_a_change_is_found_at_once(make: Factory) -> None:
    post = await make.post(title="Printing of labels", description="Shipping needs them", status="New")
    statuses = [make.statuses["Planned"]]
    assert (await find(make, "shipping")).total == 1

    await make.act(lambda work: update.update_post(work, post, PostUpdate(title="Heat map", description="Of clicks")))
    assert [(await find(make, query)).total for query in ("heat clicks", "heta", "shipping", "labels")] == [1, 1, 0, 0]
    assert (await find(make, "clicks", status_ids=statuses)).total == 0
    await make.act(lambda work: update.change_status(work, post, statuses[0], user_id=None))
    assert (await find(make, "clicks", status_ids=statuses)).ids == [post]
    await make.act(lambda work: moderation.set(work, post, "rejected"))
    assert (await find(make, "clicks")).total == 0
    await make.act(lambda work: moderation.set(work, post, "approved"))
    assert (await find(make, "clicks")).ids == [post]
    await make.act(lambda work: update.delete(work, post))
    assert (await find(make, "clicks", visibility=Visibility.ALL)).total == 0
    assert await entries(make) == []


async def test_a_post_that_changes_before_it_is_indexed_has_one_entry(make: Factory) -> None:
    changed, deleted = await make.post(title="Printing"), await make.post(title="Printing")
    await make.act(lambda work: update.update_post(work, changed, PostUpdate(title="Heat map")))
    await make.act(lambda work: update.delete(work, deleted))

    assert (await find(make, "printing", visibility=Visibility.ALL)).total == 0
    assert (await find(make, "heat map")).ids == [changed]
    assert await make.rows("SELECT * FROM post_search_new") == []


async def test_a_change_during_the_indexing_is_not_lost(make: Factory) -> None:
    """SQLite has one writer at a time, so this can't happen there."""
    if make.server.database.engine == SQLITE:
        return
    post = await make.post(title="Printing")
    other = await asyncpg.connect(make.server.settings.database_url)
    change = other.transaction()
    await change.start()
    await other.execute("UPDATE posts SET title = 'Heat map' WHERE id = $1", post)

    indexing = asyncio.create_task(make.act(post_index.index_new_posts))
    while not await other.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
        assert not indexing.done()
        await asyncio.sleep(0.02)
    await change.commit()
    await other.close()

    assert await indexing == 1
    assert (await find(make, "printing")).total == 0
    assert (await find(make, "heat map")).ids == [post]


async def test_a_change_waits_for_the_indexing_and_is_not_lost(make: Factory) -> None:
    if make.server.database.engine == SQLITE:
        return
    post = await make.post(title="Printing")
    other = await asyncpg.connect(make.server.settings.database_url)
    indexing = other.transaction()
    await indexing.start()
    await other.execute("DELETE FROM post_search_new WHERE post_id = $1", post)

    change = asyncio.create_task(make.act(lambda work: update.update_post(work, post, PostUpdate(title="Heat map"))))
    while not await other.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
        assert not change.done()
        await asyncio.sleep(0.02)
    await indexing.commit()
    await other.close()

    assert await change
    assert (await find(make, "printing")).total == 0
    assert (await find(make, "heat map")).ids == [post]


async def entries(make: Factory) -> list[int]:
    """The posts that the index has."""
    if make.server.database.engine == SQLITE:
        query = f"SELECT rowid AS id FROM post_search_texts WHERE post_search_texts MATCH '\"{MARK}p{make.portal}\"'"
    else:
        query = "SELECT post_id AS id FROM post_search_texts"
    return [row["id"] for row in await make.rows(query)]


async def test_tags_are_no_words_and_only_the_beginning_of_a_description_is_indexed(make: Factory) -> None:
    text = '<p class="intro">If <strong>a < b</strong> and c > d, say zebra</p><img src="https://example.com/x.png">'
    marked = await make.post(title="Markup", description=text)
    inside = await make.post(title="Long", description="x" * (MAX_INDEXED_LENGTH - 6) + " zebra")
    await make.post(title="Longer", description="x" * (MAX_INDEXED_LENGTH - 5) + " zebra")
    await make.post(title="Longest", description="word " * 1_000_000 + "zebra")

    assert set((await find(make, "zebra")).ids) == {marked, inside}
    for query in ("intro", "strong", "img", "src", "https", "png"):
        assert (await find(make, query)).total == 0, query
    assert (await find(make, "b and c")).ids == [marked]


async def test_a_post_on_any_of_the_statuses_is_found(make: Factory) -> None:
    new = await make.post(title="Dark mode", status="New")
    planned = await make.post(title="Dark mode", status="Planned")
    await make.post(title="Dark mode")
    ids = {name: make.statuses[name] for name in ("New", "Planned", "Completed")}

    assert (await find(make, "dark", status_ids=[ids["New"]])) == SearchPage([new], 1)
    assert (await find(make, "dark", status_ids=[ids["New"], ids["Planned"]])) == SearchPage([planned, new], 2)
    assert (await find(make, "dark", status_ids=[ids["Completed"]])) == SearchPage([], 0)
    assert (await find(make, "dark", status_ids=[])) == SearchPage([], 0)


async def test_only_posts_and_words_of_the_portal_are_found(make: Factory) -> None:
    other, owner = await make.new_portal("Elsewhere", host="other.example.com", email="other@example.com")
    here = await make.post(title="Dark mode here")
    there = await make.post(title="Dark mode there, with a zebra", author=owner, portal=other)
    await index(make, portal=other)

    assert await find(make, "dark mode") == SearchPage([here], 1)
    assert await find(make, "dark mode", portal=other) == SearchPage([there], 1)
    assert await find(make, f"{MARK}p{other}") == SearchPage([], 0)
    assert await make.act(lambda work: vocabulary.complete(work, "zeb")) == set()
    assert await make.act(lambda work: vocabulary.suggest(work, "zebar")) == set()
    assert await make.act(lambda work: vocabulary.suggest(work, "zebar"), portal=other) == {("zebra",)}


async def test_indexing_one_portal_leaves_the_new_posts_of_another(make: Factory) -> None:
    other, owner = await make.new_portal("Elsewhere", host="other.example.com", email="other@example.com")
    await make.post(title="Here")
    await make.post(title="There", author=owner, portal=other)

    await index(make)

    assert [await make.act(post_index.has_new_posts, portal=portal) for portal in (make.portal, other)] == [False, True]
    assert await make.act(post_index.find_portals_with_new_posts) == [other]


@given(query=st.text(max_size=180), text=st.text(max_size=60))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
async def test_any_text_can_be_indexed_and_searched(make: Factory, query: str, text: str) -> None:
    storable = "".join(character for character in text if character != "\0" and not "\ud800" <= character <= "\udfff")
    post = await make.post(title="Any", description=storable)
    await find(make, query.replace("\0", ""))

    await make.act(lambda work: update.update_post(work, post, PostUpdate(description="")))
    assert (await find(make, "any")).ids[0] == post
    await make.act(lambda work: update.delete(work, post))


async def test_no_statement_reads_all_posts(make: Factory) -> None:
    """PostgreSQL reads tables as small as those of a test."""
    if make.server.database.engine != SQLITE:
        # Without statistics PostgreSQL reads the index of the words, however common they are.
        column = "attrelid = CAST('post_search_texts' AS regclass) AND attname = 'words'"
        assert await make.value(f"SELECT attstattarget AS target FROM pg_attribute WHERE {column}") == 0
        column = "attrelid = CAST('ix_post_search_texts_array' AS regclass)"
        assert await make.value(f"SELECT attstattarget AS target FROM pg_attribute WHERE {column}") == 0
        return
    await make.post(title="Dark mode", description="zebra")
    await index(make)

    def run(work: UnitOfWork) -> None:
        for query in ("dark mode", "drak zebar"):
            posts.search(work, query, visibility=Visibility.PUBLIC, status_ids=[1], offset=0, limit=10)

    statements = await statements_of(make, run)

    path = make.server.settings.database_url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        for statement in statements:
            prepared = statement.compiled(SQLITE)
            values = ["1" if name in ("portal", "limit", "offset") else '["1"]' for name in prepared.names]
            plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + prepared.text, values)]
            scans = {step for step in plan if step.startswith("SCAN") and "VIRTUAL TABLE" not in step}
            assert scans <= {"SCAN CONSTANT ROW", "SCAN matching"}, plan
