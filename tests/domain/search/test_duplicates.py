"""The search for duplicates, on both engines."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, cast, literal_column, select

from app.domain.models import Post
from app.domain.posts import update
from app.domain.posts.update import PostUpdate
from app.domain.search.duplicates import find_duplicate_ids
from app.domain.search.posts import Visibility
from app.domain.sql.json_rows import BIGINT, TEXT, encode_rows, json_column, json_rows
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, upsert
from app.domain.unit_of_work import UnitOfWork
from tests.domain.search.titles import rewordings, titles
from tests.support.factory import Factory

BATCH = 5_000

_rows = json_rows("titles").table_valued("value", name="entries")
_BULK = Statement(
    upsert(Post).from_select(
        ["portal_id", "board_id", "code", "slug", "title", "status_changed_at", "created_at", "updated_at"],
        select(
            cast(PORTAL_ID, BIGINT),
            cast(bindparam("board"), BIGINT),
            json_column(_rows.c.value, 0, TEXT),
            json_column(_rows.c.value, 0, TEXT),
            json_column(_rows.c.value, 1, TEXT),
            *(cast(NOW, Post.created_at.type) for _ in range(3)),
        ).where(literal_column("1") == literal_column("1")),
    )
)


async def fill(make: Factory, texts: list[str]) -> None:
    """Insert the titles as posts."""
    rows = [(f"{number:06x}", title) for number, title in enumerate(texts)]

    def insert(work: UnitOfWork) -> None:
        for start in range(0, len(rows), BATCH):
            work.execute(_BULK, board=min(make.boards.values()), titles=encode_rows(rows[start : start + BATCH]))

    await make.act(insert)


async def find_titles(
    make: Factory,
    title: str | None,
    description: str | None = None,
    visibility: Visibility = Visibility.NOT_REJECTED,
    **where: Any,
) -> list[str]:
    """The titles of the posts found, best first."""

    ids = await make.act(lambda work: find_duplicate_ids(work, title, description, visibility=visibility), **where)
    return [str(await make.value("SELECT title FROM posts WHERE id = :id", id=post_id)) for post_id in ids]


async def test_95_percent_of_rewordings_find_their_post(make: Factory) -> None:
    await fill(make, titles(100_000))

    missed = [pair for pair in rewordings() if pair.title not in await find_titles(make, pair.typed)]

    assert len(missed) <= 5, missed


async def test_an_unrelated_query_finds_nothing(make: Factory) -> None:
    await fill(make, titles(3_000))

    queries = [
        "asdf qwer yxcv",
        "the weather is lovely today",
        "best restaurants in Berlin",
        "cheap viagra online",
        "x",
        "?!",
    ]

    assert [await find_titles(make, title) for title in queries] == [[]] * len(queries)


async def test_at_most_ten_posts_are_found_best_match_first(make: Factory) -> None:
    for number in range(15):
        await make.post(title=f"Dark mode for screen {number}")
    await make.post(title="DARK MODE")

    responses = await find_titles(make, "dark mode")

    assert responses[0] == "DARK MODE"
    assert len(responses) == 10


async def test_the_exact_title_is_found_among_many_longer_ones(make: Factory) -> None:
    await fill(make, [f"Export {thing} into {place}" for thing in range(60) for place in range(50)] + ["Export"])

    assert (await find_titles(make, "export"))[0] == "Export"


async def test_loosely_related_posts_are_omitted_next_to_a_good_match(make: Factory) -> None:
    await make.post(title="Recurring invoices in foreign currency")
    await make.post(title="Show receipts in their currency")

    assert await find_titles(make, "recuring invoice foreign currency") == ["Recurring invoices in foreign currency"]


async def test_pending_posts_are_found_and_rejected_ones_are_not(make: Factory) -> None:
    await make.post(title="Dark mode, rejected", moderation="rejected")
    await make.post(title="Dark mode, pending", moderation="pending")

    assert await find_titles(make, "dark mode") == ["Dark mode, pending"]

    await make.run("UPDATE posts SET moderation = 'rejected'")

    assert await find_titles(make, "dark mode") == []


async def test_hidden_posts_do_not_take_the_places_of_visible_ones(make: Factory) -> None:
    await fill(make, ["Dark mode"] * 300)
    await make.run("UPDATE posts SET moderation = 'pending'")
    await make.post(title="A dark mode for the mobile app")
    hidden = await make.post(title="Dark mode, unpublished")
    await make.run("UPDATE posts SET published = false WHERE id = :id", id=hidden)

    assert await find_titles(make, "dark mode") == ["Dark mode"] * 10
    assert await find_titles(make, "dark mode", visibility=Visibility.PUBLIC) == ["A dark mode for the mobile app"]


async def test_the_triggers_of_the_index_exist_at_the_newest_revision(make: Factory) -> None:
    statement, names = {
        "sqlite": (
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'posts' ORDER BY name",
            [
                "post_search_delete",
                "post_search_insert",
                "post_search_new_insert",
                "post_search_texts_delete",
                "post_search_texts_update",
                "post_search_update",
            ],
        ),
        "postgresql": (
            "SELECT tgname AS name FROM pg_trigger WHERE tgrelid = 'posts'::regclass AND NOT tgisinternal ORDER BY 1",
            ["post_search_texts_update", "post_search_texts_write", "post_search_update", "post_search_write"],
        ),
    }[make.server.database.engine]

    assert [row["name"] for row in await make.rows(statement)] == names


async def test_a_changed_title_is_found_only_by_its_new_words(make: Factory) -> None:
    post = await make.post(title="Printing of shipping labels")
    await make.act(lambda work: update.update_post(work, post, PostUpdate(title="Heat map of clicks")))

    assert await find_titles(make, "heatmap of clicks") == ["Heat map of clicks"]
    assert await find_titles(make, "print shipping label") == []
    assert await matching(make, "label") == []
    assert await matching(make, "click") == [post]


async def test_a_deleted_post_is_neither_found_nor_indexed(make: Factory) -> None:
    post = await make.post(title="Printing of shipping labels")
    await make.act(lambda work: update.delete(work, post))

    assert await find_titles(make, "print shipping label") == []
    assert await matching(make, "label") == []


async def test_another_portals_posts_are_not_found(make: Factory) -> None:
    other, owner = await make.new_portal("Elsewhere", host="other.example.com", email="other@example.com")
    await make.post(title="Dark mode here")
    await make.post(title="Dark mode elsewhere", portal=other, author=owner)

    assert await find_titles(make, "dark mode") == ["Dark mode here"]
    assert await find_titles(make, "dark mode", portal=other) == ["Dark mode elsewhere"]


async def matching(make: Factory, word: str) -> list[int]:
    """The posts that the engine's index has for a word."""
    statement = {
        "sqlite": "SELECT rowid AS post_id FROM post_search WHERE post_search MATCH :word",
        "postgresql": "SELECT post_id FROM post_search WHERE title @@ to_tsquery('earshot_titles', :word)",
    }
    rows = await make.rows(statement[make.server.database.engine], word=word)
    return [row["post_id"] for row in rows]


