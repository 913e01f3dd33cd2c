"""Rules of webhook endpoints."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.errors import Conflict, FieldError, Forbidden, NotFound, ValidationFailed
from app.domain.permissions import Actor
from app.domain.unit_of_work import UnitOfWork
from app.domain.webhooks import endpoints
from app.domain.webhooks.endpoints import EndpointSettings, Subscription
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.concurrency import ConcurrentWriter
from tests.support.errors import error_from
from tests.support.factory import Factory
from tests.support.webhook_rows import add_delivery

URL = "https://hooks.example.com/in"
NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)


def add(settings: EndpointSettings | None = None, dialect: str = "productlift") -> Callable[[UnitOfWork], int]:
    given = settings or EndpointSettings(url=URL)
    return lambda work: endpoints.add(work, dialect=dialect, settings=given, encrypt=lambda text: f"<{text}>")


async def test_what_may_contain_a_secret_is_stored_as_the_caller_encrypts_it(make: Factory) -> None:
    settings = EndpointSettings(
        url=URL, description="Chat", headers={"X-Key": "k"}, body="{}", secret="own-secret", method="PUT"
    )
    webhook = await make.act(add(settings, "astuto"))

    row = await make.row("SELECT * FROM webhooks")

    assert (row["url"], row["headers"], row["body"], row["secret"]) == (
        f"<{URL}>",
        '<{"X-Key": "k"}>',
        "<{}>",
        "<own-secret>",
    )
    assert (row["id"], row["description"], row["method"], row["events"]) == (webhook, "Chat", "PUT", "[]")


async def test_an_edit_changes_only_what_is_given(make: Factory) -> None:
    settings = EndpointSettings(url=URL, headers={"X-Key": "k"}, body="{}", secret="own-secret", events=["new_vote"])
    webhook = await make.act(add(settings, "astuto"))

    async def edit(**changes: Any) -> dict[str, Any]:
        before = await make.row("SELECT * FROM webhooks")
        changed = EndpointSettings(**changes)
        await make.act(lambda work: endpoints.edit(work, webhook, changed, encrypt=str.upper))
        after = await make.row("SELECT * FROM webhooks")
        return {name: after[name] for name in after if after[name] != before[name] and name != "updated_at"}

    assert await edit() == {}
    assert await edit(description="Chat", events=[]) == {"description": "Chat", "events": "[]"}
    assert await edit(headers=None, secret=None) == {"headers": None, "secret": None}
    assert await edit(url="https://b.example") == {"url": "HTTPS://B.EXAMPLE"}
    assert await edit(body=None, method="DELETE", description=None) == {
        "body": None,
        "method": "DELETE",
        "description": None,
    }


async def test_only_the_operator_may_use_the_rules(make: Factory) -> None:
    webhook = await make.act(add())
    owner = Actor(user_id=make.owner, role="owner")
    before = await make.rows("SELECT * FROM webhooks")

    for operation in (
        add(),
        lambda work: endpoints.edit(work, webhook, EndpointSettings(url=URL), encrypt=str),
        lambda work: endpoints.delete(work, webhook),
        lambda work: endpoints.enable(work, webhook),
        lambda work: endpoints.disable(work, webhook),
        lambda work: endpoints.get(work, webhook),
        endpoints.list_all,
        endpoints.get_secret,
        lambda work: endpoints.ensure_secret(work, encrypt=str),
        lambda work: endpoints.set_secret(work, "a new secret", encrypt=str),
    ):
        await error_from(make.act(operation, actor=owner), Forbidden)
    assert await make.rows("SELECT * FROM webhooks") == before


async def test_another_portal_has_its_own_endpoints_and_secret(make: Factory) -> None:
    other, _ = await make.new_portal("Ideas", host="ideas.example.com", email="owner@example.com")
    settings = EndpointSettings(url=URL, description="Chat")
    mine = await make.act(add(settings))
    theirs = await make.act(add(settings), portal=other)
    await make.act(lambda work: endpoints.set_secret(work, "my own secret", encrypt=str))
    before = await make.rows("SELECT * FROM webhooks ORDER BY id")

    for operation in (
        lambda work: endpoints.edit(work, theirs, EndpointSettings(url="https://b.example"), encrypt=str),
        lambda work: endpoints.delete(work, theirs),
        lambda work: endpoints.enable(work, theirs),
        lambda work: endpoints.disable(work, theirs),
        lambda work: endpoints.get(work, theirs),
    ):
        assert (await error_from(make.act(operation), NotFound)).resource == "webhook"
    assert await make.rows("SELECT * FROM webhooks ORDER BY id") == before
    assert [row["id"] for row in await make.act(endpoints.list_all)] == [mine]
    assert [row.webhook_id for row in await make.act(lambda w: endpoints.list_subscriptions(w, "productlift"))] == [
        mine
    ]
    assert await make.act(endpoints.get_secret) == "my own secret"
    assert await make.act(endpoints.get_secret, portal=other) is None


async def test_all_errors_are_reported_and_nothing_is_stored(make: Factory) -> None:
    settings = EndpointSettings(url="ftp://a.example", events=["new_post"], secret="short", method="PUT")

    error = await error_from(make.act(add(settings)), ValidationFailed)

    assert [(each.field, each.code) for each in error.errors] == [
        ("method", "other_dialect"),
        ("url", "not_http"),
        ("event", "unknown_event"),
        ("secret", "length"),
    ]
    missing = await error_from(make.act(add(EndpointSettings())), ValidationFailed)
    assert missing.errors == [FieldError("url", "mandatory")]
    assert await make.rows("SELECT * FROM webhooks") == []


async def test_an_edit_to_a_taken_description_changes_nothing(make: Factory) -> None:
    await make.act(add(EndpointSettings(url=URL, description="Chat")))
    second = await make.act(add())
    changes = EndpointSettings(url="https://b.example", description="Chat")
    before = await make.rows("SELECT * FROM webhooks")

    error = await error_from(make.act(lambda work: endpoints.edit(work, second, changes, encrypt=str)), Conflict)

    assert error.code == "webhook.description_taken"
    assert await make.rows("SELECT * FROM webhooks") == before


async def test_of_concurrent_calls_only_as_many_succeed_as_there_is_room(make: Factory, settings: Settings) -> None:
    for _ in range(8):
        await make.act(add())

    with closing(ConcurrentWriter(settings, make.portal, lanes=4)) as write:
        errors = write(*[add()] * 4)

    assert sorted(error.code if isinstance(error, Conflict) else "" for error in errors) == [
        *("", ""),
        *("webhook.too_many", "webhook.too_many"),
    ]
    assert await make.value("SELECT count(*) FROM webhooks") == endpoints.MAX_ENDPOINTS == 10


async def test_of_concurrent_calls_one_makes_the_secret_of_the_portal(make: Factory, settings: Settings) -> None:
    new: list[str | None] = []

    def ensure(work: UnitOfWork) -> None:
        new.append(endpoints.ensure_secret(work, encrypt=str))

    with closing(ConcurrentWriter(settings, make.portal, lanes=4)) as write:
        errors = write(*[ensure] * 4)

    assert errors == [None] * 4
    (secret,) = [value for value in new if value is not None]
    assert await make.act(endpoints.get_secret) == secret


async def test_calls_that_wait_when_an_endpoint_is_disabled_are_cancelled_for_good(make: Factory) -> None:
    webhook = await make.act(add())
    neighbour = await make.act(add())
    for endpoint in (webhook, neighbour):
        await add_delivery(make, endpoint)

    await make.act(lambda work: endpoints.disable(work, webhook))
    await make.act(lambda work: endpoints.enable(work, webhook))

    rows = await make.rows("SELECT webhook_id, state, error FROM deliveries ORDER BY id")
    assert [tuple(row.values()) for row in rows] == [
        (webhook, "cancelled", "the endpoint was disabled"),
        (neighbour, "pending", None),
    ]


async def test_a_disabled_endpoint_and_another_dialect_have_no_subscription(make: Factory, clock: TestClock) -> None:
    clock.set(NOON)
    first = await make.act(add(EndpointSettings(url=URL, events=["vote.created", "post.deleted"])))
    second = await make.act(add())
    await make.act(add(dialect="astuto"))

    def read(work: UnitOfWork) -> list[Subscription]:
        return endpoints.list_subscriptions(work, "productlift")

    subscriptions = [
        Subscription(first, frozenset({"vote.created", "post.deleted"}), NOON),
        Subscription(second, frozenset(), NOON),
    ]
    assert await make.act(read) == subscriptions
    await make.act(lambda work: endpoints.disable(work, first))
    assert await make.act(read) == subscriptions[1:]
    await make.act(lambda work: endpoints.enable(work, first))
    assert await make.act(read) == subscriptions


@pytest.mark.parametrize(
    ("event", "seconds", "is_wanted"),
    [("vote.created", 0, True), ("vote.created", -1, False), ("vote.deleted", 0, False), ("vote.created", 9, True)],
)
def test_a_subscription_is_for_its_events_since_it_exists(event: str, seconds: int, is_wanted: bool) -> None:
    subscription = Subscription(1, frozenset({"vote.created"}), NOON)

    assert subscription.wants(event, occurred_at=NOON + timedelta(seconds=seconds)) is is_wanted
    everything = Subscription(1, frozenset(), NOON)
    assert everything.wants(event, occurred_at=NOON + timedelta(seconds=seconds)) is (seconds >= 0)


async def test_enabling_forgets_the_failures(make: Factory) -> None:
    webhook = await make.act(add())
    await make.run("UPDATE webhooks SET is_enabled = false, failures_in_row = 5, disabled_at = created_at")

    await make.act(lambda work: endpoints.enable(work, webhook))

    row = await make.row("SELECT is_enabled, failures_in_row, disabled_at FROM webhooks")
    assert (bool(row["is_enabled"]), row["failures_in_row"], row["disabled_at"]) == (True, 0, None)


async def test_the_calls_of_a_deleted_endpoint_are_cancelled_and_stay_in_the_log(make: Factory) -> None:
    webhook = await make.act(add())
    await make.run(
        "INSERT INTO deliveries (portal_id, uuid, channel, kind, webhook_id, due_at, created_at)"
        " SELECT portal_id, 'u', 'webhook', 'vote.created', id, created_at, created_at FROM webhooks"
    )

    await make.act(lambda work: endpoints.delete(work, webhook))

    assert await make.rows("SELECT uuid, webhook_id, state, error FROM deliveries") == [
        {"uuid": "u", "webhook_id": None, "state": "cancelled", "error": "the endpoint was deleted"}
    ]
