"""Events are expanded in their order, once, and one portal by one worker at a time."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from app.adapters.database import NO_PORTAL, PortalContext
from app.adapters.database.greenlet_bridge import await_in_greenlet
from app.domain.events import Event, StoredEvent
from app.domain.models.events import ACCOUNT_EVENTS
from app.domain.outbox import events
from app.domain.outbox.deliveries import NewDelivery
from app.domain.outbox.events import WaitingPortal
from app.domain.permissions import OPERATOR, Actor
from app.domain.portals.deletion import delete_portal
from app.domain.unit_of_work import UnitOfWork
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.concurrency import ConcurrentWriter
from tests.support.factory import Factory
from tests.support.outbox import OutboxFactory, expand_next

BASE_URL = "https://ideas.example.com"


def expand_to_email(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
    return [NewDelivery("email", "comment", event_id=event.id)]


async def expand(
    make: Factory,
    expander: Callable[[UnitOfWork, StoredEvent], Sequence[NewDelivery]],
    *,
    portal: int | None = None,
    is_public: bool = False,
    max_seconds: float = 60.0,
) -> int:
    return await make.server.database.write(
        lambda work: expand_next(work, expander, base_url=BASE_URL, is_public=is_public, max_seconds=max_seconds),
        PortalContext(portal or make.portal, OPERATOR),
    )


async def expand_all(make: Factory) -> list[StoredEvent]:
    """Expand all events of the first portal to nothing, and return them."""
    expanded: list[StoredEvent] = []

    def keep(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        expanded.append(event)
        return []

    while await expand(make, keep):
        pass
    return expanded


async def record(make: Factory, *new: Event, base_url: str | None = None, portal: int | None = None) -> None:
    context = PortalContext(portal or make.portal, OPERATOR, base_url)
    await make.server.database.write(lambda work: [work.record(event) for event in new], context)


async def test_an_event_is_expanded_with_all_its_columns(make: Factory, clock: TestClock) -> None:
    await expand_all(make)
    clock.set(datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC))
    user = await make.user(role="admin")
    await expand_all(make)
    context = PortalContext(make.portal, Actor(user, "admin", None), "https://feedback.example.com")
    event = Event("comment.written", post_id=5, subject_id=6, user_id=7, body={"official": True})

    await make.server.database.write(lambda work: work.record(event), context)

    (stored,) = await expand_all(make)
    assert stored == StoredEvent(
        id=stored.id,
        kind="comment.written",
        post_id=5,
        subject_id=6,
        user_id=7,
        actor_id=user,
        body={"official": True},
        base_url=BASE_URL,
        request_base_url="https://feedback.example.com",
        created_at=datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC),
    )


async def test_events_are_expanded_once_and_in_their_order(make: Factory, outbox: OutboxFactory) -> None:
    await expand_all(make)
    number = events.MAX_EVENTS + 20
    await record(make, *[Event("post.submitted", post_id=index) for index in range(number)])

    counts = [await expand(make, expand_to_email) for _ in range(3)]

    assert counts == [events.MAX_EVENTS, 20, 0]
    rows = await make.rows("SELECT event_id FROM deliveries ORDER BY id")
    expected = await make.rows("SELECT id FROM facts WHERE kind = 'post.submitted' ORDER BY id")
    assert [row["event_id"] for row in rows] == [row["id"] for row in expected]
    assert len(rows) == number


async def test_many_deliveries_end_a_transaction_early(make: Factory) -> None:
    await expand_all(make)
    await record(make, *[Event("post.submitted") for _ in range(5)])

    def expand_to_many(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        return [NewDelivery("email", "comment") for _ in range(events.MAX_DELIVERIES // 2)]

    assert [await expand(make, expand_to_many) for _ in range(4)] == [2, 2, 1, 0]
    assert await make.value("SELECT count(*) FROM deliveries") == 5 * events.MAX_DELIVERIES // 2


async def test_a_transaction_ends_when_its_time_is_over_but_expands_one_event(make: Factory) -> None:
    await expand_all(make)
    await record(make, *[Event("post.submitted") for _ in range(3)])

    assert [await expand(make, expand_to_email, max_seconds=0) for _ in range(4)] == [1, 1, 1, 0]
    assert await make.value("SELECT count(*) FROM deliveries") == 3


async def test_nothing_is_stored_of_a_transaction_that_fails(make: Factory) -> None:
    await expand_all(make)
    await record(make, Event("post.submitted"), Event("post.deleted"))

    def fail_at_last(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        if event.kind == "post.deleted":
            raise LookupError
        return expand_to_email(work, event)

    with pytest.raises(LookupError):
        await expand(make, fail_at_last)

    assert await make.value("SELECT count(*) FROM deliveries") == 0
    assert [event.kind for event in await expand_all(make)] == ["post.submitted", "post.deleted"]


async def test_a_dedup_key_is_used_once_also_by_a_finished_delivery(make: Factory, outbox: OutboxFactory) -> None:
    first = NewDelivery("email", "recap", dedup_key="recap:7:2026-03-01")
    (delivery,) = await outbox.add([first, first])
    await make.run("UPDATE deliveries SET state = 'delivered'")

    assert await outbox.add([first, NewDelivery("email", "recap", dedup_key="recap:7:2026-03-02")]) != []

    keys = await make.rows("SELECT id, dedup_key FROM deliveries ORDER BY id")
    assert [row["dedup_key"] for row in keys] == ["recap:7:2026-03-01", "recap:7:2026-03-02"]
    assert keys[0]["id"] == delivery


@pytest.mark.parametrize(
    ("of_request", "is_public", "expected"),
    [
        ("http://seen.example.com", False, "http://seen.example.com"),
        ("http://seen.example.com", True, BASE_URL),
        (None, False, BASE_URL),
    ],
)
async def test_the_address_of_a_request_is_kept_apart_from_that_of_the_portal(
    of_request: str | None, is_public: bool, expected: str, make: Factory
) -> None:
    await expand_all(make)
    await record(make, Event("post.submitted"), base_url="http://older.example.com")
    await record(make, Event("post.deleted"), base_url=of_request)
    urls: dict[str, tuple[str, str]] = {}

    def keep(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        urls[event.kind] = event.base_url, event.request_base_url
        return []

    await expand(make, keep, is_public=is_public)

    assert urls["post.deleted"] == (BASE_URL, expected)


async def test_only_events_of_the_portal_are_expanded(make: Factory) -> None:
    await expand_all(make)
    other, _ = await make.new_portal("Other", host="other.example.com", email="other@example.com")
    await record(make, Event("post.submitted"))

    assert await make.server.database.read(events.find_portals, NO_PORTAL) == [
        WaitingPortal(make.portal, None, is_only=False),
        WaitingPortal(other, "other.example.com", is_only=False),
    ]
    assert await expand(make, expand_to_email) == 1
    assert await make.server.database.read(events.find_portals, NO_PORTAL) == [
        WaitingPortal(other, "other.example.com", is_only=False)
    ]
    assert await make.rows("SELECT DISTINCT portal_id FROM deliveries") == [{"portal_id": make.portal}]


async def test_the_backlog_of_a_portal_hides_no_other_portal(make: Factory) -> None:
    other, _ = await make.new_portal("Other", host="other.example.com", email="other@example.com")
    await make.run("UPDATE facts SET expanded_at = created_at")
    await record(make, *[Event("post.submitted") for _ in range(1500)])
    await record(make, Event("post.submitted"), portal=other)

    assert [each.id for each in await make.server.database.read(events.find_portals, NO_PORTAL)] == [make.portal, other]


@pytest.mark.parametrize("kind", ACCOUNT_EVENTS)
async def test_events_about_accounts_are_expanded_before_older_ones(kind: str, make: Factory) -> None:
    await expand_all(make)
    await record(make, *[Event("post.submitted") for _ in range(events.MAX_EVENTS + 1)], Event("user.registered"))
    await record(make, Event(kind, subject_id=1), Event(kind, subject_id=2))

    waiting = await make.act(lambda work: events.list_next(work, base_url=BASE_URL))

    ids = [each.id for each in waiting]
    assert [each.subject_id for each in waiting[:2]] == [1, 2]
    assert {each.kind for each in waiting[2:]} == {"post.submitted"}
    assert len(waiting) == events.MAX_EVENTS
    assert ids == [*sorted(ids)[-2:], *sorted(ids)[:-2]]
    assert (await expand_all(make))[-1].kind == "user.registered"


async def test_the_only_portal_is_found_as_such(make: Factory) -> None:
    await make.run("UPDATE portals SET host = 'feedback.example.com'")
    await record(make, Event("post.submitted"))

    assert await make.server.database.read(events.find_portals, NO_PORTAL) == [
        WaitingPortal(make.portal, "feedback.example.com", is_only=True)
    ]


async def test_workers_at_the_same_time_expand_each_event_once_in_order(make: Factory, settings: Settings) -> None:
    await expand_all(make)
    await record(make, *[Event("post.submitted", post_id=index) for index in range(250)])
    write = ConcurrentWriter(settings, make.portal, 4)

    def expand_some(work: Any) -> None:
        expand_next(work, expand_to_email, base_url=BASE_URL)

    try:
        for _ in range(6):
            assert write(*[expand_some] * 4) == [None] * 4
    finally:
        write.close()

    rows = await make.rows("SELECT event_id FROM deliveries ORDER BY id")
    expected = await make.rows("SELECT id FROM facts WHERE kind = 'post.submitted' ORDER BY id")
    assert [row["event_id"] for row in rows] == [row["id"] for row in expected]


@pytest.mark.only_on("postgresql")
async def test_another_worker_does_not_wait_for_the_one_that_expands_the_portal(make: Factory) -> None:
    await record(make, Event("post.submitted"))
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def expand_slowly() -> int:
        def hold(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
            begun.set()
            await_in_greenlet(go_on.wait())
            return []

        return await expand(make, hold)

    slow = asyncio.create_task(expand_slowly())
    await begun.wait()

    assert await expand(make, expand_to_email) == 0
    go_on.set()
    assert await slow >= 1
    assert await make.value("SELECT count(*) FROM deliveries") == 0


async def test_a_deleted_portal_takes_its_deliveries_with_it(make: Factory, outbox: OutboxFactory) -> None:
    other, _ = await make.new_portal("Other", host="other.example.com", email="other@example.com")
    endpoint = await outbox.endpoint(portal=other)
    await outbox.call(endpoint, portal=other)
    kept = await outbox.email()

    await make.act(delete_portal, portal=other)

    assert await outbox.states() == {kept: "pending"}
    assert await make.value("SELECT count(*) FROM webhooks") == 0
