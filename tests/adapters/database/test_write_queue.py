"""Turns are taken one at a time and in order, and nobody who goes away keeps them from the next."""

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import select

from app.adapters.database import NOWHERE, utc_now
from app.adapters.database.migrations import migrate
from app.adapters.database.sqlite import BUSY_SECONDS, SqliteDatabase
from app.adapters.database.write_queue import AT_A_STRETCH, Turns
from app.domain.errors import Unavailable
from app.domain.models import Portal
from app.domain.sql.statement import Statement
from app.domain.unit_of_work import Work
from tests.support.clients import Client, told
from tests.support.factory import Make

_TITLES = Statement(select(Portal.title), across_portals=True)


async def test_acts_wait_for_who_holds_the_turn_and_run_in_the_order_in_which_they_came() -> None:
    turns, done = Turns(), list[int]()

    async with turns.hold():
        waiting = [asyncio.create_task(turns.run(lambda number=number: done.append(number))) for number in range(100)]
        await asyncio.sleep(0)
        assert not turns.free
        assert done == []
    await asyncio.gather(*waiting)

    assert done == list(range(100))
    assert turns.free


async def test_others_come_between_a_long_row_of_acts() -> None:
    turns, done = Turns(), list[int]()
    async with turns.hold():
        waiting = [asyncio.create_task(turns.run(lambda: done.append(0))) for _ in range(2 * AT_A_STRETCH)]
        await asyncio.sleep(0)
    assert len(done) == AT_A_STRETCH

    await asyncio.gather(*waiting)

    assert len(done) == 2 * AT_A_STRETCH


async def test_what_an_act_raises_is_its_own_callers() -> None:
    turns = Turns()

    def fails() -> None:
        raise LookupError("mine")

    async with turns.hold():
        first, second = asyncio.create_task(turns.run(fails)), asyncio.create_task(turns.run(lambda: "done"))
        await asyncio.sleep(0)

    with pytest.raises(LookupError, match="mine"):
        await first
    assert await second == "done"


async def test_who_is_cancelled_while_he_waits_is_left_out() -> None:
    turns, done = Turns(), list[str]()
    async with turns.hold():
        gone = asyncio.create_task(turns.run(lambda: done.append("gone")))
        stays = asyncio.create_task(turns.run(lambda: done.append("stays")))
        await asyncio.sleep(0)
        gone.cancel()
    await stays

    assert done == ["stays"]


async def test_a_turn_that_was_given_to_who_is_cancelled_just_then_goes_to_the_next() -> None:
    turns = Turns()

    async def hold() -> None:
        async with turns.hold():
            pass

    async with turns.hold():
        gone = asyncio.create_task(hold())
        await asyncio.sleep(0)
    # The turn is his now, and he has not run since.
    gone.cancel()
    next_one = asyncio.create_task(turns.run(lambda: "next"))

    assert await next_one == "next"
    assert gone.cancelled()
    assert turns.free


async def test_a_long_write_whose_caller_is_cancelled_still_ends_before_the_next_begins(tmp_path: Path) -> None:
    path = tmp_path / "earshot.db"
    await migrate(f"sqlite:///{path}")
    database = SqliteDatabase(path, clock=utc_now)
    await database.open()
    begun, go_on = threading.Event(), threading.Event()

    def long_act(work: Work) -> None:
        begun.set()
        assert go_on.wait(30)
        work.rows(_TITLES)

    try:
        long_one = asyncio.create_task(database.writing(long_act, NOWHERE, slow=True))
        assert await asyncio.to_thread(begun.wait, 30)
        for _ in range(2):
            long_one.cancel()
            await asyncio.sleep(0)
        short_one = asyncio.create_task(database.writing(lambda work: work.rows(_TITLES), NOWHERE))
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
    turns, done = Turns(max_wait_seconds=0.0), list[str]()

    async def hold() -> None:
        async with turns.hold():
            done.append("held")

    async def wait_for_it() -> None:
        async with turns.hold(patient=True):
            done.append("patient")

    async with turns.hold():
        patient = asyncio.create_task(wait_for_it())
        refused = [asyncio.create_task(turns.run(lambda: done.append("run"))), asyncio.create_task(hold())]
        for outcome in await asyncio.gather(*refused, return_exceptions=True):
            assert isinstance(outcome, Unavailable)
        assert done == []
    await patient

    assert done == ["patient"]
    assert turns.free
    assert await turns.run(lambda: "next") == "next"


async def test_a_write_behind_a_long_one_is_answered_503_and_writes_nothing(
    make: Make, astuto: Client, productlift: Client
) -> None:
    database = make.server.database
    if not isinstance(database, SqliteDatabase):
        # PostgreSQL has no such queue.
        return
    database.turns.max_wait_seconds = 0.0
    begun, go_on = threading.Event(), threading.Event()

    def long_act(work: Work) -> None:
        begun.set()
        assert go_on.wait(30)

    try:
        long_one = asyncio.create_task(database.writing(long_act, NOWHERE, slow=True))
        assert await asyncio.to_thread(begun.wait, 30)

        one = await astuto.post("/posts", json={"title": "Dark mode", "board_id": 1})
        two = await productlift.post("/posts", json={"title": "Dark mode"})
        listed = await astuto.get("/posts")
    finally:
        go_on.set()
    await long_one

    assert told(one) == (503, {"errors": ["Service temporarily unavailable."]})
    assert told(two) == (503, {"message": "Service Unavailable"})
    assert one.headers["retry-after"] == two.headers["retry-after"] == "2"
    assert told(listed) == (200, [])
    assert (await productlift.post("/posts", json={"title": "Dark mode"})).status_code == 200
    assert await make.value("SELECT count(*) FROM posts") == 1


def test_a_write_waits_for_its_turn_for_five_seconds() -> None:
    assert Turns().max_wait_seconds == BUSY_SECONDS == 5.0
