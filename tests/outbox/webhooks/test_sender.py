"""Attempts of webhook calls with a real receiver: their outcomes, and what they change at the endpoint."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from app.adapters.encryption import SecretCipher
from app.adapters.outbound_http import OutboundClient
from app.domain.outbox.deliveries import ClaimedDelivery
from app.domain.webhooks.calls import DELETED, GONE, SWITCHED_OFF
from app.outbox.base import Outcome, Result
from app.outbox.webhooks.payload import CallPayload
from app.outbox.webhooks.request import USER_AGENT
from app.outbox.webhooks.sender import (
    OFF_AFTER_GONE,
    WebhookSender,
)
from app.outbox.webhooks.signatures import sign_body
from tests.adapters.outbound import LOOPBACK
from tests.conftest import TestClock
from tests.outbox.webhooks.endpoint_states import endpoint_state
from tests.support.factory import Factory
from tests.support.raw_receiver import hang, raw_receiver, respond, response
from tests.support.webhook_rows import CIPHER, add_delivery, add_endpoint

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BODY = '{"id": 1}'
INVALID_SECRET = "the secret of the endpoint begins with whsec_, but is not Base64"


def make_sender(make: Factory, clock: TestClock, cipher: SecretCipher = CIPHER, **options: Any) -> WebhookSender:

    client = OutboundClient(**{"allowed_networks": LOOPBACK, **options})
    return WebhookSender(make.server.database, client, cipher, clock=clock)


@pytest_asyncio.fixture
async def sender(make: Factory, clock: TestClock) -> AsyncIterator[WebhookSender]:
    """A sender that may call loopback addresses."""
    sender = make_sender(make, clock)
    yield sender
    await sender.close()


async def test_a_call_is_sent_as_the_endpoint_says(make: Factory, sender: WebhookSender) -> None:
    async with raw_receiver(respond(response("201 Created", b"thanks"))) as receiver:
        webhook = await add_endpoint(make, receiver.url, headers={"X-Key": "1", "Host": "other"}, method="PATCH")
        delivery = await add_delivery(make, webhook)

        outcome = await sender.send(delivery)

    assert outcome == Outcome(Result.DELIVERED, response_status=201, response_body="thanks")
    request = receiver.requests[0]
    assert (request.line, request.body) == ("PATCH /hook HTTP/1.1", BODY.encode())
    assert request.values("host") == [f"127.0.0.1:{receiver.port}"]
    assert request.values("x-key") == ["1"]
    assert request.values("webhook-id") == [delivery.uuid]
    assert request.values("signature") == [sign_body(BODY.encode(), "an endpoint's secret", encoding="hex")]


async def test_a_repeated_attempt_has_the_same_id_body_and_signature(
    make: Factory, sender: WebhookSender, clock: TestClock
) -> None:
    clock.set(NOW)
    async with raw_receiver(respond(response("500 Oops"))) as receiver:
        delivery = await add_delivery(make, await add_endpoint(make, receiver.url))

        await sender.send(delivery)
        clock.advance(hours=1)
        await sender.send(delivery)

    first, second = receiver.requests
    for name in ("webhook-id", "signature", "content-type"):
        assert first.values(name) == second.values(name) != []
    assert (first.body, first.values("webhook-timestamp")) == (BODY.encode(), ["1772366400"])
    assert (second.body, second.values("webhook-timestamp")) == (BODY.encode(), ["1772370000"])


async def test_the_settings_are_read_at_the_attempt(make: Factory, sender: WebhookSender) -> None:
    async with raw_receiver(respond(response())) as before, raw_receiver(respond(response())) as after:
        webhook = await add_endpoint(make, before.url)
        delivery = await add_delivery(make, webhook)
        await make.run("UPDATE webhooks SET url = :url WHERE id = :id", url=CIPHER.encrypt(after.url), id=webhook)

        await sender.send(delivery)

    assert (len(before.requests), len(after.requests)) == (0, 1)


async def test_a_rendered_url_and_an_encrypted_payload_are_used(make: Factory, sender: WebhookSender) -> None:
    async with raw_receiver(respond(response())) as receiver:
        payload = CallPayload("text", "text/plain", CIPHER.encrypt(f"{receiver.url}?key=1"))
        delivery = await add_delivery(make, await add_endpoint(make), payload, is_encrypted=True)

        outcome = await sender.send(delivery)

    assert outcome.result == Result.DELIVERED
    request = receiver.requests[0]
    assert (request.line, request.body) == ("POST /hook?key=1 HTTP/1.1", b"text")
    assert request.values("content-type") == ["text/plain"]


async def test_a_call_that_could_not_be_rendered_fails_at_once_with_the_reason(
    make: Factory, sender: WebhookSender
) -> None:
    async with raw_receiver(respond(response())) as receiver:
        webhook = await add_endpoint(make, receiver.url)

        outcome = await sender.send(
            await add_delivery(make, webhook, CallPayload(None, error="line 1: no such filter"))
        )

    assert outcome == Outcome(Result.FAILED, "line 1: no such filter", is_unsendable=True)
    assert outcome.log_error == "the template could not be rendered"
    assert receiver.connections == 0


@pytest.mark.parametrize(
    ("status", "headers", "result", "wait"),
    [
        ("200 OK", [], Result.DELIVERED, None),
        ("204 No Content", [], Result.DELIVERED, None),
        ("299 Odd", ["Retry-After: 5"], Result.DELIVERED, None),
        ("302 Found", ["Location: http://127.0.0.1/"], Result.RETRY, None),
        ("400 Bad Request", [], Result.RETRY, None),
        ("404 Not Found", [], Result.RETRY, None),
        ("408 Request Timeout", [], Result.RETRY, None),
        ("410 Gone", [], Result.FAILED, None),
        ("425 Too Early", [], Result.RETRY, None),
        ("429 Too Many Requests", ["Retry-After: 120"], Result.RETRY, 120.0),
        ("429 Too Many Requests", ["Retry-After: Sun, 01 Mar 2026 12:01:30 GMT"], Result.RETRY, 90.0),
        ("429 Too Many Requests", ["Retry-After: Sun, 01 Mar 2026 11:00:00 GMT"], Result.RETRY, 0.0),
        ("429 Too Many Requests", [f"Retry-After: {'9' * 500}"], Result.RETRY, 999999999.0),
        ("429 Too Many Requests", ["Retry-After: Sun, 01 Mar 9999 11:00:00 GMT"], Result.RETRY, 251603535600.0),
        *(("429 Too Many Requests", [f"Retry-After: {odd}"], Result.RETRY, None) for odd in ("soon", "-5", "", "1.5")),
        ("500 Internal Server Error", [], Result.RETRY, None),
        ("503 Service Unavailable", ["Retry-After: 7"], Result.RETRY, 7.0),
    ],
)
async def test_the_status_decides_the_outcome(
    make: Factory,
    sender: WebhookSender,
    clock: TestClock,
    status: str,
    headers: list[str],
    result: Result,
    wait: float | None,
) -> None:
    clock.set(NOW)
    body = b"" if status.startswith("204") else b"why"
    raw = response(status, body, *headers)
    async with raw_receiver(respond(raw.replace(b"Content-Length: 0\r\n", b""))) as receiver:
        outcome = await sender.send(await add_delivery(make, await add_endpoint(make, receiver.url)))

    code = int(status[:3])
    error = None if result == Result.DELIVERED else f"the receiver responded {code}"
    assert outcome == Outcome(result, error, code, body.decode(), wait)


async def test_410_switches_the_endpoint_off_at_once(make: Factory, sender: WebhookSender) -> None:
    async with raw_receiver(respond(response("410 Gone"))) as receiver:
        webhook = await add_endpoint(make, receiver.url)
        delivery, waiting = await add_delivery(make, webhook), await add_delivery(make, webhook)
        await make.run("UPDATE deliveries SET claim = 'claim' WHERE id = :id", id=delivery.id)

        with capture_logs() as logged:
            outcome = await sender.send(delivery)
            later = await sender.send(waiting)

    assert outcome.result == Result.FAILED
    assert [(line["event"], line["webhook"]) for line in logged] == [(OFF_AFTER_GONE, webhook)]
    assert await endpoint_state(make, webhook) == (False, 0, True)
    rows = await make.rows("SELECT state, error FROM deliveries ORDER BY id")
    assert [tuple(row.values()) for row in rows] == [("pending", None), ("cancelled", GONE)]
    assert later == Outcome(Result.CANCELLED, SWITCHED_OFF)
    assert len(receiver.requests) == 1


async def test_errors_of_the_network_are_retried(make: Factory, clock: TestClock) -> None:
    sender = make_sender(make, clock, call_timeout_seconds=0.1)
    async with raw_receiver(hang) as receiver:
        outcome = await sender.send(await add_delivery(make, await add_endpoint(make, f"{receiver.url}?key=hidden")))
    await sender.close()

    assert outcome == Outcome(Result.RETRY, f"no response from 127.0.0.1:{receiver.port} within 0.1 seconds")


async def test_private_addresses_are_not_called_unless_they_are_allowed(make: Factory, clock: TestClock) -> None:
    sender = make_sender(make, clock, allowed_networks=())
    async with raw_receiver(respond(response())) as receiver:
        outcome = await sender.send(await add_delivery(make, await add_endpoint(make, receiver.url)))
    await sender.close()

    # It is retried, because the operator can allow it.
    assert outcome == Outcome(
        Result.RETRY,
        "127.0.0.1 must not be called: 127.0.0.1 is a loopback address; "
        "EARSHOT_OUTBOUND_ALLOW can allow its network, after a restart",
    )
    assert receiver.connections == 0


@pytest.mark.parametrize(
    ("url", "columns", "error"),
    [
        ("ftp://example.com/?key=hidden", {}, "the URL must begin with http:// or https://"),
        (
            "http://127.0.0.1:1/",
            {"headers": {"X-A": "1\r\nX-B: 2"}},
            "a header of the request is not valid",
        ),
        (
            "http://127.0.0.1/",
            {"secret": "whsec_?"},
            INVALID_SECRET,
        ),
    ],
)
async def test_a_call_that_can_never_be_sent_fails_at_once(
    make: Factory, sender: WebhookSender, url: str, columns: dict[str, Any], error: str
) -> None:
    outcome = await sender.send(await add_delivery(make, await add_endpoint(make, url, **columns)))

    assert outcome == Outcome(Result.FAILED, error, is_unsendable=True)


@pytest.mark.parametrize("payload", [None, "", '{"body": "a"}'])
async def test_an_unreadable_payload_fails_at_once(make: Factory, sender: WebhookSender, payload: str | None) -> None:
    outcome = await sender.send(await add_delivery(make, await add_endpoint(make), payload))

    assert outcome == Outcome(Result.FAILED, "its content can't be read", is_unsendable=True)


async def test_with_another_secret_of_the_server_a_call_waits(make: Factory, clock: TestClock) -> None:
    sender = make_sender(make, clock, SecretCipher(b"another"))
    outcome = await sender.send(await add_delivery(make, await add_endpoint(make)))
    await sender.close()

    assert outcome == Outcome(Result.RETRY, "it is encrypted with another secret of the server")


async def test_nothing_is_sent_to_endpoints_that_are_off_or_deleted(make: Factory, sender: WebhookSender) -> None:
    other, _ = await make.new_portal("Other", host="other.example.com", email="other@example.com")
    async with raw_receiver(respond(response())) as receiver:
        off = await add_delivery(make, await add_endpoint(make, receiver.url, is_enabled=False))
        webhook = await add_endpoint(make, receiver.url)
        deleted = await add_delivery(make, webhook)
        elsewhere = await add_delivery(make, await add_endpoint(make, receiver.url, portal=other))
        await make.run("DELETE FROM webhooks WHERE id = :id", id=webhook)

        outcomes = [await sender.send(delivery) for delivery in (off, deleted, elsewhere)]
        outcomes.append(await sender.send(await add_delivery(make, None)))

    cancelled = Outcome(Result.CANCELLED, DELETED)
    assert outcomes == [Outcome(Result.CANCELLED, SWITCHED_OFF), cancelled, cancelled, cancelled]
    assert receiver.connections == 0


async def test_a_slow_receiver_does_not_hold_others(make: Factory, sender: WebhookSender) -> None:
    release = asyncio.Event()

    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(response())

    async with raw_receiver(answer_late) as slow, raw_receiver(respond(response())) as fast:
        delivery = await add_delivery(make, await add_endpoint(make, slow.url))
        waiting = asyncio.create_task(sender.send(delivery))
        webhook = await add_endpoint(make, fast.url)
        for _ in range(5):
            assert (await sender.send(await add_delivery(make, webhook))).result == Result.DELIVERED
        assert not waiting.done()
        release.set()

        assert (await waiting).result == Result.DELIVERED


async def test_a_call_keeps_its_request_for_the_log(make: Factory, sender: WebhookSender) -> None:
    async with raw_receiver(respond(response())) as receiver:
        headers = {"Authorization": "Bearer abc"}
        delivery = await add_delivery(
            make, await add_endpoint(make, f"{receiver.url}?key=s3cret", headers=headers, method="PUT")
        )

        outcome = await sender.send(delivery)

    assert "hook" not in str(outcome.request)
    request = json.loads(CIPHER.decrypt(str(outcome.request)))
    assert (request["method"], request["url"]) == ("PUT", f"{receiver.url}?key=•••")
    assert request["headers"] | headers == {
        "User-Agent": USER_AGENT,
        "Accept": "*/*",
        "Content-Type": "application/json",
        **headers,
        "Accept-Encoding": "identity",
        "webhook-id": delivery.uuid,
        "webhook-timestamp": request["headers"]["webhook-timestamp"],
        "webhook-signature": "•••",
        "Signature": "•••",
    }
    assert request["headers"]["Authorization"] == "•••"


async def test_without_the_database_a_call_is_retried(clock: TestClock, server_without_database: Any) -> None:

    sender = WebhookSender(server_without_database.database, OutboundClient(), CIPHER, clock=clock)
    delivery = ClaimedDelivery(
        id=1,
        portal_id=1,
        uuid="d-1",
        claim="claim",
        channel="webhook",
        kind="post.created",
        event_id=None,
        webhook_id=1,
        user_id=None,
        post_id=None,
        payload=None,
        is_encrypted=False,
        attempts=1,
        created_at=NOW,
    )

    assert await sender.send(delivery) == Outcome(Result.RETRY, "the database is not available")
    await sender.close()
