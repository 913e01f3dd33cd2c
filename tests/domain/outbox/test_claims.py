"""A due delivery is claimed by one worker at a time, lane by lane, and its outcome is stored once."""

import sqlite3
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.adapters.database import PortalContext
from app.application import Application
from app.domain.outbox import claims
from app.domain.outbox.claims import EMAIL, MAX_OVERTAKING_WAIT, AttemptResult, Lane
from app.domain.outbox.deliveries import ClaimedDelivery, NewDelivery
from app.domain.permissions import OPERATOR
from app.domain.sql.statement import SQLITE
from app.domain.sql.timestamps import to_datetime
from app.domain.unit_of_work import UnitOfWork
from app.settings import Settings
from tests.conftest import TestClock
from tests.domain.posts.test_delete import statements_of
from tests.support.concurrency import ConcurrentWriter
from tests.support.counting import Counting
from tests.support.factory import Factory
from tests.support.outbox import LEASE, OutboxFactory


def ids(claimed: list[ClaimedDelivery]) -> list[int]:
    return [each.id for each in claimed]


async def record(make: Factory, claimed: ClaimedDelivery, result: AttemptResult) -> bool:
    return await make.server.database.write(
        lambda work: claims.record_result(work, claimed, result), PortalContext(claimed.portal_id, OPERATOR)
    )


async def test_a_claimed_delivery_has_all_columns_and_is_not_claimed_again(
    outbox: OutboxFactory, make: Factory, clock: TestClock
) -> None:
    user = await make.user()
    delivery = await outbox.email(
        kind="reply", event_id=3, user_id=user, post_id=4, payload='{"a": 1}', is_encrypted=True
    )

    (claimed,) = await outbox.claim(EMAIL)

    row = await outbox.row(delivery)
    assert claimed == ClaimedDelivery(
        id=delivery,
        portal_id=make.portal,
        uuid=row["uuid"],
        claim="ours",
        channel="email",
        kind="reply",
        event_id=3,
        webhook_id=None,
        user_id=user,
        post_id=4,
        payload='{"a": 1}',
        is_encrypted=True,
        attempts=1,
        created_at=row["created_at"],
    )
    assert to_datetime(row["due_at"]) == to_datetime(row["attempted_at"]) + LEASE
    assert await outbox.claim(EMAIL, claim="theirs") == []
    assert await outbox.lanes() == set()


async def test_a_delivery_is_claimed_again_with_its_uuid_when_the_lease_has_ended(
    outbox: OutboxFactory, make: Factory, clock: TestClock
) -> None:
    await outbox.email()
    (first,) = await outbox.claim(EMAIL)
    clock.advance(seconds=61)

    (second,) = await outbox.claim(EMAIL, claim="theirs")

    assert (second.id, second.uuid, second.attempts) == (first.id, first.uuid, 2)
    # The first worker comes too late.
    assert await record(make, first, AttemptResult("failed")) is False
    assert await record(make, second, AttemptResult("delivered")) is True
    assert (await outbox.row(first.id))["state"] == "delivered"


async def test_a_result_is_stored_once(outbox: OutboxFactory, make: Factory) -> None:
    delivery = await outbox.email()
    (claimed,) = await outbox.claim(EMAIL)
    body = "x" * claims.MAX_RESPONSE_CHARACTERS

    result = AttemptResult("delivered", None, "an\0 error\ud800", 204, body + "y", 12)
    assert await record(make, claimed, result) is True
    assert await record(make, claimed, AttemptResult("failed")) is False

    row = await outbox.row(delivery)
    assert {name: row[name] for name in ("state", "error", "response_status", "duration_ms", "claim", "attempts")} == {
        "state": "delivered",
        "error": "an\ufffd error?",
        "response_status": 204,
        "duration_ms": 12,
        "claim": None,
        "attempts": 1,
    }
    assert row["response_body"] == body
    assert row["finished_at"] is not None


