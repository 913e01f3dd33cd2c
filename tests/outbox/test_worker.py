"""The worker delivers what is due, one thing after another where it must, and survives failures of every part."""

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from app.application import Application
from app.domain.events import StoredEvent
from app.domain.outbox.deliveries import ClaimedDelivery, NewDelivery
from app.domain.sql.timestamps import to_datetime
from app.domain.unit_of_work import UnitOfWork
from app.outbox.base import Outcome, Result
from app.outbox.retries import MAX_ATTEMPTS
from tests.conftest import TRUNCATE_ALL, TestClock
from tests.support.factory import Factory
from tests.support.outbox import OutboxFactory
from tests.support.sql import script
from tests.support.worker import DELIVERED, RecordingSender, eventually, have_ended, working


async def test_an_event_is_expanded_and_delivered(make: Factory, server: Application) -> None:
    def expand(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        if event.kind != "post.submitted":
            return []
        return [NewDelivery("email", "new_post", event_id=event.id, payload=f'{{"url": "{event.base_url}"}}')]

    sender = RecordingSender()
    await make.post(title="News")

    async with working(server, {"email": sender}, expanders=[expand]):
        await eventually(lambda: _any(sender))
    row = await make.row("SELECT * FROM deliveries")

    assert (row["state"], row["attempts"], row["claim"], row["error"]) == ("delivered", 1, None, None)
    assert row["duration_ms"] >= 0
    assert [(each.id, each.uuid, each.payload) for each in sender.sent] == [
        (row["id"], row["uuid"], '{"url": "http://127.0.0.1:8000"}')
    ]
    assert await make.value("SELECT count(*) FROM facts WHERE expanded_at IS NULL") == 0
    assert sender.is_closed


async def _any(sender: RecordingSender) -> bool:
    return bool(sender.sent)


async def test_calls_about_a_post_arrive_in_order_one_at_a_time(server: Application, outbox: OutboxFactory) -> None:
    endpoint = await outbox.endpoint()
    await outbox.add(
        [NewDelivery("webhook", "post.updated", webhook_id=endpoint, post_id=number % 3) for number in range(120)]
    )
    running: set[int | None] = set()

    async def send(delivery: ClaimedDelivery) -> Outcome:
        assert delivery.post_id not in running
        running.add(delivery.post_id)
        await asyncio.sleep(0)
        running.remove(delivery.post_id)
        return DELIVERED

    sender = RecordingSender(send)
    async with working(server, {"webhook": sender}):
        await have_ended(outbox)

    for post in range(3):
        ids = [each.id for each in sender.sent if each.post_id == post]
        assert ids == sorted(ids)
        assert len(ids) == 40
    assert {each.attempts for each in sender.sent} == {1}


async def test_calls_behind_one_that_fails_wait_without_an_attempt(server: Application, outbox: OutboxFactory) -> None:
    endpoint = await outbox.endpoint()
    first, later, last = [await outbox.call(endpoint, post=1) for _ in range(3)]
    other = await outbox.call(endpoint, post=2)

    async def send(delivery: ClaimedDelivery) -> Outcome:
        return Outcome(Result.RETRY, "refused") if delivery.post_id == 1 else DELIVERED

    sender = RecordingSender(send)
    async with working(server, {"webhook": sender}):

        async def are_idle() -> bool:
            query = "SELECT count(*) FROM deliveries WHERE claim IS NOT NULL OR attempts = 0 AND id IN (:first, :other)"
            return await outbox.make.value(query, first=first, other=other) == 0

        await eventually(are_idle)

    assert sorted(each.id for each in sender.sent) == [first, other]
    attempts = {each: (await outbox.row(each))["attempts"] for each in (first, later, last)}
    assert attempts == {first: 1, later: 0, last: 0}


async def test_a_stopping_worker_does_not_begin_the_next_call_of_a_run(
    server: Application, outbox: OutboxFactory
) -> None:
    endpoint = await outbox.endpoint()
    first, later = [await outbox.call(endpoint, post=1) for _ in range(2)]
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def send(delivery: ClaimedDelivery) -> Outcome:
        begun.set()
        await go_on.wait()
        return DELIVERED

    async with working(server, {"webhook": RecordingSender(send)}) as worker:
        await begun.wait()
        worker.begin_stopping()
        go_on.set()

    assert await outbox.states() == {first: "delivered", later: "pending"}
    row = await outbox.row(later)
    assert (row["claim"], row["attempts"]) == (None, 0)


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome(Result.DELIVERED, None, 204, "thanks"), "delivered"),
        (Outcome(Result.FAILED, "gone", 410, "no"), "failed"),
        (Outcome(Result.CANCELLED, "switched off"), "cancelled"),
    ],
)
async def test_an_outcome_is_stored_with_what_depends_on_it(
    outcome: Outcome, state: str, server: Application, outbox: OutboxFactory
) -> None:
    endpoint = await outbox.endpoint()
    delivery = await outbox.call(endpoint)
    counts, calls = [], []

    async def send(delivery: ClaimedDelivery) -> Outcome:
        return outcome

    def call(work: UnitOfWork, delivery: ClaimedDelivery, state: str, outcome: Outcome) -> None:
        calls.append((work.portal_id, delivery.webhook_id, state))

    async with working(server, {"webhook": RecordingSender(send)}, after_attempt=[call]) as worker:
        worker.recorder.count = lambda channel, kind, outcome: counts.append((channel, kind, outcome))
        await have_ended(outbox, state=state)

    row = await outbox.row(delivery)
    assert (row["error"], row["response_status"], row["response_body"]) == (
        outcome.error,
        outcome.response_status,
        outcome.response_body,
    )
    assert calls == [(outbox.make.portal, endpoint, state)]
    assert counts == [("webhook", "post.created", state)]


