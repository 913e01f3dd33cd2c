"""The worker expands events, delivers them within its limits, and survives failures of every part."""

import asyncio
import logging
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from app.adapters.smtp import SmtpTimeouts
from app.application import Application
from app.domain.events import StoredEvent
from app.domain.outbox.deliveries import ClaimedDelivery, NewDelivery
from app.domain.sql.timestamps import to_datetime
from app.domain.unit_of_work import UnitOfWork
from app.outbox.base import Outcome, Result
from app.outbox.retries import MAX_ATTEMPTS, MAX_DELAY_SECONDS, choose_delay
from app.outbox.worker import LEASES, MAX_ATTEMPT_SECONDS, MAX_CONCURRENT_EMAILS
from tests.conftest import TRUNCATE_ALL, TestClock
from tests.support.factory import Factory
from tests.support.outbox import OutboxFactory
from tests.support.sql import script
from tests.support.worker import DELIVERED, RecordingSender, eventually, working


async def have_ended(outbox: OutboxFactory, *, state: str = "delivered") -> None:
    """Wait until all deliveries have this state."""

    async def is_so() -> bool:
        return set((await outbox.states()).values()) == {state}

    await eventually(is_so)


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


async def test_the_attempts_are_limited_in_total_and_for_each_lane(server: Application, outbox: OutboxFactory) -> None:
    endpoints = [await outbox.endpoint(str(number)) for number in range(4)]
    await outbox.add(
        [NewDelivery("webhook", "post.created", webhook_id=endpoint) for endpoint in endpoints for _ in range(20)]
    )
    running: dict[int | None, int] = defaultdict(int)
    most = 0

    async def send(delivery: ClaimedDelivery) -> Outcome:
        nonlocal most
        running[delivery.webhook_id] += 1
        most = max(most, *running.values())
        await asyncio.sleep(0.01)
        running[delivery.webhook_id] -= 1
        return DELIVERED

    sender = RecordingSender(send)
    async with working(server, {"webhook": sender}, concurrent=8, concurrent_in_lane=3):
        await have_ended(outbox)

    assert len(sender.sent) == 80
    assert sender.most_running == 8
    assert 2 <= most <= 3


async def test_emails_start_two_at_a_time_with_time_for_both(server: Application, outbox: OutboxFactory) -> None:
    await outbox.add([NewDelivery("email", "comment") for _ in range(8)])

    async def send(delivery: ClaimedDelivery) -> Outcome:
        await asyncio.sleep(0.02)
        return DELIVERED

    sender = RecordingSender(send)
    async with working(server, {"email": sender}):
        await have_ended(outbox)

    assert sender.most_running == 2
    assert MAX_CONCURRENT_EMAILS * SmtpTimeouts().total < MAX_ATTEMPT_SECONDS["email"]
    assert MAX_ATTEMPT_SECONDS["email"] < LEASES["email"].total_seconds()


async def test_receivers_that_hang_do_not_delay_others(server: Application, outbox: OutboxFactory) -> None:
    hanging = [await outbox.endpoint(f"Hanging {number}") for number in range(3)]
    well = await outbox.endpoint("Well")
    await outbox.add(
        [NewDelivery("webhook", "post.created", webhook_id=endpoint) for endpoint in hanging for _ in range(50)]
    )
    over = asyncio.Event()

    async def send(delivery: ClaimedDelivery) -> Outcome:
        if delivery.webhook_id in hanging:
            await over.wait()
        return DELIVERED

    sender = RecordingSender(send)
    async with working(server, {"webhook": sender, "email": sender}, concurrent=16, concurrent_in_lane=4):

        async def all_hang() -> bool:
            return sender.running == 12

        await eventually(all_hang)
        others = [await outbox.call(well) for _ in range(20)] + [await outbox.email() for _ in range(20)]

        async def others_are_delivered() -> bool:
            states = await outbox.states()
            return {states[each] for each in others} == {"delivered"}

        await eventually(others_are_delivered)
        assert sender.running == 12
        over.set()
        await have_ended(outbox)


async def test_a_failing_lane_gets_one_attempt_at_a_time_until_one_succeeds(
    server: Application, outbox: OutboxFactory, clock: TestClock
) -> None:
    endpoint = await outbox.endpoint()
    fails = True
    running, counts = 0, []

    async def send(delivery: ClaimedDelivery) -> Outcome:
        nonlocal running
        running += 1
        counts.append(running)
        await asyncio.sleep(0.01)
        running -= 1
        return Outcome(Result.RETRY, "refused") if fails else DELIVERED

    async def add() -> None:
        await outbox.add([NewDelivery("webhook", "post.created", webhook_id=endpoint) for _ in range(12)])

    async def all_were_tried() -> bool:
        query = "SELECT count(*) FROM deliveries WHERE state = 'pending' AND error IS NULL"
        return await outbox.make.value(query) == 0

    await outbox.call(endpoint)
    async with working(server, {"webhook": RecordingSender(send)}, concurrent_in_lane=4):
        await eventually(all_were_tried)
        counts.clear()
        await add()
        await eventually(all_were_tried)
        assert max(counts) == 1
        fails = False
        await add()
        await eventually(all_were_tried)
        assert max(counts) == 4


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
        worker.recorder.count = lambda channel, _, outcome: counts.append((channel, outcome))
        await have_ended(outbox, state=state)

    row = await outbox.row(delivery)
    assert (row["error"], row["response_status"], row["response_body"]) == (
        outcome.error,
        outcome.response_status,
        outcome.response_body,
    )
    assert calls == [(outbox.make.portal, endpoint, state)]
    assert counts == [("webhook", state)]


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


