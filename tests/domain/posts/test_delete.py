"""Deletions of much at once: as many statements as for little, exact counters, and an end whatever the data says."""

import json
import sqlite3
from typing import Any

import pytest

from app.adapters.database import Operation, T
from app.application import Application
from app.domain.counters import audit
from app.domain.portals import boards
from app.domain.posts import comments, update
from app.domain.sql.statement import SQLITE, Statement
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import deletion
from tests.support.counting import Counting
from tests.support.factory import Factory


async def statements_of(make: Factory, operation: Operation[T]) -> list[Statement]:
    """The statements that the act runs; it is committed."""

    def counted(work: UnitOfWork) -> list[Statement]:
        counting = Counting(work._connection)
        work._connection = counting
        operation(work)
        return counting.statements

    return await make.act(counted)


def _text(make: Factory, statement: Statement) -> str:
    return statement.compiled(make.server.database.engine).text


async def posts_of(make: Factory, author: int, many: int, **more: Any) -> list[int]:
    """Posts with two votes and a comment with a reply on each."""
    voters = [await make.user(), await make.user()]
    posts = []
    for _ in range(many):
        post = await make.post(author=author, votes_by=voters, **more)
        await make.comment(post, parent=await make.comment(post, author=voters[0]), author=voters[1])
        posts.append(post)
    return posts


async def test_the_number_of_statements_does_not_depend_on_that_of_posts(make: Factory) -> None:
    few, many, other = await make.user(), await make.user(), await make.user()
    await posts_of(make, few, 2)
    await posts_of(make, many, 20)
    await posts_of(make, other, 1)

    of_few = await statements_of(make, lambda work: deletion.delete(work, few, with_content=True))
    of_many = await statements_of(make, lambda work: deletion.delete(work, many, with_content=True))

    # PostgreSQL spreads the numbers of posts over shards, and each that changes is one statement.
    spread, of_tallies = (sum("tallies" in _text(make, each) for each in ran) for ran in (of_many, of_few))
    assert len(of_many) - spread == len(of_few) - of_tallies
    assert spread <= 16
    assert await make.value("SELECT count(*) FROM posts") == 1
    assert await make.value("SELECT count(*) FROM comments") == 2
    assert await make.act(audit.find_mismatches) == []


async def test_deleting_posts_of_a_board_keeps_counters_and_stores_events(make: Factory) -> None:
    board = await make.act(lambda work: boards.add(work, name="Leaving"))
    author = await make.user()
    gone = await posts_of(make, author, 3, board=board)
    stays, _ = await posts_of(make, author, 2)
    on_a_gone_post = await make.comment(gone[0])
    await make.comment(stays, parent=on_a_gone_post)
    known = {row["id"]: row for row in await make.rows("SELECT id, title, code, slug, status_id FROM posts")}

    await make.act(lambda work: boards.delete(work, board))

    assert await make.value("SELECT count(*) FROM posts WHERE board_id = :board", board=board) == 0
    assert await make.value("SELECT comments_count FROM posts WHERE id = :id", id=stays) == 2
    assert await make.act(audit.find_mismatches) == []
    facts = await make.facts("post.deleted")
    assert [(fact["post_id"], fact["user_id"]) for fact in facts] == [(post, author) for post in gone]
    assert [json.loads(fact["body"]) for fact in facts] == [
        {
            "title": known[post]["title"],
            "code": known[post]["code"],
            "slug": known[post]["slug"],
            "board_id": board,
            "status_id": known[post]["status_id"],
            "snapshot": None,
        }
        for post in gone
    ]


@pytest.mark.parametrize("whole_post", [False, True])
async def test_a_post_with_a_cycle_of_comments_is_deleted(make: Factory, whole_post: bool) -> None:
    post = await make.post()
    first = await make.comment(post)
    last = await make.comment(post, parent=await make.comment(post, parent=first))
    await make.run("UPDATE comments SET parent_id = :last WHERE id = :first", last=last, first=first)

    if whole_post:
        await make.act(lambda work: update.delete(work, post))
    else:
        await make.act(lambda work: comments.delete(work, first, with_replies=True))

    assert await make.value("SELECT count(*) FROM comments") == 0
    assert await make.act(audit.find_mismatches) == []


async def test_deleting_a_post_does_not_scan_all_comments_per_comment(make: Factory, server: Application) -> None:
    if server.database.engine != SQLITE:
        # PostgreSQL has counted all along.
        return
    author = await make.user()
    post = await make.post(author=author)
    for _ in range(50):
        await make.comment(post)
    path = server.settings.database_url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        connection.execute("ANALYZE")

    statements = await statements_of(make, lambda work: deletion.delete(work, author, with_content=True))

    with sqlite3.connect(path) as connection:
        for statement in statements:
            prepared = statement.compiled(SQLITE)
            values = ["[]"] * len(prepared.names)
            plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + prepared.text, values)]
            if "RECURSIVE STEP" in plan:
                step = plan[plan.index("RECURSIVE STEP") + 1 :]
                assert step[:2] == [
                    "SCAN thread",
                    "SEARCH comments USING COVERING INDEX ix_comments_parent_id (parent_id=?)",
                ]
                break
        else:
            raise AssertionError("no statement walked the comments")