async def test_a_failing_delivery_is_retried_for_days_and_then_fails(
    server: Application, outbox: OutboxFactory, clock: TestClock
) -> None:
    clock.set(clock())
    begin = clock()
    delivery = await outbox.email()
    states: list[str] = []

    async def send(delivery: ClaimedDelivery) -> Outcome:
        return Outcome(Result.RETRY, "refused")

    def call(work: UnitOfWork, delivery: ClaimedDelivery, state: str, outcome: Outcome) -> None:
        states.append(state)

    sender = RecordingSender(send)
    async with working(server, {"email": sender}, after_attempt=[call]):
        for attempt in range(1, MAX_ATTEMPTS + 1):

            async def is_stored(attempt: int = attempt) -> bool:
                return len(states) == attempt and (await outbox.row(delivery))["claim"] is None

            await eventually(is_stored)
            row = await outbox.row(delivery)
            if attempt < MAX_ATTEMPTS:
                assert (row["state"], row["attempts"], row["error"]) == ("pending", attempt, "refused")
                clock.set(to_datetime(row["due_at"]))

    assert row["state"] == "failed"
    assert states == ["pending"] * (MAX_ATTEMPTS - 1) + ["failed"]
    assert {each.uuid for each in sender.sent} == {row["uuid"]}
    assert timedelta(days=2) <= clock() - begin <= timedelta(days=3)


async def test_a_sender_that_raises_is_logged_and_the_delivery_is_retried(
    server: Application, outbox: OutboxFactory, caplog: pytest.LogCaptureFixture
) -> None:
    broken, well = await outbox.email(kind="reply"), await outbox.email()

    async def send(delivery: ClaimedDelivery) -> Outcome:
        if delivery.kind == "reply":
            raise KeyError("a secret")
        return DELIVERED

    with caplog.at_level(logging.ERROR, "earshot.outbox"):
        async with working(server, {"email": RecordingSender(send)}):

            async def both_ended() -> bool:
                return (await outbox.row(broken))["error"] is not None and (await outbox.states())[well] == "delivered"

            await eventually(both_ended)

    row = await outbox.row(broken)
    assert (row["state"], row["attempts"]) == ("pending", 1)
    assert row["error"] == "an internal error (KeyError); the log of the server has more"
    (record,) = caplog.records
    assert record.getMessage() == f"delivery {broken} failed unexpectedly"
    assert record.exc_info is not None


async def test_a_sender_that_hangs_is_ended(server: Application, outbox: OutboxFactory) -> None:
    delivery = await outbox.email()

    async def send(delivery: ClaimedDelivery) -> Outcome:
        await asyncio.Event().wait()
        raise AssertionError

    async with working(server, {"email": RecordingSender(send)}, attempt_seconds={"email": 0.05}):

        async def is_stored() -> bool:
            return (await outbox.row(delivery))["error"] is not None

        await eventually(is_stored)

    row = await outbox.row(delivery)
    assert (row["state"], row["error"]) == ("pending", "the attempt took too long")


