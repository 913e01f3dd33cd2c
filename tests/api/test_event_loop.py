"""An operation that may read many rows does not run in the event loop, where all other requests would wait for it.

The tests count the steps of SQLite on the two connections of the event loop. PostgreSQL has processes of its own.
"""

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from app.adapters.database.sqlite import SqliteDatabase
from tests.support.clients import Client
from tests.support.factory import Factory

MANY = 3000
MAX_STEPS = 10_000
"""Many more than for a page of a hundred rows, and many fewer than for all rows."""
EVERY = 100
NUMBERS = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY}) "


@contextmanager
def steps(make: Factory) -> Iterator[list[int]]:
    """Count the steps of SQLite in the event loop during the block; none on PostgreSQL."""
    database = make.server.database
    connections = [database._writer_reads.raw, database._reader.raw] if isinstance(database, SqliteDatabase) else []
    taken, loop_thread = [0], threading.get_ident()

    def count() -> int:
        if threading.get_ident() == loop_thread:
            taken[0] += EVERY
        return 0

    for connection in connections:
        connection.set_progress_handler(count, EVERY)
    yield taken
    for connection in connections:
        connection.set_progress_handler(None, EVERY)


async def many_posts(make: Factory) -> int:
    post = await make.post()
    await make.run(
        "INSERT INTO posts(code, slug, board_id, user_id, title, status_changed_at, portal_id, created_at, updated_at) "
        f"{NUMBERS}SELECT 100000 + i, 's' || i, board_id, user_id, 'Many ' || i, created_at, portal_id, created_at, "
        "created_at FROM n JOIN posts ON id = :post",
        post=post,
    )
    return post


async def many_comments(make: Factory, parent: int | None = None) -> int:
    post = await make.post()
    await make.run(
        "INSERT INTO comments(post_id, user_id, parent_id, body, portal_id, created_at, updated_at) "
        f"{NUMBERS}SELECT posts.id, user_id, :parent, 'Said', portal_id, created_at, created_at FROM n "
        "JOIN posts ON posts.id = :post",
        post=post,
        parent=parent,
    )
    return post


async def many_votes(make: Factory) -> int:
    await many_posts(make)
    await make.run(
        "INSERT INTO votes(post_id, user_id, portal_id, created_at, updated_at) "
        "SELECT id, user_id, portal_id, created_at, created_at FROM posts"
    )
    return await make.post()


@pytest.mark.parametrize(
    ("fill", "query"),
    [
        (many_posts, "/posts?user_id[]=99998&user_id[]=99999"),
        (many_posts, "/posts?board_id[]=99998&board_id[]=99999"),
        (many_comments, "/comments?post_id[]=99998&post_id[]=99999"),
        (many_votes, "/votes?post_id[]=99998&post_id[]=99999"),
    ],
)
async def test_a_list_without_results_does_not_run_in_the_event_loop(
    make: Factory, astuto: Client, fill: Callable[[Factory], Awaitable[int]], query: str
) -> None:
    await fill(make)

    with steps(make) as taken:
        response = await astuto.get(query)

    assert response.json() == []
    assert taken[0] < MAX_STEPS


async def test_a_long_list_of_comments_is_not_read_in_the_event_loop(make: Factory, productlift: Client) -> None:
    post = await many_comments(make)

    with steps(make) as taken:
        response = await productlift.get(f"/posts/{post}/comments")

    assert len(response.json()["data"]) == MANY
    assert taken[0] < MAX_STEPS


async def test_a_comment_with_many_replies_is_not_deleted_in_the_event_loop(make: Factory, productlift: Client) -> None:
    parent = await make.comment(await make.post())
    post = await many_comments(make, parent)
    on = await make.value("SELECT post_id FROM comments WHERE id = :id", id=parent)

    with steps(make) as taken:
        response = await productlift.delete(f"/posts/{on}/comments/{parent}")

    assert response.status_code == 200
    assert taken[0] < MAX_STEPS
    assert await make.value("SELECT count(*) FROM comments WHERE post_id = :post AND parent_id IS NULL", post=post) == (
        MANY
    )


async def test_a_user_with_many_follows_is_not_deleted_in_the_event_loop(make: Factory, productlift: Client) -> None:
    user = await make.user()
    await many_posts(make)
    await make.run(
        "INSERT INTO follows(post_id, user_id, created_at, portal_id) "
        "SELECT id, :user, created_at, portal_id FROM posts WHERE id > :none",
        user=user,
        none=0,
    )

    with steps(make) as taken:
        response = await productlift.delete(f"/users/{await make.uuid(user)}")

    assert response.status_code == 200
    assert taken[0] < MAX_STEPS
    assert await make.value("SELECT count(*) FROM follows WHERE user_id = :user", user=user) == 0