async def test_the_results_of_many_deliveries_are_stored_by_one_statement(outbox: OutboxFactory, make: Factory) -> None:
    encrypted = await outbox.email(payload="sealed", is_encrypted=True)
    plain = await outbox.email(payload="plain")
    waiting = await outbox.email()
    results = [
        (each, AttemptResult("delivered", None, "an\0 error", 200 + number, f"body {number}\0\ud800", number))
        for number, each in enumerate(await outbox.claim(EMAIL))
    ]
    late = (replace(results[2][0], claim="theirs"), results[2][1])

    def store(work: UnitOfWork) -> tuple[set[int], int]:
        work._connection = counting = Counting(work._connection)
        return claims.record_delivered(work, [*results[:2], late]), len(counting.statements)

    assert await make.act(store) == ({encrypted, plain}, 1)
    names = ("state", "payload", "claim", "error", "response_status", "response_body", "duration_ms", "attempts")
    rows = [await outbox.row(each) for each in (encrypted, plain, waiting)]
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("delivered", None, None, "an\ufffd error", 200, "body 0\ufffd?", 0, 1),
        ("delivered", "plain", None, "an\ufffd error", 201, "body 1\ufffd?", 1, 1),
        ("pending", None, "ours", None, None, None, None, 1),
    ]
    assert [row["finished_at"] is not None for row in rows] == [True, True, False]
    # Once, and in their own portal only.
    assert await make.act(lambda work: claims.record_delivered(work, results[:2])) == set()
    assert await make.act(lambda work: claims.record_delivered(work, results[2:]), portal=make.portal + 1) == set()
    assert await make.act(lambda work: claims.record_delivered(work, results[2:])) == {waiting}


async def test_a_postponed_delivery_stays_pending_until_it_is_due(
    outbox: OutboxFactory, make: Factory, clock: TestClock
) -> None:
    delivery = await outbox.email()
    (claimed,) = await outbox.claim(EMAIL)

    await record(make, claimed, AttemptResult("pending", clock() + timedelta(seconds=90), "refused"))

    row = await outbox.row(delivery)
    assert (row["state"], row["claim"], row["error"], row["finished_at"]) == ("pending", None, "refused", None)
    assert await outbox.claim(EMAIL) == []
    clock.advance(seconds=91)
    assert [each.attempts for each in await outbox.claim(EMAIL)] == [2]


@pytest.mark.parametrize(
    ("state", "is_encrypted", "payload"),
    [
        ("delivered", True, None),
        ("cancelled", True, None),
        ("failed", True, "sealed"),
        ("pending", True, "sealed"),
        ("delivered", False, "sealed"),
    ],
)
async def test_an_encrypted_payload_is_emptied_after_delivery_and_cancellation(
    state: Any, is_encrypted: bool, payload: str | None, outbox: OutboxFactory, make: Factory
) -> None:
    delivery = await outbox.email(payload="sealed", is_encrypted=is_encrypted)
    (claimed,) = await outbox.claim(EMAIL)

    await record(make, claimed, AttemptResult(state))

    row = await outbox.row(delivery)
    assert (row["state"], row["payload"]) == (state, payload)


async def test_a_released_delivery_is_due_at_once(outbox: OutboxFactory, make: Factory) -> None:
    await outbox.email()
    (first,) = await outbox.claim(EMAIL)

    await make.act(lambda work: claims.release(work, first))

    assert [(each.id, each.uuid) for each in await outbox.claim(EMAIL)] == [(first.id, first.uuid)]


async def test_lanes_are_emails_and_endpoints_with_due_deliveries(
    outbox: OutboxFactory, make: Factory, clock: TestClock
) -> None:
    other, _ = await make.new_portal("Other", host="other.example.com", email="other@example.com")
    first, second, idle = [await outbox.endpoint(name) for name in ("A", "B", "C")]
    third = await outbox.endpoint("D", portal=other)
    assert await outbox.lanes() == set()

    await outbox.email()
    for endpoint in (first, second, None):
        await outbox.call(endpoint)
    await outbox.call(third, portal=other)

    lanes = {EMAIL, Lane("webhook", first), Lane("webhook", second), Lane("webhook", third), Lane("webhook", None)}
    assert await outbox.lanes() == lanes
    assert {len(await outbox.claim(lane)) for lane in lanes} == {1}
    assert await outbox.claim(Lane("webhook", idle)) == []
    assert await outbox.lanes() == set()


async def test_at_most_the_limit_is_claimed_of_a_lane_and_nothing_of_others(outbox: OutboxFactory) -> None:
    endpoint, other = await outbox.endpoint("A"), await outbox.endpoint("B")
    new = [NewDelivery("webhook", "post.created", webhook_id=endpoint) for _ in range(5)]
    calls = await outbox.add(new)
    await outbox.call(other)
    await outbox.email()

    assert ids(await outbox.claim(Lane("webhook", endpoint), limit=3)) == calls[:3]
    assert ids(await outbox.claim(Lane("webhook", endpoint), limit=3)) == calls[3:]
    assert await outbox.lanes() == {EMAIL, Lane("webhook", other)}


