"""The sample portal: believable, consistent, and the same at every telling."""

import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

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


def tell(work: UnitOfWork) -> int:
    begun = bootstrap.create_first_portal(work, secret=SECRET.encode())
    assert begun is not None
    fill(work, owner_id=begun.owner_id)
    return begun.portal_id


async def test_the_sample_is_a_portal_as_people_would_have_made_it(server: Application, clock: TestClock) -> None:
    clock.set(NOW)
    make = Factory(server, SECRET.encode())

    make.portal = await server.database.write(tell, NO_PORTAL)

    assert [row["name"] for row in await make.rows("SELECT name FROM boards ORDER BY position")] == [
        "Feature Requests",
        "Bug Reports",
        "Integrations",
    ]
    assert await make.value("SELECT count(*) FROM users") == 4
    assert await make.value("SELECT count(*) FROM posts") == 200
    posts = await make.rows("SELECT * FROM posts ORDER BY id")
    assert Counter(post["moderation"] for post in posts) == {"approved": 188, "pending": 8, "rejected": 4}
    assert len({post["title"] for post in posts}) == 200
    # Some have no description, and clients of Astuto's dialect read none of them as null.
    assert "" in {post["description"] for post in posts}
    assert None not in {post["description"] for post in posts}
    moments = [to_datetime(post["created_at"]) for post in posts]
    assert moments == sorted(moments)
    assert NOW - timedelta(days=DAYS) <= moments[0] < NOW - timedelta(days=DAYS - 2)
    assert NOW - timedelta(days=2) < moments[-1] <= NOW
    statuses = await make.rows(
        "SELECT s.name, count(*) AS posts FROM posts p JOIN statuses s ON s.id = p.status_id GROUP BY s.name"
    )
    assert {row["name"] for row in statuses} == {"New", "Planned", "In Progress", "Completed", "Rejected"}
    assert min(row["posts"] for row in statuses) >= 10
    for table, least in {"votes": 200, "comments": 150, "status_changes": 100, "post_categories": 60}.items():
        assert await make.value(f"SELECT count(*) FROM {table}") >= least
    for table in ("votes", "comments", "status_changes"):
        latest = await make.value(f"SELECT max(created_at) FROM {table}")
        assert to_datetime(latest) <= NOW
    assert await make.value("SELECT count(*) FROM comments WHERE official") == await make.value(
        "SELECT count(*) FROM status_changes"
    )


async def test_what_is_seen_first_is_approved_voted_for_and_talked_about(server: Application, clock: TestClock) -> None:
    clock.set(NOW)
    make = Factory(server, SECRET.encode())

    make.portal = await server.database.write(tell, NO_PORTAL)

    newest = await make.rows("SELECT * FROM posts ORDER BY created_at DESC, id DESC LIMIT 24")
    assert {post["moderation"] for post in newest} == {"approved"}
    for post in newest[:12]:
        assert post["votes_count"] > 0
        assert post["comments_count"] > 0


async def test_people_speak_of_what_the_board_is_for(server: Application) -> None:
    make = Factory(server, SECRET.encode())

    make.portal = await server.database.write(tell, NO_PORTAL)

    for board in await make.rows("SELECT id, name FROM boards"):
        posts = await make.rows(f"SELECT * FROM posts WHERE board_id = {board['id']}")
        assert {post["description"] for post in posts} - {""} == set(texts.REASONS[board["name"]])
        said = await make.rows(
            "SELECT DISTINCT c.body, c.official FROM comments c JOIN posts p ON p.id = c.post_id "
            f"WHERE p.board_id = {board['id']} AND c.parent_id IS NULL"
        )
        remarks = {remark for remark, _ in texts.TALK[board["name"]]}
        assert {row["body"] for row in said if not row["official"]} == remarks
        assert {row["body"] for row in said if row["official"]} <= set(texts.UPDATES[board["name"]].values())


async def test_its_counters_are_right_and_nobody_is_told_of_it(server: Application) -> None:
    portal_id = await server.database.write(tell, NO_PORTAL)

    found = await server.database.read(audit.find_mismatches, PortalContext(portal_id, OPERATOR))

    assert found == []
    waiting = Statement(text("SELECT count(*) FROM facts WHERE expanded_at IS NULL"), across_portals=True)
    assert await server.database.read(lambda work: work.fetch_value(waiting), NO_PORTAL) == 0


async def test_it_is_the_same_at_every_telling(sqlite_template: Path, tmp_path: Path) -> None:
    told = []
    for name in ("one.db", "other.db"):
        shutil.copy(sqlite_template, tmp_path / name)
        database = SqliteDatabase(tmp_path / name, clock=lambda: NOW)
        await database.open()
        await database.write(tell, NO_PORTAL)
        told.append([await database.read(lambda work, query=query: rows(work, query), NO_PORTAL) for query in SAME])
        await database.close()

    assert told[0] == told[1]
    assert len(told[0][0]) == 200


SAME = (
    "SELECT id, title, description, board_id, user_id, status_id, moderation, votes_count, created_at, updated_at "
    "FROM posts ORDER BY id",
    "SELECT post_id, user_id, created_at FROM votes ORDER BY id",
    "SELECT post_id, user_id, parent_id, body, official, created_at FROM comments ORDER BY id",
    "SELECT post_id, category_id FROM post_categories ORDER BY post_id, category_id",
)


def rows(work: UnitOfWork, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in work.fetch_all(Statement(text(query), across_portals=True))]
