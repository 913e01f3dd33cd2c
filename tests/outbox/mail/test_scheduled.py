"""Digests and staff summaries: once for each recipient and time, however many processes look for them."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from app.adapters.database import Database, create_database
from app.domain.notifications import choices, digests
from app.domain.posts import follows, moderation, publishing
from app.domain.users import deletion
from app.outbox.mail.scheduled import queue_scheduled_mail
from tests.conftest import TestClock
from tests.support.factory import Factory
from tests.support.stored_events import BASE_URL, queue_notifications

SATURDAY = datetime(2026, 11, 28, 12, tzinfo=UTC)
DUE = SATURDAY.replace(hour=15)


@pytest.fixture(autouse=True)
def stopped_clock(clock: TestClock) -> None:
    """It is Saturday noon."""
    clock.set(SATURDAY)


@pytest_asyncio.fixture
async def second_process(make: Factory, database_url: str, clock: TestClock) -> AsyncIterator[Database]:
    """The database as another process opens it."""
    database = create_database(database_url, clock=clock)
    await database.open()
    yield database
    await database.close()


async def queue(*databases: Database) -> None:
    async def find_base_url(portal_id: int) -> str:
        return BASE_URL

    await asyncio.gather(*(queue_scheduled_mail(database, find_base_url) for database in databases))


async def queued(make: Factory, kind: str) -> list[dict[str, Any]]:
    """The emails of a kind, with their payload."""
    rows = await make.rows("SELECT * FROM deliveries WHERE kind = :kind ORDER BY id", kind=kind)
    return [{**row, "payload": json.loads(row["payload"])} for row in rows]


async def payloads(make: Factory, kind: str) -> list[tuple[int, Mapping[str, Any]]]:
    return [(row["user_id"], row["payload"]) for row in await queued(make, kind)]


async def follower(make: Factory, post: int, cadence: str, *, role: str = "user") -> int:
    """A user who follows the post, and is told of updates with this cadence."""
    user = await make.user(role=role)
    await make.act(lambda work: follows.add(work, post_id=post, user_id=user))
    await make.act(lambda work: choices.set_choice(work, user, "post_update", cadence))
    return user


class TestDigests:
    async def test_a_digest_has_the_events_since_the_last_one(self, make: Factory, clock: TestClock) -> None:
        one, two = await make.post(), await make.post()
        jane = await follower(make, one, "daily")
        await make.act(lambda work: follows.add(work, post_id=two, user_id=jane))
        updates = [(post, await make.comment(post, official=True)) for post in (two, one)]
        await queue_notifications(make)

        await queue(make.server.database)
        before = await queued(make, "digest")
        clock.set(DUE)
        later = await make.comment(one, official=True)
        await queue_notifications(make)
        await queue(make.server.database)
        await queue(make.server.database)

        assert before == []
        (digest,) = await queued(make, "digest")
        assert {name: digest[name] for name in ("channel", "user_id", "post_id", "event_id", "state")} == {
            "channel": "email",
            "user_id": jane,
            "post_id": None,
            "event_id": None,
            "state": "pending",
        }
        items = [["post_update", post, comment] for post, comment in updates]
        assert digest["payload"] == {"base_url": BASE_URL, "items": items}
        # What happened at 15:00 is in the digest of the next day.
        assert await make.rows("SELECT subject_id FROM digest_items") == [{"subject_id": later}]
        clock.set(DUE + timedelta(days=1))
        await queue(make.server.database)
        assert (await payloads(make, "digest"))[1:] == [
            (jane, {"base_url": BASE_URL, "items": [["post_update", one, later]]})
        ]
        assert await make.value("SELECT count(*) FROM digest_items") == 0

    async def test_a_weekly_digest_waits_for_monday(self, make: Factory, clock: TestClock) -> None:
        post = await make.post()
        jane = await follower(make, post, "weekly")
        await make.comment(post, official=True)
        await queue_notifications(make)

        sent = []
        for days in range(4):
            clock.set(DUE + timedelta(days=days))
            await queue(make.server.database)
            sent.append([user for user, _ in await payloads(make, "digest")])

        assert sent == [[], [], [jane], [jane]]

    async def test_daily_and_weekly_items_of_a_monday_are_one_digest(self, make: Factory, clock: TestClock) -> None:
        post = await make.post()
        jane = await follower(make, post, "weekly")
        update = await make.comment(post, official=True)
        await queue_notifications(make)
        clock.advance(days=2)
        await make.act(lambda work: choices.set_choice(work, jane, "post_update", "daily"))
        second = await make.comment(post, official=True)
        await queue_notifications(make)

        clock.set(DUE + timedelta(days=2, hours=3))
        await queue(make.server.database)

        (digest,) = await queued(make, "digest")
        assert digest["payload"]["items"] == [["post_update", post, update], ["post_update", post, second]]

    async def test_a_long_digest_is_sent_as_several(
        self, make: Factory, clock: TestClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(digests, "MAX_ITEMS", 2)
        post = await make.post()
        jane = await follower(make, post, "daily")
        updates = [await make.comment(post, official=True) for _ in range(5)]
        await queue_notifications(make)

        clock.set(DUE)
        await queue(make.server.database)

        sent = [(user, [item[2] for item in payload["items"]]) for user, payload in await payloads(make, "digest")]
        assert sent == [(jane, updates[:2]), (jane, updates[2:4]), (jane, updates[4:])]

    async def test_the_digests_of_many_users_and_portals_are_made_once_by_two_processes(
        self, make: Factory, clock: TestClock, second_process: Database
    ) -> None:
        elsewhere, other_owner = await make.new_portal("Ideas", host="ideas.example.com", email="owner@example.com")
        number = digests.MAX_BATCH + 1
        values = "'post_update', 1, 'daily', created_at, created_at"
        await make.run(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :number) "
            "INSERT INTO users (portal_id, uuid, name, created_at, updated_at) "
            "SELECT p.id, 'uuid' || i, 'Jane', p.created_at, p.created_at FROM n, portals p WHERE p.id = :id",
            number=number,
            id=make.portal,
        )
        for event in (1, 2):
            await make.run(
                "INSERT INTO digest_items (portal_id, user_id, event_id, kind, post_id, cadence, due_at, created_at) "
                f"SELECT portal_id, id, {event}, {values} FROM users WHERE name = 'Jane' OR id = {other_owner}"
            )

        clock.set(DUE)
        await queue(make.server.database, second_process)

        sent = await make.rows("SELECT portal_id, user_id, payload FROM deliveries")
        assert len({row["user_id"] for row in sent}) == len(sent) == number + 1
        assert {len(json.loads(row["payload"])["items"]) for row in sent} == {2}
        assert [row["portal_id"] for row in sent if row["user_id"] == other_owner] == [elsewhere]
        assert await make.value("SELECT count(*) FROM digest_items") == 0

    async def test_the_deletion_of_a_user_deletes_waiting_items(self, make: Factory) -> None:
        post = await make.post()
        jane, joe = await follower(make, post, "daily"), await follower(make, post, "daily")
        await make.comment(post, official=True)
        await queue_notifications(make)

        await make.act(lambda work: deletion.delete(work, jane, with_content=False))

        assert await make.rows("SELECT user_id FROM digest_items") == [{"user_id": joe}]


class TestRecaps:
    async def staff(self, make: Factory, recap: str = "daily", *, role: str = "moderator") -> int:
        user = await make.user(role=role)
        await make.act(lambda work: choices.set_recap(work, user, recap))
        return user

    async def test_each_member_of_the_team_gets_the_counts_of_the_period(self, make: Factory, clock: TestClock) -> None:
        clock.set(DUE - timedelta(days=1, microseconds=1))
        await make.post()
        clock.advance(microseconds=1)
        moderator, admin = await self.staff(make), await self.staff(make, role="admin")
        await make.act(lambda work: choices.set_recap(work, make.owner, "daily"))
        for author in (moderator, admin, admin, await make.user()):
            await make.post(author=author)
        pending, rejected, hidden = [await make.post(moderation="pending") for _ in range(3)]
        await make.act(lambda work: moderation.reject(work, rejected))
        await make.act(lambda work: moderation.approve(work, hidden))
        await make.act(lambda work: publishing.toggle(work, hidden))

        clock.set(DUE)
        await make.post()
        await queue(make.server.database)

        day = {"base_url": BASE_URL, "frequency": "daily", "pending": 1}
        assert await payloads(make, "recap") == [
            (make.owner, {**day, "published": 4}),
            (moderator, {**day, "published": 3}),
            (admin, {**day, "published": 2}),
        ]
        assert pending not in (rejected, hidden)

    async def test_each_frequency_has_its_days_and_its_period(self, make: Factory, clock: TestClock) -> None:
        clock.set(datetime(2027, 1, 1, 16, tzinfo=UTC))
        users = {name: await self.staff(make, name) for name in ("daily", "weekly", "monthly")}
        names = {user: name for name, user in users.items()}
        sent: dict[str, list[tuple[str, int]]] = {}
        for day in range(31):
            # A post after 15:00 and one before it belong to the summary of the next day.
            for hour in (16, 38):
                clock.set(datetime(2027, 1, 1, tzinfo=UTC) + timedelta(days=day, hours=hour))
                await make.post()
            before = len(await queued(make, "recap"))
            clock.set(datetime(2027, 1, 2, 15, tzinfo=UTC) + timedelta(days=day))
            await queue(make.server.database)
            for user, payload in (await payloads(make, "recap"))[before:]:
                sent.setdefault(f"{clock():%Y-%m-%d}", []).append((names[user], payload["published"]))

        assert len(sent) == 31
        others = {date: mails for date, mails in sent.items() if mails != [("daily", 2)]}
        assert others == {
            # Since 1 January at 16:00.
            "2027-01-04": [("daily", 2), ("weekly", 6)],
            **{f"2027-01-{day}": [("daily", 2), ("weekly", 14)] for day in (11, 18, 25)},
            "2027-02-01": [("daily", 2), ("weekly", 14), ("monthly", 62)],
        }

    async def test_nothing_is_sent_if_there_is_nothing_new(self, make: Factory, clock: TestClock) -> None:
        jane = await self.staff(make)
        await make.post(author=jane)
        clock.set(DUE)
        before = await make.rows("SELECT * FROM deliveries")

        await queue(make.server.database)

        assert await make.rows("SELECT * FROM deliveries") == before == []

    async def test_pending_posts_are_reason_enough(self, make: Factory, clock: TestClock) -> None:
        jane = await self.staff(make)
        await make.post(author=jane, moderation="pending")

        clock.set(DUE)
        await queue(make.server.database)

        expected = {"base_url": BASE_URL, "frequency": "daily", "published": 0, "pending": 1}
        assert await payloads(make, "recap") == [(jane, expected)]

    async def test_a_late_summary_is_sent_once_and_on_its_day_only(
        self, make: Factory, clock: TestClock, second_process: Database
    ) -> None:
        jane, joe = await self.staff(make), await self.staff(make)
        await make.post()

        for hour in (14, 20, 20, 23):
            clock.set(SATURDAY.replace(hour=hour))
            await queue(make.server.database, second_process)
        clock.set(DUE + timedelta(hours=10))
        await queue(make.server.database, second_process)

        assert [(row["user_id"], row["dedup_key"]) for row in await queued(make, "recap")] == [
            (jane, f"recap:{jane}:2026-11-28"),
            (joe, f"recap:{joe}:2026-11-28"),
        ]

    async def test_a_summary_that_was_missed_all_day_is_not_sent(self, make: Factory, clock: TestClock) -> None:
        await self.staff(make)
        await make.post()

        clock.set(DUE + timedelta(hours=23))
        await queue(make.server.database)

        assert await queued(make, "recap") == []

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE users SET role = 'user' WHERE id = :id",
            "UPDATE users SET notifications_enabled = false WHERE id = :id",
            "UPDATE users SET recap = 'never' WHERE id = :id",
            "UPDATE users SET blocked_at = created_at WHERE id = :id",
            "UPDATE users SET email = NULL, email_key = NULL WHERE id = :id",
        ],
    )
    async def test_who_gets_no_mail_gets_no_summary(self, make: Factory, clock: TestClock, change: str) -> None:
        jane, joe = await self.staff(make), await self.staff(make)
        await make.post()
        await make.run(change, id=jane)

        clock.set(DUE)
        await queue(make.server.database)

        assert [user for user, _ in await payloads(make, "recap")] == [joe]

    async def test_a_summary_counts_the_posts_of_its_portal_only(self, make: Factory, clock: TestClock) -> None:
        elsewhere, other_owner = await make.new_portal("Ideas", host="ideas.example.com", email="owner@example.com")
        await make.act(lambda work: choices.set_recap(work, other_owner, "daily"), portal=elsewhere)
        jane = await self.staff(make)
        await make.post()
        writer = await make.user(portal=elsewhere)
        for _ in range(2):
            await make.post(author=writer, portal=elsewhere)

        clock.set(DUE)
        await queue(make.server.database)

        sent = await make.rows("SELECT portal_id, user_id, payload FROM deliveries")
        assert sorted((row["portal_id"], row["user_id"], json.loads(row["payload"])["published"]) for row in sent) == [
            (make.portal, jane, 1),
            (elsewhere, other_owner, 2),
        ]
