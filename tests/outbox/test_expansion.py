"""Events are expanded to deliveries, and an expander that fails holds back nothing."""

import logging
from collections import Counter
from collections.abc import Sequence

import pytest

from app.application import Application
from app.domain.events import StoredEvent
from app.domain.outbox.deliveries import NewDelivery
from app.domain.unit_of_work import UnitOfWork
from tests.support.factory import Factory
from tests.support.outbox import OutboxFactory
from tests.support.worker import RecordingSender, eventually, working


async def are_expanded(make: Factory) -> bool:
    """Whether no event waits."""
    return bool(await make.value("SELECT count(*) FROM facts WHERE expanded_at IS NULL") == 0)


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
            await eventually(lambda: are_expanded(make))

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
        await eventually(lambda: are_expanded(make))

    assert len(runs) >= 20
    assert set(runs.values()) == {2}
    assert await make.value("SELECT count(*) FROM deliveries") == 20
