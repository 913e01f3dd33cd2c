"""The search for duplicates, on both engines."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import bindparam, cast, literal_column, select

from app.domain.models import Post
from app.domain.search import index
from app.domain.search.duplicates import find_duplicates
from app.domain.sql.json_rows import BIGINT, TEXT, encode_rows, json_column, json_rows
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, upsert
from app.domain.unit_of_work import UnitOfWork
from tests.domain.search.titles import rewordings, titles
from tests.support.factory import Factory

PIECE = 5_000

_given = json_rows("titles").table_valued("value", name="given")
_BULK = Statement(
    upsert(Post).from_select(
        ["portal_id", "board_id", "code", "slug", "title", "status_changed_at", "created_at", "updated_at"],
        select(
            cast(PORTAL_ID, BIGINT),
            cast(bindparam("board"), BIGINT),
            json_column(_given.c.value, 0, TEXT),
            json_column(_given.c.value, 0, TEXT),
            json_column(_given.c.value, 1, TEXT),
            *(cast(NOW, Post.created_at.type) for _ in range(3)),
        ).where(literal_column("1") == literal_column("1")),
    )
)


async def fill(make: Factory, made: list[str]) -> None:
    """Put the titles up as posts, and index them."""
    rows = [(f"{number:06x}", title) for number, title in enumerate(made)]

    def put_up(work: UnitOfWork) -> None:
        for start in range(0, len(rows), PIECE):
            work.execute(_BULK, board=min(make.boards.values()), titles=encode_rows(rows[start : start + PIECE]))
        index.rebuild(work)

    await make.act(put_up)
    await indexed(make, batch=1_000)


async def indexed(make: Factory, *, batch: int = 100) -> None:
    """Index all that waits."""
    while await make.act(lambda work: index.index_batch(work, batch)):
        pass


async def found(make: Factory, title: str | None, description: str | None = None, **where: Any) -> list[str]:
    """The titles of the posts found, best first."""

    def search(work: UnitOfWork) -> list[str]:
        return [row["title"] for row in find_duplicates(work, title, description)]

    return await make.act(search, **where)


async def test_95_of_100_rewordings_find_their_post_among_100_000_titles(make: Factory) -> None:
    await fill(make, titles(100_000))

    missed = [pair for pair in rewordings() if pair.title not in await found(make, pair.typed)]

    assert len(missed) <= 5, missed


async def test_what_nobody_wrote_about_finds_nothing(make: Factory) -> None:
    await fill(make, titles(3_000))

    asked = [
        "asdf qwer yxcv",
        "the weather is lovely today",
        "best restaurants in Berlin",
        "cheap viagra online",
        "x",
        "?!",
    ]

    assert [await found(make, title) for title in asked] == [[]] * len(asked)


async def test_at_most_ten_are_found_the_likeliest_first(make: Factory) -> None:
    for number in range(15):
        await make.post(title=f"Dark mode for screen {number}")
    await make.post(title="DARK MODE")
    await indexed(make)

    responses = await found(make, "dark mode")

    assert responses[0] == "DARK MODE"
    assert len(responses) == 10


async def test_the_very_title_is_found_among_many_longer_ones(make: Factory) -> None:
    await fill(make, [f"Export {thing} into {place}" for thing in range(60) for place in range(50)] + ["Export"])

    assert (await found(make, "export"))[0] == "Export"


async def test_mere_relatives_are_left_out_beside_the_very_post(make: Factory) -> None:
    await make.post(title="Recurring invoices in foreign currency")
    await make.post(title="Show receipts in their currency")
    await indexed(make)

    assert await found(make, "recuring invoice foreign currency") == ["Recurring invoices in foreign currency"]


async def test_an_answer_has_id_code_title_and_description(make: Factory) -> None:
    post = await make.post(title="Dark mode", description="It hurts at night")
    code = await make.code(post)

    (row,) = await make.act(lambda work: find_duplicates(work, "darkmode"))

    assert {key: row[key] for key in row.keys()} == {  # noqa: SIM118
        "id": post,
        "code": code,
        "title": "Dark mode",
        "description": "It hurts at night",
    }


async def test_a_title_is_found_at_once_before_it_is_indexed(make: Factory) -> None:
    await make.post(title="Export invoices as spreadsheet")

    assert await found(make, "exprot invocie spreadsheet") == ["Export invoices as spreadsheet"]


async def test_posts_not_indexed_yet_stand_beside_indexed_ones_once(make: Factory) -> None:
    await make.post(title="Dark mode on phones")
    await indexed(make)
    await make.post(title="Dark mode on tablets")
    await make.run("INSERT INTO titles_waiting SELECT portal_id, id FROM posts WHERE title LIKE '%phones'")

    assert await found(make, "dark mode phone") == ["Dark mode on phones", "Dark mode on tablets"]


async def test_rejected_posts_are_not_found_pending_ones_are(make: Factory) -> None:
    await make.post(title="Dark mode, rejected", moderation="rejected")
    await make.post(title="Dark mode, pending", moderation="pending")
    waiting = await found(make, "dark mode")
    await indexed(make)

    assert waiting == await found(make, "dark mode") == ["Dark mode, pending"]

    await make.run("UPDATE posts SET moderation = 'rejected'")

    assert await found(make, "dark mode") == []


@pytest.mark.parametrize("index_first", [True, False])
async def test_a_changed_title_is_found_by_its_new_words_only(make: Factory, index_first: bool) -> None:
    post = await make.post(title="Printing of shipping labels")
    await indexed(make)
    await make.run("UPDATE posts SET title = 'Heat map of clicks' WHERE id = :id", id=post)
    await make.run("INSERT INTO titles_waiting (portal_id, post_id) VALUES (:portal, :id)", id=post)
    if index_first:
        await indexed(make)

    assert await found(make, "heatmap of clicks") == ["Heat map of clicks"]
    assert await found(make, "print shipping label") == []


@pytest.mark.parametrize("index_first", [True, False])
async def test_a_deleted_post_is_not_found(make: Factory, index_first: bool) -> None:
    post = await make.post(title="Printing of shipping labels")
    if index_first:
        await indexed(make)
    await make.run("DELETE FROM posts WHERE id = :id", id=post)

    assert await found(make, "print shipping label") == []

    await indexed(make)

    assert await make.value("SELECT count(*) FROM titles_waiting") == 0


async def test_another_portals_posts_are_not_found(make: Factory) -> None:
    other, owner = await make.new_portal("Elsewhere", host="other.example.com", email="other@example.com")
    await make.post(title="Dark mode here")
    await make.post(title="Dark mode elsewhere", portal=other, author=owner)
    before = await found(make, "dark mode"), await found(make, "dark mode", portal=other)
    await indexed(make)
    await make.act(lambda work: index.index_batch(work), portal=other)

    assert before == (["Dark mode here"], ["Dark mode elsewhere"])
    assert (await found(make, "dark mode"), await found(make, "dark mode", portal=other)) == before
    assert await make.value("SELECT count(*) FROM titles_waiting") == 0


async def test_portals_with_titles_to_index_are_named(make: Factory) -> None:
    other, owner = await make.new_portal("Elsewhere", host="other.example.com", email="other@example.com")
    await make.new_portal("Empty", host="empty.example.com", email="empty@example.com")
    for number in range(3):
        await make.post(title=f"Dark mode {number}")
        await make.post(title=f"Light mode {number}", portal=other, author=owner)

    waiting = await make.act(index.portals_with_queue)
    await indexed(make)

    assert waiting == [make.portal, other]
    assert await make.act(index.portals_with_queue) == [other]


async def test_a_description_helps_to_choose_and_stands_in_for_a_title(make: Factory) -> None:
    await make.post(title="Export invoices to bookkeeping")
    await make.post(title="Export invoices to spreadsheet")
    await indexed(make)

    assert (await found(make, "export invoices", "our bookkeeping needs them"))[0] == "Export invoices to bookkeeping"
    assert (await found(make, "export invoices", "I like a spreadsheet"))[0] == "Export invoices to spreadsheet"
    assert await found(make, None, "invoice export to bookkeeping") == ["Export invoices to bookkeeping"]
    assert await found(make, None, None) == await found(make, "", "") == []


async def test_several_who_index_at_once_take_each_title_once(make: Factory) -> None:
    made = sorted(
        f"{verb} {thing} {number}" for verb in ("Sort", "Hide") for thing in ("rows", "tabs") for number in range(20)
    )
    for title in made:
        await make.post(title=title)

    await asyncio.gather(*(indexed(make, batch=3) for _ in range(6)))

    assert await make.rows("SELECT word, posts FROM title_words WHERE posts > 4 ORDER BY word") == [
        {"word": word, "posts": 40} for word in ("hid", "row", "sort", "tab")
    ]
    (packed_ids,) = await make.rows(
        "SELECT post_ids FROM title_word_posts JOIN title_words ON id = word_id WHERE word = 'hid'"
    )
    hidden = await make.rows("SELECT id FROM posts WHERE title LIKE 'Hide%' ORDER BY id")
    listed = sorted(int(each) // index.LENGTHS for each in packed_ids["post_ids"].split(",") if each)
    assert listed == [row["id"] for row in hidden]


async def test_a_lost_index_is_made_anew(make: Factory) -> None:
    await make.post(title="Dark mode")
    await indexed(make)
    await make.act(index.rebuild)

    assert await make.value("SELECT count(*) FROM title_word_posts") == 0

    await indexed(make)

    assert await found(make, "drak mode") == ["Dark mode"]
    assert await make.rows("SELECT word, posts FROM title_words ORDER BY word") == [
        {"word": "dark", "posts": 1},
        {"word": "mod", "posts": 1},
    ]


async def test_the_index_goes_with_its_portal(make: Factory) -> None:
    await make.post(title="Dark mode")
    await indexed(make)
    await make.run("DELETE FROM facts")
    await make.run("DELETE FROM posts")
    await make.run("DELETE FROM boards")
    await make.run("DELETE FROM portals")

    tables = ("title_words", "title_word_signatures", "title_word_posts")
    assert [await make.value(f"SELECT count(*) FROM {table}") for table in tables] == [0, 0, 0]