@pytest.mark.parametrize(
    ("title", "typed"),
    [
        ("Größe ändern", "grosse andern"),
        ("GRÖSSE ÄNDERN", "größe ändern"),
        ("Größe", "Größe"),
        ("Łódź", "Łódź"),
        ("Notificações", "notificacoes"),
        ("тёмную тему", "темную тему"),
        ("Invoices", "invoice"),
        ("Taxes", "tax"),
        ("Log in", "login"),
        ("Login", "log in"),
        ("Two-way sync", "2 way sync"),
        ("E-mail digest", "email digest"),
        ("ダークモード API連携", "ダークモード"),
        ("It's \"quoted\" | & 'so' \\ :*", "its quoted so"),
    ],
)
async def test_another_spelling_of_a_title_is_found(make: Factory, title: str, typed: str) -> None:
    await make.post(title=title)
    await make.post(title="Heat map of clicks")

    assert await find_titles(make, typed) == [title]


@given(title=st.text(max_size=180))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
async def test_any_text_can_be_searched(make: Factory, title: str) -> None:
    await find_titles(make, title.replace("\0", ""))


@pytest.mark.parametrize(
    ("title", "query"),
    [
        ("Import/export of boards", "export boards"),
        ("Dark/light mode", "light mode"),
        ("CI/CD", "CI/CD"),
        ("iOS/Android app", "android app"),
        ("ASP.net SDK", "net SDK"),
        ("Support <iframe> embeds", "iframe"),
        ("E-mail", "E-mail"),
        ("E-mail", "Email"),
        ("T-shirts", "T-shirts"),
        ("X-ray", "xray"),
        ("O'Reilly", "O'Reilly"),
        ("Don't", "Don't"),
        ("More", "More"),
        ("Sign out", "sign out"),
        ("What is this", "What is this"),
        ("Playback", "playbak"),
        ("Copying of boards", "copyng boards"),
    ],
)
async def test_punctuation_stop_words_and_endings_are_ignored(make: Factory, title: str, query: str) -> None:
    await make.post(title=title)
    await make.post(title="Something about the weather")

    assert await find_titles(make, query) == [title]


async def test_rejected_posts_do_not_displace_other_results(make: Factory) -> None:
    for _ in range(120):
        await make.post(title="Dark mode", moderation="rejected")
    await make.post(title="Dark mode, please")

    assert await find_titles(make, "Dark mode") == ["Dark mode, please"]


async def test_a_description_improves_ranking_and_can_replace_a_title(make: Factory) -> None:
    await make.post(title="Export invoices to bookkeeping")
    await make.post(title="Export invoices to spreadsheet")

    assert (await find_titles(make, "export invoices", "our bookkeeping needs them"))[
        0
    ] == "Export invoices to bookkeeping"
    assert (await find_titles(make, "export invoices", "I like a spreadsheet"))[0] == "Export invoices to spreadsheet"
    assert await find_titles(make, None, "invoice export to bookkeeping") == ["Export invoices to bookkeeping"]
    assert await find_titles(make, None, None) == await find_titles(make, "", "") == []


async def test_the_index_is_deleted_with_its_portal(make: Factory) -> None:
    post = await make.post(title="Dark mode")
    assert await matching(make, "dark") == [post]

    await make.run("DELETE FROM facts")
    await make.run("DELETE FROM posts")
    await make.run("DELETE FROM boards")
    await make.run("DELETE FROM portals")

    assert await matching(make, "dark") == []
