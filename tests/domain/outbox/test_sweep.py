"""Old deliveries, events and tokens are deleted, and nothing else."""

from datetime import datetime, timedelta

from app.application import Application
from app.domain.events import Event
from app.domain.outbox import sweep
from app.domain.outbox.deliveries import NewDelivery
from app.domain.users import sign_in_requests
from app.outbox.assembly import sweep_all
from tests.conftest import TestClock
from tests.support.factory import Factory
from tests.support.outbox import OutboxFactory
from tests.support.worker import RecordingSender

KEEP = timedelta(days=30)
MAIL = {"email": RecordingSender()}


def as_text(timestamp: datetime) -> str:
    return timestamp.isoformat(" ", "microseconds")[:26]


async def add_token(make: Factory, user: int, purpose: str, *, expires_at: datetime, used: bool = False) -> None:
    used_at = "created_at" if used else "NULL"
    await make.run(
        "INSERT INTO one_time_tokens (portal_id, user_id, purpose, digest, created_at, expires_at) VALUES "
        f"(:at, :user, :purpose, :digest, '2026-01-01 00:00:00', '{as_text(expires_at)}')",
        at=make.portal,
        user=user,
        purpose=purpose,
        digest=f"{purpose}{user}",
    )
    await make.run(f"UPDATE one_time_tokens SET used_at = {used_at} WHERE digest = '{purpose}{user}'")


async def test_finished_deliveries_and_expanded_events_are_deleted_by_age(
    make: Factory, server: Application, outbox: OutboxFactory, clock: TestClock
) -> None:
    clock.set(clock())
    begin = clock()
    number = sweep.MAX_BATCH + 7
    await make.run("UPDATE facts SET expanded_at = created_at")
    old = await outbox.add([NewDelivery("webhook", "post.created") for _ in range(number)])
    await make.act(lambda work: work.record_all([Event("vote.cast")] * number))
    await make.run("UPDATE deliveries SET state = 'delivered', finished_at = created_at")
    await make.run("UPDATE facts SET expanded_at = created_at")
    pending = await outbox.call(None)
    await make.act(lambda work: work.record(Event("vote.cast")))
    clock.advance(days=29)
    recent = await outbox.email()
    await make.act(lambda work: work.record(Event("vote.cast")))
    await make.run("UPDATE deliveries SET state = 'failed', finished_at = created_at WHERE id = :id", id=recent)
    await make.run("UPDATE facts SET expanded_at = created_at WHERE id = (SELECT max(id) FROM facts)")

    await sweep_all(server.database, KEEP, channels=MAIL)
    assert len(await outbox.states()) == number + 2
    clock.set(begin + KEEP + timedelta(seconds=1))
    await sweep_all(server.database, KEEP, channels=MAIL)

    assert old[0] not in await outbox.states()
    assert await outbox.states() == {pending: "pending", recent: "failed"}
    rest = await make.rows("SELECT expanded_at FROM facts ORDER BY id")
    assert [row["expanded_at"] is None for row in rest] == [True, False]


async def test_expired_tokens_are_deleted_later(make: Factory, server: Application, clock: TestClock) -> None:
    clock.set(clock())
    user = await make.user()
    await add_token(make, user, "invitation", expires_at=clock() - KEEP - timedelta(seconds=1))
    await add_token(make, user, "password_reset", expires_at=clock() - KEEP + timedelta(seconds=1))
    await add_token(make, user, "email_confirmation", expires_at=clock() + timedelta(days=1))

    await sweep_all(server.database, KEEP, channels=MAIL)

    rest = await make.rows("SELECT purpose FROM one_time_tokens ORDER BY id")
    assert [row["purpose"] for row in rest] == ["password_reset", "email_confirmation"]


async def test_emails_whose_token_cannot_be_used_any_more_are_ended_and_emptied(
    make: Factory, server: Application, outbox: OutboxFactory, clock: TestClock
) -> None:
    clock.set(clock())
    users = {name: await make.user() for name in ("expired", "used", "valid", "failed", "claimed")}
    emails = {
        name: await outbox.email(kind="invitation", user_id=user, payload="sealed", is_encrypted=True)
        for name, user in users.items()
    }
    emails["other"] = await outbox.email(user_id=users["expired"], payload="ids")
    soon, past = clock() + timedelta(hours=1), clock() - timedelta(seconds=1)
    await add_token(make, users["valid"], "invitation", expires_at=soon)
    await add_token(make, users["expired"], "invitation", expires_at=past)
    await add_token(make, users["expired"], "password_reset", expires_at=soon)
    await add_token(make, users["used"], "invitation", expires_at=soon, used=True)
    await make.run("UPDATE deliveries SET state = 'failed' WHERE id = :id", id=emails["failed"])
    await make.run(
        f"UPDATE deliveries SET claim = 'x', due_at = '{as_text(soon)}' WHERE id = :id", id=emails["claimed"]
    )

    await sweep_all(server.database, KEEP, channels=MAIL)

    result = {}
    for name, email in emails.items():
        row = await outbox.row(email)
        result[name] = row["state"], row["payload"], row["error"]
    assert result == {
        "expired": ("cancelled", None, "its link has expired"),
        "used": ("cancelled", None, "its link has expired"),
        "valid": ("pending", "sealed", None),
        "failed": ("failed", None, None),
        "claimed": ("pending", "sealed", None),
        "other": ("pending", "ids", None),
    }


async def test_emails_to_sign_in_are_ended_when_no_link_of_the_user_can_be_used(
    make: Factory, server: Application, outbox: OutboxFactory, clock: TestClock
) -> None:
    clock.set(clock())
    users = {name: await make.user() for name in ("expired", "used", "valid")}
    emails = {
        name: await outbox.email(kind="sign_in", user_id=user, payload="sealed", is_encrypted=True)
        for name, user in users.items()
    }
    await make.act(lambda work: sign_in_requests.create_link(work, users["expired"]))
    clock.advance(minutes=15)
    for name in ("used", "valid"):
        await make.act(lambda work, name=name: sign_in_requests.create_link(work, users[name]))
    await make.act(lambda work: sign_in_requests.end_all(work, users["used"]))

    await sweep_all(server.database, KEEP, channels=MAIL)

    rows = {name: await outbox.row(email) for name, email in emails.items()}
    assert {name: (row["state"], row["payload"], row["error"]) for name, row in rows.items()} == {
        "expired": ("cancelled", None, "its link has expired"),
        "used": ("cancelled", None, "its link has expired"),
        "valid": ("pending", "sealed", None),
    }


async def test_emails_that_no_mail_server_took_are_cancelled_by_age(
    make: Factory, server: Application, outbox: OutboxFactory, clock: TestClock
) -> None:
    clock.set(clock())
    user = await make.user()
    await add_token(make, user, "invitation", expires_at=clock() + timedelta(days=60))
    old = await outbox.email(payload="ids")
    secret = await outbox.email(kind="invitation", user_id=user, payload="sealed", is_encrypted=True)
    call = await outbox.call(None)
    clock.advance(days=29)
    recent = await outbox.email()
    clock.advance(days=1, seconds=1)

    await sweep_all(server.database, KEEP, channels=MAIL)
    assert set((await outbox.states()).values()) == {"pending"}
    await sweep_all(server.database, KEEP, channels={})

    assert await outbox.states() == {old: "cancelled", secret: "cancelled", call: "pending", recent: "pending"}
    row = await outbox.row(old)
    assert (row["error"], row["payload"]) == ("there was no mail server to send it", "ids")
    assert (await outbox.row(secret))["payload"] is None
