"""Mail that a reader asks for, and mail that is due at a time of the day, from a server that delivers itself."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import httpx
import pytest

from app.adapters.database import create_database
from app.outbox.mail.scheduled import queue_scheduled_mail
from tests.faults.test_crash_recovery import url_of
from tests.outbox.processes.test_operation import ONE_CLICK, SENDER, find_link, text_of
from tests.server.test_serve import key_of, until
from tests.support.commands import SECONDS, Earshot
from tests.support.forms import send_form_over_http
from tests.support.outbox_processes import Api, count, run_json
from tests.support.processes import free_port
from tests.support.smtp_sink import Sink, run_sink
from tests.support.sql import rows, script


@dataclass
class Portal:
    """A running server with a mail server."""

    earshot: Earshot
    url: str
    address: str
    productlift: Api
    astuto: Api
    sink: Sink

    def add_user(self, name: str, *, role: str = "member") -> Any:
        """A user who is not invited, as ProductLift shows it."""
        return self.productlift.post("/users", email=f"{name}@example.com", role=role, skip_email=True)

    def post_form(self, path: str, **fields: str) -> int:
        """Send a form, and return the status of the page."""
        return send_form_over_http(self.address, path, fields, seconds=SECONDS).status_code

    def wait_for_emails(self, name: str, number: int = 1) -> list[EmailMessage]:
        """The emails to the user, when as many have arrived and nothing waits."""
        until(lambda: len(self.emails_to(name)) >= number)
        self.wait()
        return self.emails_to(name)

    def emails_to(self, name: str) -> list[EmailMessage]:
        return [email for email in self.sink.messages if f"{name}@example.com" in email["to"]]

    def wait(self) -> None:
        """Wait until all events have been taken up, and all that is due was sent."""
        until(lambda: count(self.url, "facts WHERE expanded_at IS NULL") == 0)
        until(lambda: count(self.url, "deliveries WHERE state = 'pending'") == 0)

    def queue_scheduled(self, now: datetime) -> None:
        """Do at this time what a worker does once a minute."""

        async def find_address(portal_id: int) -> str:
            return self.address

        async def queue() -> None:
            database = create_database(self.url, clock=lambda: now)
            await database.open()
            try:
                await queue_scheduled_mail(database, find_address)
            finally:
                await database.close()

        asyncio.run(queue())

    def assert_emptied(self, kind: str) -> None:
        """The queued email had the link, and is emptied."""
        assert rows(self.url, f"SELECT payload FROM deliveries WHERE kind = '{kind}'") == [(None,)]


@pytest.fixture(scope="module")
def portal(shared_earshot: Earshot) -> Iterator[Portal]:
    # Links in mail have this port.
    port = str(free_port())
    with run_sink() as sink:
        mail = {"EARSHOT_SMTP_URL": f"smtp://127.0.0.1:{sink.port}", **SENDER}
        with shared_earshot.serving("--port", port, EARSHOT_PORT=port, **mail) as serving:
            productlift, astuto = Api(serving, key_of(serving, "ProductLift")), Api(serving, key_of(serving, "Astuto"))
            yield Portal(shared_earshot, url_of(shared_earshot), serving.address, productlift, astuto, sink)


def test_a_password_is_reset_by_its_email(portal: Portal) -> None:
    portal.add_user("rae")
    for email in ("rae@example.com", "nobody@example.com"):
        assert portal.post_form("/password-reset", email=email) == 200
    (email,) = portal.wait_for_emails("rae")
    link = find_link(text_of(email), "/password-reset")
    form = {"token": link.partition("?token=")[2], "password": "harbor-lantern-42"}

    assert httpx.get(link, timeout=SECONDS).status_code == 200
    statuses = [portal.post_form("/password-reset", **form) for _ in range(2)]
    _, notice = portal.wait_for_emails("rae", 2)

    assert email["subject"] == "[Feedback] Reset your password"
    assert "The link is valid for one hour." in text_of(email)
    assert statuses == [200, 410]
    assert notice["subject"] == "[Feedback] Your password was changed"
    assert portal.emails_to("nobody") == []
    portal.assert_emptied("password_reset")


def test_an_address_is_confirmed_by_its_email(portal: Portal) -> None:
    user = portal.add_user("sam")["database_id"]
    is_confirmed = f"users WHERE id = {user} AND email_confirmed_at IS NOT NULL"
    assert portal.post_form("/confirm-email", email="Sam@example.com") == 200
    (email,) = portal.wait_for_emails("sam")
    link = find_link(text_of(email), "/confirm-email")

    assert httpx.get(link, timeout=SECONDS).status_code == 200
    assert count(portal.url, is_confirmed) == 0
    token = link.partition("?token=")[2]
    assert [portal.post_form("/confirm-email", token=token) for _ in range(2)] == [200, 410]

    assert email["subject"] == "[Feedback] Confirm your email address"
    assert count(portal.url, is_confirmed) == 1
    portal.assert_emptied("email_confirmation")


def test_a_digest_is_sent_when_it_is_due(portal: Portal) -> None:
    tom = portal.add_user("tom")
    portal.productlift.post("/posts", title="Offline mode", user_id=tom["id"])
    run_json(portal.earshot, "users", "notifications", "tom@example.com", "--kind", "comment", "--cadence", "daily")
    for text in ("First of two", "Second of two"):
        portal.astuto.post("/comments", body=text, post_id=find_post(portal, "Offline mode"))
    portal.wait()
    portal.queue_scheduled(datetime.now(UTC))
    assert portal.emails_to("tom") == []

    script(portal.url, "UPDATE digest_items SET due_at = created_at")
    portal.queue_scheduled(datetime.now(UTC))
    (email,) = portal.wait_for_emails("tom")

    assert email["subject"] == "[Feedback] 2 new notifications"
    assert text_of(email).count(" of two") == 2
    assert count(portal.url, "digest_items") == 0
    assert httpx.post(email["list-unsubscribe"].strip("<>"), data=ONE_CLICK, timeout=SECONDS).status_code == 200
    shown = run_json(portal.earshot, "users", "notifications", "tom@example.com")
    assert (shown["kinds"]["comment"], shown["kinds"]["reply"]) == ("never", "at_once")


def test_a_summary_for_the_team_is_sent_when_it_is_due(portal: Portal) -> None:
    portal.add_user("uma", role="admin")
    run_json(portal.earshot, "users", "notifications", "uma@example.com", "--recap", "daily")
    for title in ("Shortcuts", "Templates"):
        portal.productlift.post("/posts", title=title, user_id=portal.add_user(f"author-of-{title}")["id"])
    published = count(portal.url, "posts WHERE moderation = 'approved'")
    portal.wait()

    now = datetime.now(UTC)
    three = now.replace(hour=15, minute=0, second=0, microsecond=0)
    portal.queue_scheduled(three if three > now else three + timedelta(days=1))
    script(portal.url, "UPDATE deliveries SET due_at = (SELECT min(created_at) FROM portals) WHERE kind = 'recap'")
    (email,) = portal.wait_for_emails("uma")

    assert email["subject"] == "[Feedback] Daily recap of feedback space activity"
    assert f"{published} new posts were published." in text_of(email)
    assert httpx.post(email["list-unsubscribe"].strip("<>"), data=ONE_CLICK, timeout=SECONDS).status_code == 200
    assert run_json(portal.earshot, "users", "notifications", "uma@example.com")["recap"] == "never"


def find_post(portal: Portal, title: str) -> int:
    (post_id,) = (post["id"] for post in portal.astuto.request("GET", "/posts") if post["title"] == title)
    return int(post_id)