async def test_deliveries_of_a_channel_without_a_sender_stay_pending(
    server: Application, outbox: OutboxFactory
) -> None:
    email = await outbox.email()
    call = await outbox.call(await outbox.endpoint())

    async with working(server, {"webhook": RecordingSender()}):

        async def is_called() -> bool:
            return (await outbox.states())[call] == "delivered"

        await eventually(is_called)

    row = await outbox.row(email)
    assert (row["state"], row["attempts"], row["claim"]) == ("pending", 0, None)


@pytest.mark.only_on("sqlite")
async def test_an_idle_worker_does_not_write(server: Application, outbox: OutboxFactory) -> None:
    path = str(server.settings.database_url).removeprefix("sqlite:///")
    await outbox.email()
    sender = RecordingSender()
    reads = 0

    async def is_read_often() -> bool:
        nonlocal reads
        reads += 1
        return reads > 50

    async with working(server, {"email": sender}, poll_seconds=0.001):
        await have_ended(outbox)
        with closing(sqlite3.connect(path)) as connection:
            before = connection.execute("PRAGMA data_version").fetchone()
            await eventually(is_read_often)
            assert connection.execute("PRAGMA data_version").fetchone() == before


async def test_a_stopping_worker_finishes_what_it_can_and_gives_back_the_rest(
    server: Application, outbox: OutboxFactory
) -> None:
    slow, hanging, waiting = await outbox.email(kind="reply"), await outbox.email(kind="mention"), await outbox.email()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def send(delivery: ClaimedDelivery) -> Outcome:
        if delivery.kind == "mention":
            begun.set()
            await asyncio.Event().wait()
        await go_on.wait()
        return DELIVERED

    sender = RecordingSender(send)
    async with working(server, {"email": sender}, concurrent_in_lane=2, finish_seconds=0.3) as worker:
        await begun.wait()
        worker.begin_stopping()
        asyncio.get_running_loop().call_later(0.05, go_on.set)

    assert [each.id for each in sender.sent] == [slow, hanging]
    assert await outbox.states() == {slow: "delivered", hanging: "pending", waiting: "pending"}
    row = await outbox.row(hanging)
    assert (row["claim"], row["attempts"]) == (None, 1)
    # It is due at once for another worker.
    assert to_datetime(row["due_at"]) <= server.services.clock()


async def test_a_worker_survives_a_database_that_is_away(
    server_without_database: Application, postgres: Any, caplog: pytest.LogCaptureFixture
) -> None:
    sender = RecordingSender()
    warned = asyncio.Event()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            assert record.levelno == logging.WARNING, record.getMessage()
            warned.set()

    handler = Handler()
    logging.getLogger("earshot.outbox").addHandler(handler)
    try:
        async with working(server_without_database, {"email": sender}):
            await warned.wait()
            await asyncio.to_thread(postgres.start)
            outbox = OutboxFactory(Factory(server_without_database, b""))
            # The database has what the test before has left.
            await asyncio.to_thread(script, str(server_without_database.settings.database_url), TRUNCATE_ALL)
            await outbox.make.first_portal()
            delivery = await outbox.row(await outbox.email())
            await have_ended(outbox)
    finally:
        logging.getLogger("earshot.outbox").removeHandler(handler)

    assert delivery["uuid"] in {each.uuid for each in sender.sent}


@pytest.mark.only_on("postgresql")
async def test_an_outcome_is_stored_when_the_database_is_back(
    make: Factory, server: Application, outbox: OutboxFactory, postgres: Any, request: pytest.FixtureRequest
) -> None:
    if not postgres.ours:
        pytest.skip("it stops PostgreSQL")
    await outbox.email()

    async def send(delivery: ClaimedDelivery) -> Outcome:
        await asyncio.to_thread(postgres.stop)
        asyncio.get_running_loop().call_later(0.5, lambda: asyncio.ensure_future(asyncio.to_thread(postgres.start)))
        return DELIVERED

    sender = RecordingSender(send)
    async with working(server, {"email": sender}):

        async def is_stored() -> bool:
            try:
                return set((await outbox.states()).values()) == {"delivered"}
            except Exception:
                return False

        await eventually(is_stored)

    assert len(sender.sent) == 1