async def test_mail_about_accounts_is_claimed_before_older_notifications(outbox: OutboxFactory) -> None:
    await outbox.add([NewDelivery("email", "status_change") for _ in range(20)])
    accounts = [await outbox.email(kind="password_reset", payload="sealed", is_encrypted=True) for _ in range(3)]

    assert ids(await outbox.claim(EMAIL, limit=2)) == accounts[:2]
    claimed = ids(await outbox.claim(EMAIL, limit=2))
    assert len(claimed) == 2
    assert claimed[-1] == accounts[2]
    assert len(await outbox.claim(EMAIL, limit=30)) == 19


async def test_mail_about_accounts_is_found_without_reading_the_backlog(make: Factory, server: Application) -> None:
    if server.database.engine != SQLITE:
        return
    first, *_ = await statements_of(make, lambda work: claims.claim(work, EMAIL, claim="ours", lease=LEASE, limit=2))
    compiled = first.compiled(SQLITE)

    with sqlite3.connect(server.settings.database_url.removeprefix("sqlite:///")) as connection:
        query = "EXPLAIN QUERY PLAN " + compiled.text
        plan = [row[3] for row in connection.execute(query, ["2026"] * len(compiled.names))]

    assert "SCAN deliveries USING INDEX ix_deliveries_secret" in plan


async def give_back(make: Factory, *claimed: ClaimedDelivery) -> None:
    await make.act(lambda work: [claims.give_back(work, each) for each in claimed])


async def test_calls_about_one_post_are_claimed_as_a_run_in_their_order(outbox: OutboxFactory) -> None:
    endpoint, other = await outbox.endpoint("A"), await outbox.endpoint("B")
    first = await outbox.call(endpoint, post=1)
    of_other_post = await outbox.call(endpoint, post=2)
    later = [await outbox.call(endpoint, post=1) for _ in range(2)]
    without_post = [await outbox.call(endpoint), await outbox.call(endpoint)]
    at_other_endpoint = await outbox.call(other, post=1)

    runs = await outbox.claim_runs(Lane("webhook", endpoint))

    assert [ids(run) for run in runs] == [[first, *later], [of_other_post], *([each] for each in without_post)]
    assert [ids(run) for run in await outbox.claim_runs(Lane("webhook", other))] == [[at_other_endpoint]]
    assert await outbox.claim(Lane("webhook", endpoint)) == []


async def test_a_run_has_a_bounded_length_and_the_rest_waits_for_it(outbox: OutboxFactory, make: Factory) -> None:
    lane = Lane("webhook", await outbox.endpoint())
    new = [NewDelivery("webhook", "vote.created", webhook_id=lane.webhook_id, post_id=1) for _ in range(60)]
    calls = await outbox.add(new)

    (run,) = await outbox.claim_runs(lane)

    assert ids(run) == calls[: claims.MAX_FOLLOWERS + 1]
    assert await outbox.claim(lane) == []
    for each in run:
        await record(make, each, AttemptResult("delivered"))
    assert ids(await outbox.claim(lane)) == calls[claims.MAX_FOLLOWERS + 1 :]


async def test_a_full_lane_claims_single_calls(outbox: OutboxFactory) -> None:
    lane = Lane("webhook", await outbox.endpoint())
    calls = [await outbox.call(lane.webhook_id, post=number % 3) for number in range(9)]

    assert ids(await outbox.claim(lane, limit=2)) == calls[:2]
    assert ids(await outbox.claim(lane, limit=1)) == calls[2:3]
    assert await outbox.claim(lane, limit=1) == []


async def test_a_call_waits_ten_minutes_for_the_retry_of_an_earlier_one_of_its_endpoint_and_post(
    outbox: OutboxFactory, make: Factory, clock: TestClock
) -> None:
    lane = Lane("webhook", await outbox.endpoint())
    first, later, last = [await outbox.call(lane.webhook_id, post=1) for _ in range(3)]
    failed, *unattempted = await outbox.claim(lane)

    await record(make, failed, AttemptResult("pending", clock() + timedelta(hours=1)))
    await give_back(make, *unattempted)

    assert ids([failed, *unattempted]) == [first, later, last]
    assert [(await outbox.row(each))["attempts"] for each in (first, later, last)] == [1, 0, 0]
    assert await outbox.claim(lane) == []
    clock.advance(seconds=MAX_OVERTAKING_WAIT.total_seconds() - 10)
    new = await outbox.call(lane.webhook_id, post=1)
    assert await outbox.claim(lane) == []
    clock.advance(seconds=11)
    assert [ids(run) for run in await outbox.claim_runs(lane, limit=2)] == [[later, last]]
    assert (await outbox.row(new))["claim"] is None


