"""Writes run one at a time and in order, and a cancelled one does not keep the others waiting."""

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import select

from app.adapters.database import NO_PORTAL, utc_now
from app.adapters.database.migrations import migrate
from app.adapters.database.sqlite import BUSY_TIMEOUT_SECONDS, SqliteDatabase
from app.adapters.database.write_queue import MAX_BATCH, WriteQueue
from app.domain.errors import ServiceUnavailable
from app.domain.models import Portal
from app.domain.sql.statement import Statement
from app.domain.unit_of_work import UnitOfWork
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory

_TITLES = Statement(select(Portal.title), across_portals=True)


async def test_operations_run_in_order_after_an_exclusive_turn() -> None:
    queue, done = WriteQueue(), list[int]()

    async with queue.exclusive():
        waiting = [asyncio.create_task(queue.run(lambda number=number: done.append(number))) for number in range(100)]
        await asyncio.sleep(0)
        assert not queue.is_idle
        assert done == []
    await asyncio.gather(*waiting)

    assert done == list(range(100))
    assert queue.is_idle


async def test_the_loop_runs_other_tasks_between_batches() -> None:
    queue, done = WriteQueue(), list[int]()
    async with queue.exclusive():
        waiting = [asyncio.create_task(queue.run(lambda: done.append(0))) for _ in range(2 * MAX_BATCH)]
        await asyncio.sleep(0)
    assert len(done) == MAX_BATCH

    await asyncio.gather(*waiting)

    assert len(done) == 2 * MAX_BATCH


async def test_an_error_reaches_the_caller_of_its_operation() -> None:
    queue = WriteQueue()

    def fails() -> None:
        raise LookupError("mine")

    async with queue.exclusive():
        first, second = asyncio.create_task(queue.run(fails)), asyncio.create_task(queue.run(lambda: "done"))
        await asyncio.sleep(0)

    with pytest.raises(LookupError, match="mine"):
        await first
    assert await second == "done"


async def test_a_cancelled_waiting_operation_does_not_run() -> None:
    queue, done = WriteQueue(), list[str]()
    async with queue.exclusive():
        cancelled = asyncio.create_task(queue.run(lambda: done.append("cancelled")))
        other = asyncio.create_task(queue.run(lambda: done.append("other")))
        await asyncio.sleep(0)
        cancelled.cancel()
    await other

    assert done == ["other"]


async def test_the_turn_of_a_cancelled_task_passes_to_the_next() -> None:
    queue = WriteQueue()

    async def hold() -> None:
        async with queue.exclusive():
            pass

    async with queue.exclusive():
        cancelled = asyncio.create_task(hold())
        await asyncio.sleep(0)
    # The turn is granted, but the task has not run since.
    cancelled.cancel()
    next_task = asyncio.create_task(queue.run(lambda: "next"))

    assert await next_task == "next"
    assert cancelled.cancelled()
    assert queue.is_idle


async def test_a_cancelled_long_write_ends_before_the_next_write_begins(tmp_path: Path) -> None:
    path = tmp_path / "earshot.db"
    await migrate(f"sqlite:///{path}")
    database = SqliteDatabase(path, clock=utc_now)
    await database.open()
    started, go_on = threading.Event(), threading.Event()

    def long_operation(work: UnitOfWork) -> None:
        started.set()
        assert go_on.wait(30)
        work.fetch_all(_TITLES)

    try:
        long_write = asyncio.create_task(database.write(long_operation, NO_PORTAL, in_thread=True))
        assert await asyncio.to_thread(started.wait, 30)
        for _ in range(2):
            long_write.cancel()
            await asyncio.sleep(0)
        short_write = asyncio.create_task(database.write(lambda work: work.fetch_all(_TITLES), NO_PORTAL))
        done, _ = await asyncio.wait([long_write, short_write], timeout=0.1)
        assert not done

        go_on.set()

        assert await short_write == []
        with pytest.raises(asyncio.CancelledError):
            await long_write
    finally:
        go_on.set()
        await database.close()


async def test_an_operation_that_waits_too_long_is_rejected() -> None:
    queue, done = WriteQueue(max_wait_seconds=0.0), list[str]()

    async def hold() -> None:
        async with queue.exclusive():
            done.append("held")

    async def wait_patiently() -> None:
        async with queue.exclusive(patient=True):
            done.append("patient")

    async with queue.exclusive():
        patient = asyncio.create_task(wait_patiently())
        rejected = [asyncio.create_task(queue.run(lambda: done.append("run"))), asyncio.create_task(hold())]
        for outcome in await asyncio.gather(*rejected, return_exceptions=True):
            assert isinstance(outcome, ServiceUnavailable)
        assert done == []
    await patient

    assert done == ["patient"]
    assert queue.is_idle
    assert await queue.run(lambda: "next") == "next"


async def test_a_write_blocked_by_a_long_write_returns_503_and_writes_nothing(
    make: Factory, astuto: Client, productlift: Client
) -> None:
    database = make.server.database
    if not isinstance(database, SqliteDatabase):
        # PostgreSQL has no such queue.
        return
    database.write_queue.max_wait_seconds = 0.0
    started, go_on = threading.Event(), threading.Event()

    def long_operation(work: UnitOfWork) -> None:
        started.set()
        assert go_on.wait(30)

    try:
        long_write = asyncio.create_task(database.write(long_operation, NO_PORTAL, in_thread=True))
        assert await asyncio.to_thread(started.wait, 30)

        one = await astuto.post("/posts", json={"title": "Dark mode", "board_id": 1})
        two = await productlift.post("/posts", json={"title": "Dark mode"})
        posts = await astuto.get("/posts")
    finally:
        go_on.set()
    await long_write

    assert status_and_json(one) == (503, {"errors": ["Service temporarily unavailable."]})
    assert status_and_json(two) == (503, {"message": "Service Unavailable"})
    assert one.headers["retry-after"] == two.headers["retry-after"] == "2"
    assert status_and_json(posts) == (200, [])
    assert (await productlift.post("/posts", json={"title": "Dark mode"})).status_code == 200
    assert await make.value("SELECT count(*) FROM posts") == 1


def test_a_write_waits_at_most_five_seconds() -> None:
    assert WriteQueue().max_wait_seconds == BUSY_TIMEOUT_SECONDS == 5.0
