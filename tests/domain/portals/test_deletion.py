"""The deletion of a portal: nothing of it is left, another portal keeps everything."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import asyncpg
import pytest
from sqlalchemy import PrimaryKeyConstraint, UniqueConstraint

from app.adapters.database.greenlet_bridge import await_in_greenlet
from app.domain.errors import Conflict, ForeignKeyViolation, NotFound
from app.domain.models import Base, Portal
from app.domain.notifications import choices, digests
from app.domain.notifications.recipients import Recipient
from app.domain.portals import categories, deletion, portals, sections, statuses
from app.domain.posts import attachments, create, follows, update, votes
from app.domain.posts.attachments import StoredFile
from app.domain.posts.create import NewPost
from app.domain.posts.votes import NewVote
from app.domain.search import post_index
from app.domain.sql.statement import POSTGRESQL
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import one_time_tokens, ownership, users
from app.settings import Settings
from tests.support.clients import Client
from tests.support.concurrency import ConcurrentWriter
from tests.support.database_dump import of_portal
from tests.support.factory import Factory
from tests.support.sample_portal import SamplePortal, populate
from tests.support.sign_in_rows import add_sign_in_rows
from tests.support.sql import rows
from tests.support.stored_events import read_events
from tests.support.webhook_rows import add_delivery, add_endpoint

ROUNDS = 15
ROUNDS_WITH_DEADLOCKS = 6
"""PostgreSQL looks for a deadlock after a second."""
HOST = "ideas.example.com"


@pytest.fixture
def write(make: Factory, settings: Settings) -> Iterator[ConcurrentWriter]:
    """Starts up to four writes at the same time."""
    with closing(ConcurrentWriter(settings, make.portal, lanes=4)) as writer:
        yield writer


def tables_with_portal(url: str) -> list[str]:
    """Every table of the database, whether a model or not, that has a column `portal_id`."""
    if url.startswith("sqlite"):
        query = (
            "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.name = 'portal_id' "
            "WHERE m.type = 'table'"
        )
    else:
        query = (
            "SELECT table_name FROM information_schema.columns "
            "WHERE column_name = 'portal_id' AND table_schema = 'public'"
        )
    return [name for (name,) in rows(url, query)]


def rows_left(url: str, portal: int) -> dict[str, int]:
    """The number of rows of the portal in each table that has some."""
    counts = {
        table: rows(url, f"SELECT count(*) FROM {table} WHERE portal_id = {portal}")[0][0]
        for table in tables_with_portal(url)
    }
    counts["portals"] = rows(url, f"SELECT count(*) FROM portals WHERE id = {portal}")[0][0]
    return {table: count for table, count in counts.items() if count}


def uses_an_index(url: str, query: str) -> bool:
    """Whether the engine can read only a part of the table, whatever its size."""
    if url.startswith("sqlite"):
        return all("SEARCH" in row[-1] for row in rows(url, f"EXPLAIN QUERY PLAN {query}"))
    # For a few rows, PostgreSQL would read the whole table nevertheless.
    url += ("&" if "?" in url else "?") + "enable_seqscan=off"
    return not any("Seq Scan" in line for (line,) in rows(url, f"EXPLAIN {query}"))


async def make_ideas(make: Factory) -> SamplePortal:
    """A second portal with rows in every table, two stored files among them."""
    portal, owner = await make.new_portal("Ideas", host=HOST, email="owner@example.com")
    sample = await populate(make, portal, owner)
    # The words of the indexed posts are stored; the posts of the other portal and a new one are not indexed.
    await make.act(post_index.index_new_posts, portal=portal)
    await make.post(author=owner, portal=portal)
    await make.key(owner, "astuto", portal=portal)
    await make.act(lambda work: follows.add(work, post_id=sample.post, user_id=owner), portal=portal)
    await make.act(lambda work: choices.set_choice(work, owner, "comment", "daily"), portal=portal)
    event, *_ = await read_events(make, portal=portal)
    await make.act(
        lambda work: digests.add_items(work, event, [Recipient(owner, "comment", "daily")]),
        portal=portal,
    )
    endpoint = await add_endpoint(make, portal=portal)
    await add_delivery(make, endpoint, portal=portal)
    await make.act(
        lambda work: one_time_tokens.create(
            work, user_id=owner, purpose=one_time_tokens.INVITATION, email="owner@example.com"
        ),
        portal=portal,
    )
    for kind in ("image", "attachment"):
        file = StoredFile(kind, f"{kind}{portal}", "a.png", "image/png", 5)  # type: ignore[arg-type]
        await make.act(lambda work, file=file: attachments.add(work, post_id=sample.post, file=file), portal=portal)
    await add_sign_in_rows(make, owner, portal=portal)
    return sample


async def test_no_row_is_left_and_another_portal_keeps_all(make: Factory, database_url: str) -> None:
    is_sqlite = database_url.startswith("sqlite")
    await populate(make, make.portal, make.owner)
    await make.key(make.owner, "productlift")
    ideas = await make_ideas(make)
    filled = rows_left(database_url, ideas.portal)
    before = await of_portal(make.server.database, make.portal)
    joined = ("post_categories", "post_tags")
    before_joined = [await make.value(f"SELECT count(*) FROM {table}") for table in joined]

    files = await make.act(deletion.delete_portal, portal=ideas.portal)

    # Every table that rows could be left in had some.
    assert set(filled) == {*tables_with_portal(database_url), "portals"}
    assert rows_left(database_url, ideas.portal) == {}
    assert sorted(files) == [f"{kind}{ideas.portal}" for kind in ("attachment", "image", "picture")]
    assert await of_portal(make.server.database, make.portal) == before
    assert await make.wrong_counters() == []
    assert [await make.value(f"SELECT count(*) FROM {table}") + 1 for table in joined] == before_joined
    # The index of titles, which has no such column on SQLite.
    entries = "SELECT count(*) FROM post_search" + (" WHERE post_search MATCH 'dark'" if is_sqlite else "")
    assert await make.value(entries) == 3


async def test_more_rows_than_one_batch_are_deleted(make: Factory, database_url: str) -> None:
    ideas = await make_ideas(make)
    doubled = {
        "facts": "portal_id, kind, created_at",
        "comments": "portal_id, post_id, user_id, body, created_at, updated_at",
    }
    for table, columns in doubled.items():
        while await make.value(f"SELECT count(*) FROM {table}") <= 2 * deletion.MAX_BATCH:
            copies = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE portal_id = :id"
            await make.run(copies, id=ideas.portal)

    await make.act(deletion.delete_portal, portal=ideas.portal)

    assert rows_left(database_url, ideas.portal) == {}


async def test_the_rows_that_refer_to_a_deleted_row_are_found_by_an_index(make: Factory, database_url: str) -> None:
    """A foreign key has no index of its own. Without one, each deleted user is looked up in all rows of the table."""
    found = {}
    for table in Base.metadata.sorted_tables:
        leading = {next(iter(index.columns)).name for index in table.indexes} | {
            next(iter(constraint.columns)).name
            for constraint in table.constraints
            if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint)
        }
        for key in table.foreign_keys:
            column = key.parent.name
            # A deletion looks the portal up once in each table, and a user or a status once for each of its rows.
            if key.column.table is not Portal.__table__:
                is_used = uses_an_index(database_url, f"SELECT 1 FROM {table.name} WHERE {column} = 1")
                found[f"{table.name}.{column}"] = column in leading and is_used

    assert [name for name, is_found in found.items() if not is_found] == []
    assert {"status_changes.user_id", "status_changes.actor_id", "status_changes.status_id"} < set(found)


async def test_the_last_portal_and_an_unknown_one_can_not_be_deleted(make: Factory) -> None:
    before = await of_portal(make.server.database, make.portal)

    with pytest.raises(NotFound):
        await make.act(deletion.delete_portal, portal=77)
    with pytest.raises(Conflict) as caught:
        await make.act(deletion.delete_portal)

    assert caught.value.code == "portal.last"
    assert await of_portal(make.server.database, make.portal) == before


async def test_a_deletion_that_fails_deletes_nothing(make: Factory) -> None:
    ideas = await make_ideas(make)
    before = await of_portal(make.server.database, ideas.portal)

    def fail(work: Any) -> None:
        deletion.delete_portal(work)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await make.act(fail, portal=ideas.portal)

    assert await of_portal(make.server.database, ideas.portal) == before


async def test_of_two_concurrent_deletions_of_all_portals_one_is_rejected(
    make: Factory, write: ConcurrentWriter
) -> None:
    for _ in range(ROUNDS):
        ideas, _ = await make.new_portal("Ideas", host=HOST, email="owner@example.com")
        keep = await make.value("SELECT min(id) FROM portals")

        def delete(work: Any, portal: int) -> None:
            work.portal_id = portal
            deletion.delete_portal(work)

        errors = write(lambda work, one=keep: delete(work, one), lambda work, one=ideas: delete(work, one))

        assert sorted(getattr(error, "code", "") for error in errors) == ["", "portal.last"]
        assert await make.value("SELECT count(*) FROM portals") == 1
        await make.run("UPDATE portals SET host = NULL")


Change = Callable[[UnitOfWork, SamplePortal], object]

CHANGES: dict[str, tuple[Change, Change, Change]] = {
    "votes, posts and users": (
        lambda work, ideas: votes.cast(work, NewVote(post=ideas.post, voter=ideas.owner)),
        lambda work, ideas: create.create_post(work, NewPost(title="More", description=None, author=ideas.owner)),
        lambda work, ideas: users.create(work, email="a@example.com", name="A"),
    ),
    # Unlike the deletion, these lock the portal before its posts.
    "catalogue": (
        lambda work, ideas: statuses.delete(work, ideas.status),
        lambda work, ideas: sections.delete(work, ideas.section),
        lambda work, ideas: categories.add(work, name="More"),
    ),
    "a vote, a status and the owner": (
        lambda work, ideas: votes.cast(work, NewVote(post=ideas.post, voter=ideas.owner)),
        lambda work, ideas: statuses.delete(work, ideas.status),
        lambda work, ideas: ownership.transfer(work, ideas.user),
    ),
}
"""Three changes of a portal that are started with its deletion."""


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
async def test_changes_during_a_deletion_leave_no_row(
    make: Factory, write: ConcurrentWriter, database_url: str, changes: tuple[Change, Change, Change]
) -> None:
    outcomes = set()
    for _ in range(ROUNDS if changes is CHANGES["votes, posts and users"] else ROUNDS_WITH_DEADLOCKS):
        ideas = await make_ideas(make)
        await make.act(
            lambda work, ideas=ideas: update.change_status(work, ideas.post, ideas.status, user_id=ideas.owner),
            portal=ideas.portal,
        )

        def act(work: Any, operation: Any, portal: int = ideas.portal) -> None:
            work.portal_id = portal
            try:
                operation(work)
            except ForeignKeyViolation as violation:
                raise NotFound("portal", portal) from violation

        deleted, *errors = write(
            lambda work, act=act: act(work, deletion.delete_portal),
            *(
                lambda work, act=act, change=change, ideas=ideas: act(work, lambda work: change(work, ideas))
                for change in changes
            ),
        )

        assert deleted is None
        assert rows_left(database_url, ideas.portal) == {}
        outcomes |= {type(error) for error in errors}
    # Each change was made before the deletion, or finds no row.
    assert outcomes <= {type(None), NotFound}
    assert await make.wrong_counters() == []


async def test_a_deadlock_of_a_deletion_and_a_change_of_the_catalogue_is_retried(
    make: Factory, database_url: str
) -> None:
    if make.server.database.engine != POSTGRESQL:
        # SQLite has one writer.
        return
    ideas = await make_ideas(make)
    planned = await make.value("SELECT status_id FROM posts WHERE id = :id", id=ideas.post)
    runs = Counter[str]()
    portal_is_locked = asyncio.Event()

    def delete_status(work: UnitOfWork) -> None:
        runs["status"] += 1
        work.lock_portal()
        portal_is_locked.set()
        if runs["status"] == 1:
            # Until the deletion has locked the posts, and waits for the portal.
            await_in_greenlet(wait_for_lock(database_url))
        statuses.delete(work, planned)

    def delete_portal(work: UnitOfWork) -> list[str]:
        runs["portal"] += 1
        await_in_greenlet(portal_is_locked.wait())
        return deletion.delete_portal(work)

    status, files = await asyncio.gather(
        make.act(delete_status, portal=ideas.portal),
        make.act(delete_portal, portal=ideas.portal),
        return_exceptions=True,
    )

    # PostgreSQL has ended one of the two, which then ran once more.
    assert runs.total() == 3
    assert sorted(files) == [f"{kind}{ideas.portal}" for kind in ("attachment", "image", "picture")]
    assert isinstance(status, NotFound) if runs["status"] == 2 else status is None
    assert rows_left(database_url, ideas.portal) == {}
    assert await make.wrong_counters() == []


async def wait_for_lock(url: str) -> None:
    """Return when a transaction waits for a lock of another one."""
    connection = await asyncpg.connect(url)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while not await connection.fetchval(waiting):
        pass
    await connection.close()


async def test_requests_with_a_cached_key_fail_cleanly_and_leave_no_row(make: Factory, database_url: str) -> None:
    await make.act(lambda work: portals.update_setting(work, setting="host", value="feedback.example.com"))
    ideas = await make_ideas(make)
    clients = {
        dialect: Client(
            make.server, token=await make.key(ideas.owner, dialect, portal=ideas.portal), host=f"http://{HOST}"
        )
        for dialect in ("astuto", "productlift")
    }
    assert [(await client.get("/posts")).status_code for client in clients.values()] == [200, 200]

    await make.act(deletion.delete_portal, portal=ideas.portal)
    of_astuto, of_productlift = clients.values()
    responses = await asyncio.gather(
        of_astuto.post("/votes", json={"post_id": ideas.post}),
        of_astuto.post("/posts", json={"title": "More", "board_id": ideas.board}),
        of_astuto.post("/users", json={"email": "a@example.com", "full_name": "Jane Roe"}),
        of_astuto.post("/comments", json={"post_id": ideas.post, "body": "More"}),
        of_productlift.post("/posts", json={"title": "More"}),
        of_productlift.post("/users", json={"email": "b@example.com", "name": "Jane", "role": "member"}),
        of_productlift.post("/categories", json={"name": "More"}),
    )

    assert [response.status_code for response in responses if not 400 <= response.status_code < 500] == []
    assert rows_left(database_url, ideas.portal) == {}
    make.server.services.authenticator.invalidate()
    assert [(await client.get("/posts")).status_code for client in clients.values()] == [401, 401]
