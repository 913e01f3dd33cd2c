"""Background jobs are run and retried, and none of them stops the server."""

import asyncio
import logging
import threading
from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy import bindparam, update

from app.adapters.database import PortalContext
from app.api.services import MAX_VIEWED_POSTS, PageViews
from app.application import Application, create_app
from app.background import BackgroundJobs, Job, flush_key_usage, flush_page_views, index_new_posts
from app.domain.errors import CommitUncertain, ServiceUnavailable
from app.domain.models import Post
from app.domain.permissions import OPERATOR
from app.domain.posts import update as post_changes
from app.domain.search import post_index
from app.domain.sql.statement import PORTAL_ID, SQLITE, Statement
from app.domain.sql.timestamps import to_datetime
from app.domain.unit_of_work import UnitOfWork
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.factory import Factory

_TOUCH = Statement(
    update(Post).where(Post.portal_id == PORTAL_ID, Post.id == bindparam("post")).values(updated_at=Post.updated_at)
)


class FailingDatabase:
    """A database that raises an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def write(self, *_: object, **__: object) -> None:
        raise self._error


async def test_the_last_use_of_a_key_is_stored(
    make: Factory, server: Application, astuto: Client, clock: TestClock
) -> None:
    first, later = datetime(2026, 1, 12, 9, 30, tzinfo=UTC), datetime(2026, 1, 12, 9, 45, tzinfo=UTC)
    other = await make.key(make.owner, "astuto")
    for moment in (first, later):
        clock.set(moment)
        server.services.authenticator.invalidate()
        await astuto.get("/boards")
        await flush_key_usage(server.database, server.services.authenticator)

    used = {row["prefix"]: row["last_used_at"] for row in await make.rows("SELECT prefix, last_used_at FROM api_keys")}
    assert to_datetime(used[str(astuto.token)[:16]]) == later
    assert used[other[:16]] is None
    assert server.services.authenticator.pending_last_used == {}


async def test_storing_the_last_use_is_retried_after_an_error(
    make: Factory, server: Application, astuto: Client
) -> None:
    await astuto.get("/boards")
    used = dict(server.services.authenticator.pending_last_used)

    with pytest.raises(ServiceUnavailable):
        await flush_key_usage(FailingDatabase(ServiceUnavailable("away")), server.services.authenticator)  # type: ignore[arg-type]

    assert len(used) == 1
    assert server.services.authenticator.pending_last_used == used


async def test_a_failed_job_is_logged_and_retried(caplog: pytest.LogCaptureFixture) -> None:
    tries = 0
    done = asyncio.Event()

    async def operation() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ValueError
        done.set()

    jobs = BackgroundJobs([Job("the work", 0.0, operation)])
    with caplog.at_level(logging.ERROR, "earshot.background"):
        jobs.start()
        await done.wait()
    await jobs.stop()

    assert [record.getMessage() for record in caplog.records] == ["the work failed and is retried in 1 seconds"]


async def test_running_jobs_are_cancelled_when_the_server_stops() -> None:
    started = asyncio.Event()

    async def operation() -> None:
        started.set()
        await asyncio.Event().wait()

    jobs = BackgroundJobs([Job("endless", 0.0, operation)])
    jobs.start()
    await started.wait()

    await jobs.stop()


async def test_a_page_view_does_not_write_or_wait_for_a_write(
    make: Factory, server: Application, anyone: Client, request: pytest.FixtureRequest
) -> None:
    held, free = await make.post(title="Held"), await make.post(title="Free")
    deleted = await make.post(title="Gone")
    visitor = anyone.of(None, base="")
    begun, go_on = threading.Event(), threading.Event()

    def hold(work: UnitOfWork) -> None:
        work.execute(_TOUCH, post=held)
        begun.set()
        assert go_on.wait(30)

    if server.database.engine == "sqlite":
        holder = asyncio.create_task(server.database.write(hold, PortalContext(make.portal, OPERATOR), in_thread=True))
        assert await asyncio.to_thread(begun.wait, 30)
        pages = [(await visitor.get(f"/posts/{slug}")).status_code for slug in ("held", "free", "held")]
        go_on.set()
        await holder
    else:
        raw = await asyncpg.connect(server.settings.database_url)
        async with raw.transaction():
            await raw.execute("UPDATE posts SET title = title WHERE id = $1", held)
            pages = [(await visitor.get(f"/posts/{slug}")).status_code for slug in ("held", "free", "held", "gone")]
            await make.act(lambda work: post_changes.delete(work, deleted))

            await flush_page_views(server.database, server.services.views)

            assert await make.value("SELECT views_count FROM posts WHERE id = :id", id=free) == 1
            assert server.services.views.counts == {(make.portal, held): 2}
        await raw.close()

    assert set(pages) == {200}
    await flush_page_views(server.database, server.services.views)
    counted = await make.rows(
        "SELECT views_count FROM posts WHERE id IN (:held, :free) ORDER BY id", held=held, free=free
    )
    assert [row["views_count"] for row in counted] == [2, 1]
    assert server.services.views.counts == {}


async def test_storing_views_is_retried_unless_the_commit_is_uncertain(make: Factory, server: Application) -> None:
    views = PageViews({(make.portal, 1): 3})

    with pytest.raises(ServiceUnavailable):
        await flush_page_views(FailingDatabase(ServiceUnavailable("away")), views)  # type: ignore[arg-type]
    assert views.counts == {(make.portal, 1): 3}

    with pytest.raises(CommitUncertain):
        await flush_page_views(FailingDatabase(CommitUncertain("lost")), views)  # type: ignore[arg-type]
    assert views.counts == {}


async def test_a_shutdown_does_not_wait_for_jobs_that_fail_to_write() -> None:
    started, failure = asyncio.Event(), asyncio.Event()

    class Away:
        """A database that is lost during a write."""

        async def write(self, *_: object, **__: object) -> None:
            started.set()
            await failure.wait()
            raise ServiceUnavailable("away")

    views = PageViews({(1, 7): 2})
    jobs = BackgroundJobs([Job("the count of page views", 0.0, lambda: flush_page_views(Away(), views))])  # type: ignore[arg-type]
    jobs.start()
    await started.wait()

    async with asyncio.timeout(20):
        end = asyncio.create_task(jobs.stop())
        await asyncio.sleep(0)
        failure.set()
        await end

    assert views.counts == {(1, 7): 2}


def test_the_number_of_views_in_memory_is_bounded() -> None:
    views = PageViews()
    for post in range(MAX_VIEWED_POSTS + 10):
        views.add(1, post)
    views.add(1, 0)

    assert len(views.counts) == MAX_VIEWED_POSTS
    assert views.counts[1, 0] == 2


async def test_views_are_stored_when_the_server_stops(settings: Settings, make: Factory, anyone: Client) -> None:
    post = await make.post(title="Dark mode")
    ending = create_app(settings)
    await ending.start()
    ending.services.views.add(make.portal, post, 3)

    await ending.stop()

    assert await make.value("SELECT views_count FROM posts WHERE id = :id", id=post) == 3


async def test_new_posts_of_all_portals_are_indexed(make: Factory, server: Application) -> None:
    other, owner = await make.new_portal("Second", host="two.example.com", email="two@example.com")
    for _ in range(3):
        await make.post(title="Dark mode")
    await make.post(title="Dark mode", author=owner, portal=other)

    await index_new_posts(server.database)

    assert await make.rows("SELECT * FROM post_search_new") == []
    assert await make.value("SELECT count(*) FROM post_search_vocabulary WHERE word = 'dark'") == 2


async def test_more_new_posts_than_one_batch_are_indexed(make: Factory, server: Application) -> None:
    posts = [await make.post() for _ in range(2 * post_index.MAX_BATCH + 1)]

    assert await make.act(post_index.index_new_posts) == post_index.MAX_BATCH
    # The newest posts are indexed first.
    left = [row["post_id"] for row in await make.rows("SELECT post_id FROM post_search_new ORDER BY post_id")]
    assert left == posts[: post_index.MAX_BATCH + 1]
    await index_new_posts(server.database, pause=0)

    assert await make.rows("SELECT * FROM post_search_new") == []


async def test_the_segments_of_the_index_are_merged(make: Factory, server: Application) -> None:
    """Each transaction adds one on SQLite. PostgreSQL has none."""
    if server.database.engine != SQLITE:
        assert not await make.act(post_index.merge_segments)
        return
    # FTS5 merges sixteen by itself.
    for number in range(12):
        await make.post(title=f"Dark mode {number}", description="zebra")
        await make.act(post_index.index_new_posts)
    await make.post(title="The last one")
    counts = [f"SELECT count(DISTINCT segid) FROM {name}_idx" for name in ("post_search", "post_search_texts")]
    before = [await make.value(count) for count in counts]

    await index_new_posts(server.database, pause=0)

    after = [await make.value(count) for count in counts]
    assert min(before) > 10
    assert max(after) <= 4
    assert not await make.act(post_index.merge_segments)


def test_a_serving_process_indexes_new_posts(settings: Settings) -> None:
    names = [job.name for job in create_app(settings)._background.jobs]

    assert "the index of new posts" in names
