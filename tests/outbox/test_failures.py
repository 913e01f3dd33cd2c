"""Deliveries that fail: what is logged of them, and what is kept of earlier attempts."""

from operator import itemgetter
from typing import Any

from structlog.testing import capture_logs

from app.application import Application
from app.domain.outbox import delivery_list
from app.domain.outbox.deliveries import ClaimedDelivery
from app.domain.sql.timestamps import to_datetime
from app.outbox.base import Outcome, Result
from app.outbox.failure_log import FAILED, RETRIED
from app.outbox.retries import MAX_ATTEMPTS
from tests.conftest import TestClock
from tests.support.outbox import OutboxFactory
from tests.support.worker import RecordingSender, eventually, working


async def have_ended(outbox: OutboxFactory, *, state: str) -> None:
    """Wait until all deliveries have this state."""

    async def is_so() -> bool:
        return set((await outbox.states()).values()) == {state}

    await eventually(is_so)


async def test_a_delivery_that_is_repeated_keeps_its_response_and_has_all_attempts_again(
    server: Application, outbox: OutboxFactory, clock: TestClock
) -> None:
    clock.set(clock())
    delivery = await outbox.call(await outbox.endpoint())
    outcomes = [
        Outcome(Result.DELIVERED, None, 204, "thanks"),
        *[Outcome(Result.RETRY, "refused")] * (MAX_ATTEMPTS - 1),
        Outcome(Result.RETRY, "the receiver responded 500", 500, "why"),
    ]
    responses: list[tuple[Any, ...]] = []
    durations: list[int] = []

    async def send(delivery: ClaimedDelivery) -> Outcome:
        return outcomes[delivery.attempts - 1]

    async with working(server, {"webhook": RecordingSender(send)}):
        await have_ended(outbox, state="delivered")
        await outbox.make.act(lambda work: delivery_list.retry(work, [delivery]))
        await outbox.make.run("UPDATE deliveries SET duration_ms = 987654")
        for attempt in range(2, len(outcomes) + 1):

            async def is_stored(attempt: int = attempt) -> bool:
                row = await outbox.row(delivery)
                return (row["attempts"], row["claim"]) == (attempt, None)

            await eventually(is_stored)
            row = await outbox.row(delivery)
            responses.append((row["state"], row["error"], row["response_status"], row["response_body"]))
            durations.append(row["duration_ms"])
            clock.set(to_datetime(row["due_at"]))

    assert responses == [
        *[("pending", "refused", 204, "thanks")] * (MAX_ATTEMPTS - 1),
        ("failed", "the receiver responded 500", 500, "why"),
    ]
    # That of the response that is shown.
    assert durations[:-1] == [987654] * (MAX_ATTEMPTS - 1)
    assert durations[-1] < 987654


async def test_the_first_failure_of_a_delivery_and_the_last_one_are_logged(
    server: Application, outbox: OutboxFactory, clock: TestClock
) -> None:
    clock.set(clock())
    webhook = await outbox.endpoint()
    call = await outbox.call(webhook, payload="a body")
    unsendable = await outbox.call(webhook)
    email = await outbox.email()

    async def send(delivery: ClaimedDelivery) -> Outcome:
        if delivery.id == call:
            return Outcome(Result.RETRY, "the receiver responded 500", 500, "why")
        error, is_unsendable = "unknown jane@example.com", delivery.id == unsendable
        log_error = "a kind of failure" if is_unsendable else "it rejected the recipient"
        return Outcome(Result.FAILED, error, 550, is_unsendable=is_unsendable, log_error=log_error)

    with capture_logs() as logged:
        async with working(server, dict.fromkeys(("webhook", "email"), RecordingSender(send))):
            for attempt in range(1, MAX_ATTEMPTS + 1):

                async def is_stored(attempt: int = attempt) -> bool:
                    row = await outbox.row(call)
                    return (row["attempts"], row["claim"]) == (attempt, None)

                await eventually(is_stored)
                clock.set(to_datetime((await outbox.row(call))["due_at"]))
            await have_ended(outbox, state="failed")

    of_call = {"channel": "webhook", "kind": "post.created", "webhook": webhook}
    of_email = {"channel": "email", "kind": "comment"}
    error = {"status": 500, "error": "the receiver responded 500"}
    expected = [
        {"event": RETRIED, "delivery": call, **of_call, "attempt": 1, **error},
        {"event": FAILED, "delivery": unsendable, **of_call, "attempt": 1, "status": 550, "error": "a kind of failure"},
        {
            "event": FAILED,
            "delivery": email,
            **of_email,
            "attempt": 1,
            "status": 550,
            "error": "it rejected the recipient",
        },
        {"event": FAILED, "delivery": call, **of_call, "attempt": MAX_ATTEMPTS, **error},
    ]
    complete = [{**fields, "portal": outbox.make.portal, "log_level": "warning"} for fields in expected]
    assert sorted(logged, key=itemgetter("attempt", "delivery")) == complete
