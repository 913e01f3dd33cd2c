"""Notifications that waited for days for a mail server are not sent any more."""

from datetime import UTC, datetime, timedelta

import pytest

from app.outbox.assembly import load_email
from tests.conftest import TestClock
from tests.outbox.mail.test_sender import claim
from tests.support.factory import Factory

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "age", "earlier_attempts", "reason"),
    [
        ("comment", timedelta(days=3), 0, "the recipient was deleted"),
        ("comment", timedelta(days=3, seconds=1), 0, "it is older than three days"),
        ("comment", timedelta(days=20), 10, "the recipient was deleted"),
        ("digest", timedelta(days=20), 0, "it is older than three days"),
        ("invitation", timedelta(days=20), 0, "its content was deleted"),
    ],
)
async def test_only_mail_about_accounts_and_what_was_repeated_on_demand_is_sent_after_three_days(
    make: Factory, clock: TestClock, kind: str, age: timedelta, earlier_attempts: int, reason: str
) -> None:
    clock.set(NOW)
    created_at = (NOW - age).isoformat(sep=" ")
    delivery = claim(make.portal, kind, user_id=None, created_at=created_at, earlier_attempts=earlier_attempts)

    assert await make.act(lambda work: load_email(work, delivery)) == reason