@pytest.mark.parametrize("change", ["claim = 'theirs'", "attempts = 0", "earlier_attempts = 1", "due_at = created_at"])
async def test_only_a_call_that_waits_for_a_retry_is_overtaken(
    change: str, outbox: OutboxFactory, make: Factory, clock: TestClock
) -> None:
    lane = Lane("webhook", await outbox.endpoint())
    first, later = [await outbox.call(lane.webhook_id, post=1) for _ in range(2)]
    (failed,) = await outbox.claim(lane, limit=1)
    await record(make, failed, AttemptResult("pending", clock() + timedelta(hours=1)))
    clock.advance(seconds=MAX_OVERTAKING_WAIT.total_seconds() + 1)

    await make.run(f"UPDATE deliveries SET {change} WHERE id = :id", id=first)

    assert later not in ids(await outbox.claim(lane, limit=1))
    assert (await outbox.row(later))["claim"] is None


async def test_old_calls_about_one_post_are_not_claimed_beside_a_run_of_earlier_ones(
    outbox: OutboxFactory, make: Factory, clock: TestClock
) -> None:
    lane = Lane("webhook", await outbox.endpoint())
    new = [NewDelivery("webhook", "vote.created", webhook_id=lane.webhook_id, post_id=1) for _ in range(20)]
    calls = await outbox.add(new)
    clock.advance(seconds=11 * 60)
    order: list[int] = []

    while run := await outbox.claim(lane, limit=1):
        assert await outbox.claim(lane, claim="theirs") == []
        for each in run:
            await record(make, each, AttemptResult("delivered"))
        order += ids(run)

    assert order == calls


async def test_a_run_ends_before_a_call_that_another_worker_has_or_that_is_not_due(
    outbox: OutboxFactory, make: Factory, clock: TestClock
) -> None:
    lane = Lane("webhook", await outbox.endpoint())
    first, postponed, last = [await outbox.call(lane.webhook_id, post=1) for _ in range(3)]
    later = clock() + timedelta(hours=1)
    await make.run("UPDATE deliveries SET due_at = :later WHERE id = :id", id=postponed, later=later)

    assert ids(await outbox.claim(lane)) == [first]
    assert (await outbox.row(last))["claim"] is None


async def test_the_next_call_of_a_post_is_claimed_when_the_earlier_one_has_ended(
    outbox: OutboxFactory, make: Factory
) -> None:
    lane = Lane("webhook", await outbox.endpoint())
    first, later = [await outbox.call(lane.webhook_id, post=1) for _ in range(2)]
    for expected, state in ((first, "failed"), (later, "delivered")):
        (claimed,) = await outbox.claim(lane, limit=1)
        assert claimed.id == expected
        await record(make, claimed, AttemptResult(state))  # type: ignore[arg-type]


async def test_two_workers_never_hold_the_same_delivery(
    outbox: OutboxFactory, make: Factory, settings: Settings
) -> None:
    endpoint = await outbox.endpoint()
    new = [NewDelivery("email", "comment") for _ in range(40)]
    new += [NewDelivery("webhook", "post.created", webhook_id=endpoint, post_id=number) for number in range(40)]
    new += [NewDelivery("webhook", "vote.created", webhook_id=endpoint, post_id=99) for _ in range(40)]
    everything = await outbox.add(new)
    write = ConcurrentWriter(settings, make.portal, 4)
    held: list[ClaimedDelivery] = []

    def claim_some(work: Any) -> None:
        for lane in (EMAIL, Lane("webhook", endpoint)):
            for run in claims.claim(work, lane, claim="ours", lease=LEASE, limit=3):
                held.extend(run)

    try:
        for _ in range(10):
            assert write(*[claim_some] * 4) == [None] * 4
    finally:
        write.close()

    assert len(held) == len(set(ids(held)))
    # Of the post with many calls, only what is a run: the others wait for it.
    assert set(ids(held)) >= set(everything[:81])
    of_one_post = [each for each in ids(held) if each >= everything[80]]
    assert of_one_post == everything[80 : 80 + len(of_one_post)]


async def test_delivering_to_one_endpoint_is_not_slowed_by_the_backlog_of_another(outbox: OutboxFactory) -> None:
    busy, quiet = await outbox.endpoint("A"), await outbox.endpoint("B")
    await outbox.add([NewDelivery("webhook", "post.created", webhook_id=busy) for _ in range(2000)])
    call = await outbox.call(quiet)

    assert await outbox.lanes() == {Lane("webhook", busy), Lane("webhook", quiet)}
    assert ids(await outbox.claim(Lane("webhook", quiet))) == [call]
