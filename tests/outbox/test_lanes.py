"""How many attempts a worker makes at the same time: in total, for each endpoint, and of emails."""

import asyncio
from collections import defaultdict

from app.adapters.smtp import SmtpTimeouts
from app.application import Application
from app.domain.outbox.deliveries import ClaimedDelivery, NewDelivery
from app.outbox.base import Outcome, Result
from app.outbox.worker import LEASES, MAX_ATTEMPT_SECONDS, MAX_CONCURRENT_EMAILS
from tests.support.outbox import OutboxFactory
from tests.support.worker import DELIVERED, RecordingSender, eventually, have_ended, working


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
    server: Application, outbox: OutboxFactory
) -> None:
    endpoint = await outbox.endpoint()
    fails = True
    running, succeeded, counts = 0, 0, []
    all_run = asyncio.Event()

    async def send(delivery: ClaimedDelivery) -> Outcome:
        nonlocal running, succeeded
        running += 1
        counts.append(running)
        if fails:
            await asyncio.sleep(0.01)
        elif succeeded:
            # However slow the machine is: those after the first success wait for each other.
            if running == 4:
                all_run.set()
            await all_run.wait()
        running -= 1
        succeeded += not fails
        return Outcome(Result.RETRY, "refused") if fails else DELIVERED

    async def add() -> None:
        await outbox.add([NewDelivery("webhook", "post.created", webhook_id=endpoint) for _ in range(12)])

    async def all_were_tried() -> bool:
        query = "SELECT count(*) FROM deliveries WHERE state = 'pending' AND error IS NULL"
        return bool(await outbox.make.value(query) == 0)

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
