"""What a call needs of its endpoint, and how the outcomes of deliveries change the endpoint."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from app.domain.sql import timestamps
from app.domain.webhooks import calls
from app.domain.webhooks.calls import MAX_FAILURES_IN_ROW, CallSettings
from tests.conftest import TestClock
from tests.support.factory import Factory
from tests.support.webhook_rows import CIPHER, add_delivery, add_endpoint

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
REASON = "it failed too often"


async def endpoint_row(make: Factory, webhook: int) -> tuple[bool, int, datetime | None]:
    row = await make.row("SELECT is_enabled, failures_in_row, disabled_at FROM webhooks WHERE id = :id", id=webhook)
    at = row["disabled_at"]
    return bool(row["is_enabled"]), row["failures_in_row"], None if at is None else timestamps.to_datetime(at)


async def fail(make: Factory, webhook: int, *, portal: int | None = None) -> bool:
    return await make.act(lambda work: calls.record_failure(work, webhook, reason=REASON), portal=portal)


async def succeed(make: Factory, webhook: int, *, portal: int | None = None) -> None:
    await make.act(lambda work: calls.record_success(work, webhook), portal=portal)


async def find(make: Factory, webhook: int, *, portal: int | None = None) -> CallSettings | None:
    return await make.act(lambda work: calls.find_settings(work, webhook), portal=portal)


async def test_the_settings_of_a_call_are_those_of_the_endpoint(make: Factory) -> None:
    webhook = await add_endpoint(
        make,
        headers={"X-Key": "1"},
        dialect="astuto",
        method="PUT",
        signature_header="X-Signature",
        signature_encoding="base64",
        is_enabled=False,
    )

    settings = await find(make, webhook)

    assert settings is not None
    texts = (settings.url, settings.headers, settings.secret)
    assert [CIPHER.decrypt(str(text)) for text in texts] == [
        "https://hooks.example.com/hook",
        '{"X-Key": "1"}',
        "an endpoint's secret",
    ]
    assert settings == CallSettings(False, "astuto", "PUT", *texts, "X-Signature", "base64")


async def test_an_endpoint_without_a_secret_has_that_of_its_portal(make: Factory) -> None:
    other, _ = await make.new_portal("Other", host="other.example.com", email="other@example.com")
    for portal in (make.portal, other):
        await make.run("UPDATE portals SET webhook_secret = :secret WHERE id = :id", secret=f"of {portal}", id=portal)
    webhook = await add_endpoint(make, secret=None, portal=other)

    settings = await find(make, webhook, portal=other)

    assert settings is not None
    assert (settings.secret, settings.headers) == (f"of {other}", None)


async def test_no_secret_at_all_is_none(make: Factory) -> None:
    settings = await find(make, await add_endpoint(make, secret=None))

    assert settings is not None
    assert settings.secret is None


async def test_five_failures_in_a_row_switch_an_endpoint_off(make: Factory, clock: TestClock) -> None:
    webhook, neighbour = await add_endpoint(make), await add_endpoint(make)
    clock.set(NOW)

    results = [await fail(make, webhook) for _ in range(MAX_FAILURES_IN_ROW)]

    assert MAX_FAILURES_IN_ROW == 5
    assert results == [False, False, False, False, True]
    assert await endpoint_row(make, webhook) == (False, 5, NOW)
    assert await endpoint_row(make, neighbour) == (True, 0, None)


async def test_failures_of_an_endpoint_that_is_off_do_not_switch_it_off_again(make: Factory, clock: TestClock) -> None:
    webhook = await add_endpoint(make)
    clock.set(NOW)
    for _ in range(MAX_FAILURES_IN_ROW):
        await fail(make, webhook)
    clock.advance(hours=1)

    assert await fail(make, webhook) is False
    assert await endpoint_row(make, webhook) == (False, 6, NOW)


async def test_an_endpoint_that_the_team_switched_off_keeps_no_time(make: Factory) -> None:
    webhook = await add_endpoint(make, is_enabled=False, failures_in_row=4)

    assert await fail(make, webhook) is False
    assert await endpoint_row(make, webhook) == (False, 5, None)


async def test_a_success_resets_the_count_and_switches_nothing_on(make: Factory, clock: TestClock) -> None:
    webhook = await add_endpoint(make)
    clock.set(NOW)
    for _ in range(MAX_FAILURES_IN_ROW - 1):
        await fail(make, webhook)

    await succeed(make, webhook)
    assert await endpoint_row(make, webhook) == (True, 0, None)

    for _ in range(MAX_FAILURES_IN_ROW):
        await fail(make, webhook)
    await succeed(make, webhook)
    assert await endpoint_row(make, webhook) == (False, 0, NOW)


async def test_concurrent_failures_are_all_counted(make: Factory) -> None:
    webhook = await add_endpoint(make)

    results = await asyncio.gather(*(fail(make, webhook) for _ in range(8)))

    assert sorted(results) == [False] * 7 + [True]
    assert (await endpoint_row(make, webhook))[:2] == (False, 8)


async def test_switching_off_cancels_what_waits_for_the_endpoint(make: Factory, clock: TestClock) -> None:
    webhook, neighbour = await add_endpoint(make), await add_endpoint(make)
    waiting = await add_delivery(make, webhook)
    secret = await add_delivery(make, webhook, is_encrypted=True)
    on_its_way = await add_delivery(make, webhook)
    delivered = await add_delivery(make, webhook)
    elsewhere = await add_delivery(make, neighbour)
    await make.run("UPDATE deliveries SET claim = 'c' WHERE id = :id", id=on_its_way.id)
    await make.run("UPDATE deliveries SET state = 'delivered' WHERE id = :id", id=delivered.id)
    clock.set(NOW)

    assert await make.act(lambda work: calls.switch_off(work, webhook, reason=REASON)) is True

    assert await endpoint_row(make, webhook) == (False, 0, NOW)
    rows = await make.rows("SELECT id, state, error, payload, finished_at FROM deliveries ORDER BY id")
    assert [(row["id"], row["state"], row["error"], row["payload"]) for row in rows] == [
        (waiting.id, "cancelled", REASON, waiting.payload),
        (secret.id, "cancelled", REASON, None),
        (on_its_way.id, "pending", None, on_its_way.payload),
        (delivered.id, "delivered", None, delivered.payload),
        (elsewhere.id, "pending", None, elsewhere.payload),
    ]
    finished: list[Any] = [row["finished_at"] and timestamps.to_datetime(row["finished_at"]) for row in rows]
    assert finished == [NOW, NOW, None, None, None]
    assert await make.act(lambda work: calls.switch_off(work, webhook, reason="again")) is False


async def test_endpoints_of_another_portal_are_not_reached(make: Factory) -> None:
    other, _ = await make.new_portal("Other", host="other.example.com", email="other@example.com")
    webhook = await add_endpoint(make, failures_in_row=4)
    await add_delivery(make, webhook)

    assert await find(make, webhook, portal=other) is None
    assert await fail(make, webhook, portal=other) is False
    await succeed(make, webhook, portal=other)
    assert await make.act(lambda work: calls.switch_off(work, webhook, reason=REASON), portal=other) is False

    assert await endpoint_row(make, webhook) == (True, 4, None)
    assert await make.value("SELECT state FROM deliveries") == "pending"
