"""The sample portal: plausible, consistent, and the same every time."""

import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest_asyncio
from sqlalchemy import text

from app.adapters.database import NO_PORTAL, PortalContext
from app.adapters.database.sqlite import SqliteDatabase
from app.application import Application
from app.demo import DAYS, fill, texts
from app.domain.counters import audit
from app.domain.permissions import OPERATOR
from app.domain.portals import bootstrap
from app.domain.sql.statement import Statement
from app.domain.sql.timestamps import to_datetime
from app.domain.unit_of_work import UnitOfWork
from tests.conftest import SECRET, TestClock
from tests.support.factory import Factory

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def create_sample(work: UnitOfWork) -> int:
    first_portal = bootstrap.create_first_portal(work, secret=SECRET.encode())
    assert first_portal is not None
    fill(work, owner_id=first_portal.owner_id)
    return first_portal.portal_id


@pytest_asyncio.fixture
async def sample(server: Application, clock: TestClock) -> Factory:
    """A sample portal, created at NOW."""
    clock.set(NOW)
    make = Factory(server, SECRET.encode())
    make.portal = await server.database.write(create_sample, NO_PORTAL)
    return make


async def test_the_sample_has_boards_users_and_posts_over_two_months(sample: Factory) -> None:
    assert [row["name"] for row in await sample.rows("SELECT name FROM boards ORDER BY position")] == [
        "Feature Requests",
        "Bug Reports",
        "Integrations",
    ]
    assert await sample.value("SELECT count(*) FROM users") == 4
    assert await sample.value("SELECT count(*) FROM posts") == 200
    posts = await sample.rows("SELECT * FROM posts ORDER BY id")
    assert Counter(post["moderation"] for post in posts) == {"approved": 188, "pending": 8, "rejected": 4}
    assert len({post["title"] for post in posts}) == 200
    # Some have no description, and clients of Astuto's dialect read none of them as null.
    assert "" in {post["description"] for post in posts}
    assert None not in {post["description"] for post in posts}
    created_at = [to_datetime(post["created_at"]) for post in posts]
    assert created_at == sorted(created_at)
    assert NOW - timedelta(days=DAYS) <= created_at[0] < NOW - timedelta(days=DAYS - 2)
    assert NOW - timedelta(days=2) < created_at[-1] <= NOW
    statuses = await sample.rows(
        "SELECT s.name, count(*) AS posts FROM posts p JOIN statuses s ON s.id = p.status_id GROUP BY s.name"
    )
    assert {row["name"] for row in statuses} == {"New", "Planned", "In Progress", "Completed", "Rejected"}
    assert min(row["posts"] for row in statuses) >= 10
    for table, min_rows in {"votes": 200, "comments": 150, "status_changes": 100, "post_categories": 60}.items():
        assert await sample.value(f"SELECT count(*) FROM {table}") >= min_rows
    for table in ("votes", "comments", "status_changes"):
        latest = await sample.value(f"SELECT max(created_at) FROM {table}")
        assert to_datetime(latest) <= NOW
    assert await sample.value("SELECT count(*) FROM comments WHERE official") == await sample.value(
        "SELECT count(*) FROM status_changes"
    )
    # The first page shows approved posts only, with votes and comments.
    newest = sorted(posts, key=lambda post: (post["created_at"], post["id"]))[-24:]
    assert {post["moderation"] for post in newest} == {"approved"}
    assert min(post["votes_count"] for post in newest[12:]) > 0
    assert min(post["comments_count"] for post in newest[12:]) > 0


async def test_descriptions_and_comments_fit_their_board(sample: Factory) -> None:
    for board in await sample.rows("SELECT id, name FROM boards"):
        posts = await sample.rows(f"SELECT * FROM posts WHERE board_id = {board['id']}")
        assert {post["description"] for post in posts} - {""} == set(texts.REASONS[board["name"]])
        comments = await sample.rows(
            "SELECT DISTINCT c.body, c.official FROM comments c JOIN posts p ON p.id = c.post_id "
            f"WHERE p.board_id = {board['id']} AND c.parent_id IS NULL"
        )
        bodies = {body for body, _ in texts.TALK[board["name"]]}
        assert {row["body"] for row in comments if not row["official"]} == bodies
        assert {row["body"] for row in comments if row["official"]} <= set(texts.UPDATES[board["name"]].values())


async def test_the_counters_of_the_sample_are_correct_and_no_event_is_pending(sample: Factory) -> None:
    context = PortalContext(sample.portal, OPERATOR)

    assert await sample.server.database.read(audit.find_mismatches, context) == []
    assert await sample.value("SELECT count(*) FROM facts WHERE expanded_at IS NULL") == 0


async def test_the_sample_is_the_same_every_time(sqlite_template: Path, tmp_path: Path) -> None:
    samples = []
    for name in ("one.db", "other.db"):
        shutil.copy(sqlite_template, tmp_path / name)
        database = SqliteDatabase(tmp_path / name, clock=lambda: NOW)
        await database.open()
        await database.write(create_sample, NO_PORTAL)
        samples.append([await database.read(lambda work, query=query: rows(work, query), NO_PORTAL) for query in SAME])
        await database.close()

    assert samples[0] == samples[1]
    assert len(samples[0][0]) == 200


SAME = (
    "SELECT id, title, description, board_id, user_id, status_id, moderation, votes_count, created_at, updated_at "
    "FROM posts ORDER BY id",
    "SELECT post_id, user_id, created_at FROM votes ORDER BY id",
    "SELECT post_id, user_id, parent_id, body, official, created_at FROM comments ORDER BY id",
    "SELECT post_id, category_id FROM post_categories ORDER BY post_id, category_id",
)


def rows(work: UnitOfWork, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in work.fetch_all(Statement(text(query), across_portals=True))]