def test_delays_grow_from_a_minute_to_half_a_day() -> None:
    delays = [[choose_delay(attempts) or 0.0 for _ in range(200)] for attempts in range(1, MAX_ATTEMPTS)]

    assert 60 <= min(delays[0]) < max(delays[0]) <= 120
    assert all(max(earlier) <= min(later) + 60 for earlier, later in pairwise(delays))
    assert max(delays[-1]) <= MAX_DELAY_SECONDS == 12 * 3600
    assert all(len(set(each)) > 100 for each in delays)
    assert choose_delay(MAX_ATTEMPTS) is None


@pytest.mark.parametrize(
    ("seconds", "shortest", "longest"), [(5, 60, 120), (7200, 7200, 7200), (10**9, 43200, 43200), (None, 60, 120)]
)
def test_the_receiver_may_ask_for_a_longer_delay(seconds: float | None, shortest: float, longest: float) -> None:
    delay = choose_delay(1, retry_after_seconds=seconds)

    assert delay is not None
    assert shortest <= delay <= longest


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


async def test_an_expander_that_raises_holds_back_nothing_else(
    make: Factory, server: Application, outbox: OutboxFactory, caplog: pytest.LogCaptureFixture
) -> None:
    first, bad, last = [await make.post(title=title) for title in ("First", "Bad", "Last")]

    def fail(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        if event.post_id == bad:
            # An error of the database also ends the transaction on PostgreSQL.
            raise ZeroDivisionError
        return []

    def expand(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        return [NewDelivery("email", "new_post", post_id=event.post_id)] if event.kind == "post.submitted" else []

    def expand_last(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        return [NewDelivery("email", "after", post_id=bad)] if event.post_id == bad else []

    with caplog.at_level(logging.ERROR, "earshot.outbox"):
        async with working(server, {"email": RecordingSender()}, expanders=[expand, fail, expand_last]):

            async def are_expanded() -> bool:
                return await make.value("SELECT count(*) FROM facts WHERE expanded_at IS NULL") == 0

            await eventually(are_expanded)

    posts = await make.rows("SELECT post_id FROM deliveries ORDER BY id")
    assert [row["post_id"] for row in posts] == [first, bad, bad, last]
    events = {row["post_id"]: row["id"] for row in await make.facts("post.submitted")}
    messages = {record.getMessage() for record in caplog.records}
    assert f"event {events[bad]} could not be expanded, and is skipped" in messages
    assert f"event {events[last]} could not be expanded, and is skipped" not in messages
    assert all(record.exc_info for record in caplog.records)


async def test_a_failure_of_storing_loses_nothing(
    make: Factory, server: Application, outbox: OutboxFactory, caplog: pytest.LogCaptureFixture
) -> None:
    created, is_failing = await make.post(), True

    def expand(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        return [NewDelivery("email", "new_post", post_id=event.post_id)] if event.kind == "post.submitted" else []

    def store_badly(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        return [NewDelivery("fax", "x")] if is_failing else []  # type: ignore[arg-type]

    with caplog.at_level(logging.ERROR, "earshot.outbox"):
        async with working(server, {}, expanders=[expand, store_badly]):

            async def is_logged() -> bool:
                return bool(caplog.records)

            await eventually(is_logged)
            assert await make.value("SELECT count(*) FROM deliveries") == 0
            is_failing = False

            async def is_stored() -> bool:
                return await make.value("SELECT count(*) FROM deliveries") > 0

            await eventually(is_stored)

    assert [row["post_id"] for row in await make.rows("SELECT post_id FROM deliveries")] == [created]
    assert not any("is skipped" in record.getMessage() for record in caplog.records)


async def test_many_events_that_fail_are_not_expanded_again_and_again(
    make: Factory, server: Application, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        await make.post()
    runs: Counter[int] = Counter()

    def expand(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        runs[event.id] += 1
        return [NewDelivery("email", "new_post", post_id=event.post_id)] if event.kind == "post.submitted" else []

    def fail(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        raise ZeroDivisionError

    async with working(server, {}, expanders=[expand, fail]):

        async def are_expanded() -> bool:
            return await make.value("SELECT count(*) FROM facts WHERE expanded_at IS NULL") == 0

        await eventually(are_expanded)

    assert len(runs) >= 20
    assert set(runs.values()) == {2}
    assert await make.value("SELECT count(*) FROM deliveries") == 20


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
