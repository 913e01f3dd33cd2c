"""Which endpoints of ProductLift's format get an event. docs/contracts/productlift.md, section 10.1."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.adapters.storage.signed_urls import FileSigner
from app.domain.events import StoredEvent
from app.domain.outbox.deliveries import NewDelivery
from app.domain.sql.statement import Statement
from app.domain.unit_of_work import UnitOfWork
from app.domain.webhooks import endpoints
from app.domain.webhooks.endpoints import EndpointSettings
from app.domain.webhooks.validation import EVENTS
from app.outbox.webhooks.productlift import EVENT_NAMES, ProductLiftExpander
from tests.conftest import SECRET, TestClock
from tests.outbox.webhooks.expansion import bodies, expand
from tests.outbox.webhooks.productlift_calls import (
    MONDAY,
    cause_every_event,
    endpoint,
    portal_of,
)
from tests.support.clients import Client
from tests.support.counting import Counting
from tests.support.factory import Factory


@pytest.mark.parametrize(
    "selected", [(), *((name,) for name in EVENTS["productlift"]), ("vote.created", "post.deleted")]
)
async def test_an_endpoint_gets_the_events_that_it_selects(
    selected: tuple[str, ...], make: Factory, productlift: Client, expander: ProductLiftExpander
) -> None:
    webhook = await endpoint(make, *selected)
    await endpoint(make, dialect="astuto")
    await cause_every_event(make, productlift)

    deliveries = await expand(make, expander)

    wanted = selected or EVENTS["productlift"]
    assert {delivery.kind for delivery in deliveries} == set(wanted)
    assert {delivery.webhook_id for delivery in deliveries} == {webhook}


async def test_every_endpoint_and_every_repetition_has_the_same_id_and_another_event_another(
    make: Factory, productlift: Client, expander: ProductLiftExpander, clock: TestClock
) -> None:
    webhooks = [await endpoint(make) for _ in range(3)]
    await cause_every_event(make, productlift)

    deliveries = await expand(make, expander)
    await make.run("UPDATE facts SET expanded_at = NULL")
    same_secret = ProductLiftExpander(secret=SECRET.encode(), signer=FileSigner(SECRET.encode(), clock=clock))
    again = await expand(make, same_secret)

    assert [delivery.webhook_id for delivery in deliveries[:3]] == webhooks
    by_event: dict[Any, set[str]] = {}
    for delivery, call in zip(deliveries, bodies(deliveries), strict=True):
        by_event.setdefault(delivery.event_id, set()).add(call["id"])
    assert len(by_event) == len({name for ids in by_event.values() for name in ids}) == len(EVENT_NAMES)
    assert {call["id"] for call in bodies(deliveries)} == {call["id"] for call in bodies(again)}


async def test_only_enabled_endpoints_of_the_portal_get_what_happened_since_they_were_added(
    make: Factory, expander: ProductLiftExpander, clock: TestClock
) -> None:
    clock.set(MONDAY)
    other, other_owner = await make.new_portal("Feedback", host="ideas.example.com", email="owner@example.com")
    foreign = await endpoint(make, portal=other)
    disabled = await endpoint(make)
    await make.act(lambda work: endpoints.disable(work, disabled))
    await make.post(title="Too early")
    clock.advance(seconds=1)
    webhook = await make.act(
        lambda work: endpoints.add(
            work, dialect="productlift", settings=EndpointSettings(url="https://a.example"), encrypt=str
        )
    )
    await make.post(title="Ours")
    await make.post(title="Theirs", author=other_owner, portal=other)

    ours = await expand(make, expander)
    theirs = await expand(make, expander, portal=other)

    for deliveries, id_, title, portal in ((ours, webhook, "Ours", None), (theirs, foreign, "Theirs", other)):
        assert [delivery.webhook_id for delivery in deliveries] == [id_]
        (call,) = bodies(deliveries)
        assert call["data"]["post"]["title"] == title
        assert call["data"]["portal"] == await portal_of(make, portal)


async def test_what_counts_is_whether_an_endpoint_is_enabled_when_the_event_is_taken_up(
    make: Factory, expander: ProductLiftExpander
) -> None:
    webhook = await endpoint(make)
    await make.act(lambda work: endpoints.disable(work, webhook))
    await make.post(title="Taken up while it is disabled")
    assert await expand(make, expander) == []
    await make.post(title="Taken up later")
    await make.act(lambda work: endpoints.enable(work, webhook))

    calls = bodies(await expand(make, expander))

    assert [call["data"]["post"]["title"] for call in calls] == ["Taken up later"]


async def test_a_portal_without_endpoints_costs_one_read_for_all_its_events(
    make: Factory, productlift: Client, expander: ProductLiftExpander
) -> None:
    await cause_every_event(make, productlift)

    assert await count_statements(make, expander) == 1


async def test_the_statements_of_an_event_do_not_depend_on_the_number_of_endpoints(
    make: Factory, productlift: Client, expander: ProductLiftExpander
) -> None:
    counts = []
    for _ in range(3):
        await endpoint(make)
        await cause_every_event(make, productlift)
        counts.append(await count_statements(make, expander))

    assert len(set(counts)) == 1


async def count_statements(make: Factory, expander: ProductLiftExpander) -> int:
    """How many statements the expander runs for the events that wait."""
    statements: list[Statement] = []

    def expand_counted(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        connection = work._connection
        work._connection = counting = Counting(connection)
        try:
            return expander(work, event)
        finally:
            work._connection = connection
            statements.extend(counting.statements)

    await expand(make, expand_counted)
    return len(statements)
