"""Turns are taken one at a time and in order, and nobody who goes away keeps them from the next."""

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


async def test_acts_wait_for_who_holds_the_turn_and_run_in_the_order_in_which_they_came() -> None:
    turns, done = WriteQueue(), list[int]()

    async with turns.exclusive():
        waiting = [asyncio.create_task(turns.run(lambda number=number: done.append(number))) for number in range(100)]
        await asyncio.sleep(0)
        assert not turns.is_idle
        assert done == []
    await asyncio.gather(*waiting)

    assert done == list(range(100))
    assert turns.is_idle


async def test_others_come_between_a_long_row_of_acts() -> None:
    turns, done = WriteQueue(), list[int]()
    async with turns.exclusive():
        waiting = [asyncio.create_task(turns.run(lambda: done.append(0))) for _ in range(2 * MAX_BATCH)]
        await asyncio.sleep(0)
    assert len(done) == MAX_BATCH

    await asyncio.gather(*waiting)

    assert len(done) == 2 * MAX_BATCH


async def test_what_an_act_raises_is_its_own_callers() -> None:
    turns = WriteQueue()

    def fails() -> None:
        raise LookupError("mine")

    async with turns.exclusive():
        first, second = asyncio.create_task(turns.run(fails)), asyncio.create_task(turns.run(lambda: "done"))
        await asyncio.sleep(0)

    with pytest.raises(LookupError, match="mine"):
        await first
    assert await second == "done"


async def test_who_is_cancelled_while_he_waits_is_left_out() -> None:
    turns, done = WriteQueue(), list[str]()
    async with turns.exclusive():
        gone = asyncio.create_task(turns.run(lambda: done.append("gone")))
        stays = asyncio.create_task(turns.run(lambda: done.append("stays")))
        await asyncio.sleep(0)
        gone.cancel()
    await stays

    assert done == ["stays"]


async def test_a_turn_that_was_given_to_who_is_cancelled_just_then_goes_to_the_next() -> None:
    turns = WriteQueue()

    async def hold() -> None:
        async with turns.exclusive():
            pass

    async with turns.exclusive():
        gone = asyncio.create_task(hold())
        await asyncio.sleep(0)
    # The turn is his now, and he has not run since.
    gone.cancel()
    next_one = asyncio.create_task(turns.run(lambda: "next"))

    assert await next_one == "next"
    assert gone.cancelled()
    assert turns.is_idle


async def test_a_long_write_whose_caller_is_cancelled_still_ends_before_the_next_begins(tmp_path: Path) -> None:
    path = tmp_path / "earshot.db"
    await migrate(f"sqlite:///{path}")
    database = SqliteDatabase(path, clock=utc_now)
    await database.open()
    begun, go_on = threading.Event(), threading.Event()

    def long_act(work: UnitOfWork) -> None:
        begun.set()
        assert go_on.wait(30)
        work.fetch_all(_TITLES)

    try:
        long_one = asyncio.create_task(database.write(long_act, NO_PORTAL, in_thread=True))
        assert await asyncio.to_thread(begun.wait, 30)
        for _ in range(2):
            long_one.cancel()
            await asyncio.sleep(0)
        short_one = asyncio.create_task(database.write(lambda work: work.fetch_all(_TITLES), NO_PORTAL))
        done, _ = await asyncio.wait([long_one, short_one], timeout=0.1)
        assert not done

        go_on.set()

        assert await short_one == []
        with pytest.raises(asyncio.CancelledError):
            await long_one
    finally:
        go_on.set()
        await database.close()


async def test_who_waits_too_long_is_refused_and_the_others_go_on() -> None:
    turns, done = WriteQueue(max_wait_seconds=0.0), list[str]()

    async def hold() -> None:
        async with turns.exclusive():
            done.append("held")

    async def wait_for_it() -> None:
        async with turns.exclusive(patient=True):
            done.append("patient")

    async with turns.exclusive():
        patient = asyncio.create_task(wait_for_it())
        refused = [asyncio.create_task(turns.run(lambda: done.append("run"))), asyncio.create_task(hold())]
        for outcome in await asyncio.gather(*refused, return_exceptions=True):
            assert isinstance(outcome, ServiceUnavailable)
        assert done == []
    await patient

    assert done == ["patient"]
    assert turns.is_idle
    assert await turns.run(lambda: "next") == "next"


async def test_a_write_behind_a_long_one_is_answered_503_and_writes_nothing(
    make: Factory, astuto: Client, productlift: Client
) -> None:
    database = make.server.database
    if not isinstance(database, SqliteDatabase):
        # PostgreSQL has no such queue.
        return
    database.write_queue.max_wait_seconds = 0.0
    begun, go_on = threading.Event(), threading.Event()

    def long_act(work: UnitOfWork) -> None:
        begun.set()
        assert go_on.wait(30)

    try:
        long_one = asyncio.create_task(database.write(long_act, NO_PORTAL, in_thread=True))
        assert await asyncio.to_thread(begun.wait, 30)

        one = await astuto.post("/posts", json={"title": "Dark mode", "board_id": 1})
        two = await productlift.post("/posts", json={"title": "Dark mode"})
        listed = await astuto.get("/posts")
    finally:
        go_on.set()
    await long_one

    assert status_and_json(one) == (503, {"errors": ["Service temporarily unavailable."]})
    assert status_and_json(two) == (503, {"message": "Service Unavailable"})
    assert one.headers["retry-after"] == two.headers["retry-after"] == "2"
    assert status_and_json(listed) == (200, [])
    assert (await productlift.post("/posts", json={"title": "Dark mode"})).status_code == 200
    assert await make.value("SELECT count(*) FROM posts") == 1


def test_a_write_waits_for_its_turn_for_five_seconds() -> None:
    assert WriteQueue().max_wait_seconds == BUSY_TIMEOUT_SECONDS == 5.0
