"""Events are expanded to deliveries: slow templates hold no lock, and an expander that fails holds back nothing."""

import json
import logging
from collections import Counter
from collections.abc import Sequence

import pytest

from app.adapters.encryption import SecretCipher
from app.application import Application
from app.domain.events import Event, StoredEvent
from app.domain.outbox.deliveries import NewDelivery
from app.domain.outbox.events import MAX_EVENTS
from app.domain.unit_of_work import UnitOfWork
from app.outbox.assembly import Channels, build_channels, build_urls
from app.outbox.expansion import Expansion
from tests.outbox.webhooks.astuto_calls import add_templates
from tests.support.extra_servers import SECRET
from tests.support.factory import Factory
from tests.support.outbox import OutboxFactory
from tests.support.sql import script
from tests.support.worker import RecordingSender, eventually, working

SLOW = "{% for i in (1..10000) %}{% if true %}{% endif %}{% endfor %}" * 100
"""Rendering it takes until the time of a template is over."""


async def are_expanded(make: Factory) -> bool:
    """Whether no event waits."""
    return bool(await make.value("SELECT count(*) FROM facts WHERE expanded_at IS NULL") == 0)


async def run_expansion(server: Application, channels: Channels) -> int:
    """Expand the events that wait, as a worker does."""
    urls = build_urls(server.settings, server.database)
    expansion = Expansion(server.database, channels.expanders, urls, call_expanders=channels.call_expanders)
    return await expansion.run()


async def test_slow_templates_do_not_keep_others_from_writing(make: Factory, server: Application) -> None:
    url = str(server.settings.database_url)

    class WritingCipher(SecretCipher):
        """Writes through another connection whenever a template is decrypted, which is between two renderings."""

        def decrypt(self, encrypted: str) -> str:
            script(url, f"UPDATE users SET name = name || '.' WHERE id = {make.owner}")
            return super().decrypt(encrypted)

    cipher = WritingCipher(SECRET.encode())
    for _ in range(2):
        await add_templates(make, body=SLOW)
    before = await make.value("SELECT name FROM users WHERE id = :owner", owner=make.owner)
    await make.post()
    channels = build_channels(server.settings, server.database, cipher, build_urls(server.settings, server.database))

    assert await run_expansion(server, channels) == 1

    payloads = [json.loads(row["payload"]) for row in await make.rows("SELECT payload FROM deliveries ORDER BY id")]
    assert [each["error"] for each in payloads] == ["the body could not be rendered: line 1: it takes too long"] * 2
    # The URL and the body of each endpoint.
    assert await make.value("SELECT name FROM users WHERE id = :owner", owner=make.owner) == f"{before}...."


@pytest.mark.parametrize("change", ["is_enabled = false", None])
async def test_an_endpoint_that_goes_while_its_call_is_made_gets_none(
    change: str | None, make: Factory, server: Application, outbox: OutboxFactory
) -> None:
    url = str(server.settings.database_url)
    kept, gone = [await outbox.endpoint(description) for description in ("Kept", "Gone")]
    await make.run("UPDATE facts SET expanded_at = created_at")
    await make.post()
    statement = f"UPDATE webhooks SET {change}" if change else "DELETE FROM webhooks"

    def make_calls(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        work.compute(lambda: script(url, f"{statement} WHERE id = {gone}"))
        return [NewDelivery("webhook", "post.created", webhook_id=each) for each in (gone, kept)]

    assert await run_expansion(server, Channels(call_expanders=[make_calls])) == 1

    assert [row["webhook_id"] for row in await make.rows("SELECT webhook_id FROM deliveries")] == [kept]


async def test_calls_of_events_that_another_worker_has_stored_meanwhile_are_not_stored_again(
    make: Factory, server: Application, outbox: OutboxFactory
) -> None:
    url = str(server.settings.database_url)
    endpoint = await outbox.endpoint()
    await make.run("UPDATE facts SET expanded_at = created_at")
    first, second = [await make.post() for _ in range(2)]

    def make_calls(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        if event.post_id == second:
            work.compute(lambda: script(url, f"UPDATE facts SET expanded_at = created_at WHERE post_id = {first}"))
        return [NewDelivery("webhook", "post.created", webhook_id=endpoint, post_id=event.post_id)]

    def make_emails(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        return [NewDelivery("email", "new_post", post_id=event.post_id)]

    channels = Channels(expanders=[make_emails], call_expanders=[make_calls])
    assert await run_expansion(server, channels) == 1

    stored = await make.rows("SELECT channel, post_id FROM deliveries ORDER BY id")
    assert [(row["channel"], row["post_id"]) for row in stored] == [("email", second), ("webhook", second)]


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


async def test_a_portal_whose_events_can_not_be_stored_holds_back_no_other(
    make: Factory, server: Application, caplog: pytest.LogCaptureFixture
) -> None:
    other, _ = await make.new_portal("Other", host="other.example.com", email="other@example.com")
    await make.run("UPDATE facts SET expanded_at = created_at")
    attempts: Counter[int] = Counter()

    def expand(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        attempts[work.portal_id] += 1
        return [NewDelivery("fax" if work.portal_id == make.portal else "email", "x")]  # type: ignore[arg-type]

    urls = build_urls(server.settings, server.database)
    expansion = Expansion(server.database, [expand], urls, retry_seconds=60)
    counts = []
    with caplog.at_level(logging.ERROR, "earshot.outbox"):
        for _ in range(3):
            for portal in (make.portal, other):
                await make.act(lambda work: work.record(Event("post.submitted")), portal=portal)
            counts.append(await expansion.run())

    assert counts == [1, 1, 1]
    assert attempts == {make.portal: 1, other: 3}
    assert [record.getMessage() for record in caplog.records] == [
        f"the events of portal {make.portal} could not be expanded, and are retried in 60 seconds"
    ]


async def test_a_portal_with_many_events_gets_one_batch_at_a_time(make: Factory, server: Application) -> None:
    other, _ = await make.new_portal("Other", host="other.example.com", email="other@example.com")
    await make.run("UPDATE facts SET expanded_at = created_at")
    for portal, number in ((make.portal, MAX_EVENTS * 3), (other, 1)):
        await make.act(
            lambda work, number=number: [work.record(Event("post.submitted")) for _ in range(number)], portal=portal
        )

    assert await run_expansion(server, Channels()) == MAX_EVENTS + 1
    assert await make.value("SELECT count(*) FROM facts WHERE portal_id = :id AND expanded_at IS NULL", id=other) == 0


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
