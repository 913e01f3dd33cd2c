"""The outbox as an operator runs it: who delivers, what waits for a mail server, and what a repeated delivery is."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from email.message import EmailMessage
from html import unescape
from typing import Any

import httpx
import pytest

from tests.faults.test_crash_recovery import url_of
from tests.server.test_serve import key_of, until
from tests.support.commands import SECONDS, Earshot
from tests.support.forms import send_form_over_http
from tests.support.outbox_processes import Api, count, create_webhook, run_json, running_outbox, verify_signature
from tests.support.receiver import Receiver, run_receiver
from tests.support.smtp_sink import Sink, run_sink
from tests.support.sql import rows

SENDER = {"EARSHOT_MAIL_FROM": "feedback@example.com"}
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@dataclass
class Portal:
    """A running server that does not deliver."""

    earshot: Earshot
    url: str
    productlift: Api
    astuto: Api
    receiver: Receiver
    sink: Sink
    secret: str

    @property
    def mail(self) -> dict[str, str]:
        """The settings of the mail server."""
        return {"EARSHOT_SMTP_URL": f"smtp://127.0.0.1:{self.sink.port}", **SENDER}

    def add_user(self, name: str) -> Any:
        """A user who is not invited, as ProductLift shows it."""
        return self.productlift.post("/users", email=f"{name}@example.com", role="member", skip_email=True)

    def add_post(self, title: str, *, author: str) -> int:
        """A post whose author is a new user, who follows it; its number."""
        self.productlift.post("/posts", title=title, user_id=self.add_user(author)["id"])
        (post_id,) = (post["id"] for post in self.astuto.request("GET", "/posts") if post["title"] == title)
        return int(post_id)

    def emails_to(self, name: str, *, subject: str = "") -> list[EmailMessage]:
        """The emails that have arrived."""
        return [
            email
            for email in self.sink.messages
            if f"{name}@example.com" in email["to"] and subject in email["subject"]
        ]

    def deliver_all(self) -> None:
        """Run a worker until nothing waits."""
        with running_outbox(self.earshot, **self.mail):
            until(lambda: count(self.url, "facts WHERE expanded_at IS NULL") == 0)
            until(lambda: count(self.url, "deliveries WHERE state = 'pending'") == 0)


@pytest.fixture(scope="module")
def portal(shared_earshot: Earshot) -> Iterator[Portal]:
    with ExitStack() as stack:
        receiver, sink = stack.enter_context(run_receiver()), stack.enter_context(run_sink())
        serving = stack.enter_context(shared_earshot.serving(EARSHOT_OUTBOX="off"))
        # Workers make links of it.
        shared_earshot.settings["EARSHOT_PORT"] = str(serving.port)
        productlift, astuto = Api(serving, key_of(serving, "ProductLift")), Api(serving, key_of(serving, "Astuto"))
        secret = create_webhook(shared_earshot, receiver.url)["new_secret"]
        yield Portal(shared_earshot, url_of(shared_earshot), productlift, astuto, receiver, sink, secret)


def test_a_process_beside_the_server_delivers_and_emails_wait_for_a_mail_server(portal: Portal) -> None:
    post_id = portal.add_post("Dark mode", author="jane")
    portal.astuto.post("/comments", body="Me too", post_id=post_id)
    portal.productlift.post("/users", email="new@example.com", role="member")
    assert count(portal.url, "deliveries") == 0
    assert portal.receiver.requests == []

    with running_outbox(portal.earshot):
        until(lambda: len(portal.receiver.requests) == 2)
        until(lambda: count(portal.url, "facts WHERE expanded_at IS NULL") == 0)
        until(lambda: count(portal.url, "deliveries WHERE state = 'delivered'") == 2)
    waiting = dict(rows(portal.url, "SELECT kind, id FROM deliveries WHERE channel = 'email' AND state = 'pending'"))
    assert set(waiting) == {"comment", "invitation"}
    assert count(portal.url, "deliveries WHERE channel = 'email' AND attempts = 0") == 2
    shown = {
        kind: run_json(portal.earshot, "outbox", "show", str(delivery))["email"] for kind, delivery in waiting.items()
    }
    assert "Me too" in shown["comment"]
    assert "/p/dark-mode-" in shown["comment"]
    link = find_link(shown["invitation"], "/invitation")
    assert httpx.get(link, timeout=SECONDS).status_code == 200

    # A mail server is set, and they are sent, with the same link.
    portal.deliver_all()
    assert [email["subject"] for email in portal.emails_to("jane")] == ['[Feedback] New comment on "Dark mode"']
    (invitation,) = portal.emails_to("new")
    assert find_link(text_of(invitation), "/invitation") == link
    assert len(portal.receiver.requests) == 2


def test_repeated_deliveries_keep_their_ids(portal: Portal) -> None:
    post_id = portal.add_post("Export", author="kim")
    portal.astuto.post("/comments", body="Me too", post_id=post_id)
    portal.deliver_all()
    calls = {
        verify_signature(call, portal.secret): call.body for call in portal.receiver.requests if b"Export" in call.body
    }
    (email,) = portal.emails_to("kim")
    ids = dict(rows(portal.url, f"SELECT uuid, id FROM deliveries WHERE post_id = {post_id}"))
    call_ids = [str(ids.pop(uuid)) for uuid in calls]
    assert len(call_ids) == 2
    ((uuid, email_id),) = ids.items()
    portal.receiver.requests.clear()
    portal.sink.envelopes.clear()

    assert run_json(portal.earshot, "outbox", "retry", str(email_id)) == {"retried": 1}
    assert run_json(portal.earshot, "webhooks", "replay", *call_ids) == {"replayed": 2}
    portal.deliver_all()

    assert {verify_signature(call, portal.secret): call.body for call in portal.receiver.requests} == calls
    assert len(portal.receiver.requests) == 2
    (repeated,) = portal.sink.messages
    assert repeated["message-id"] == email["message-id"] == f"<{uuid}@127.0.0.1>"
    assert text_of(repeated) == text_of(email)
    logged = {str(call["id"]): call for call in run_json(portal.earshot, "webhooks", "log", "1")["calls"]}
    for call_id in call_ids:
        call = logged[call_id]
        assert (call["attempts"], call["request_method"], call["request_url"]) == (2, "POST", portal.receiver.url)
        assert calls[call["uuid"]] == call["request_body"].encode()
        assert call["request_headers"].items() >= {"webhook-id": call["uuid"], "Signature": "•••"}.items()

    run_json(portal.earshot, "webhooks", "replay", "--since", "1h", "--endpoint", "1")
    portal.deliver_all()
    assert set(calls) < {verify_signature(call, portal.secret) for call in portal.receiver.requests}


def test_one_click_ends_the_emails_of_a_kind(portal: Portal) -> None:
    post_id = portal.add_post("Import", author="lea")
    portal.astuto.post("/comments", body="First", post_id=post_id)
    portal.deliver_all()
    (email,) = portal.emails_to("lea")
    link = email["list-unsubscribe"].strip("<>")

    # A scanner opens the link, and comments are mailed as before.
    for method in ("HEAD", "GET"):
        assert httpx.request(method, link, timeout=SECONDS).status_code == 200
    portal.astuto.post("/comments", body="Second", post_id=post_id)
    portal.deliver_all()
    assert len(portal.emails_to("lea")) == 2

    assert httpx.post(link, data=ONE_CLICK, timeout=SECONDS).status_code == 200
    lea = portal.productlift.request("GET", "/users/find_by_email?email=lea@example.com")["database_id"]
    own = portal.astuto.post("/comments", body="Third", post_id=post_id, impersonated_user_id=lea)
    portal.astuto.post("/comments", body="Fourth", post_id=post_id)
    portal.astuto.post("/comments", body="Fifth", post_id=post_id, parent_id=own["id"])
    portal.deliver_all()
    assert len(portal.emails_to("lea", subject="New comment")) == 2
    # Another kind is not ended.
    assert len(portal.emails_to("lea", subject="New reply")) == 1


def test_the_link_of_a_status_change_ends_the_emails_about_its_post(portal: Portal) -> None:
    mia = portal.add_user("mia")
    first, second = (portal.productlift.post("/posts", title=title, user_id=mia["id"]) for title in ("One", "Two"))
    portal.productlift.put(f"/posts/{first['id']}", status_id=2)
    portal.deliver_all()
    (email,) = portal.emails_to("mia")

    assert httpx.post(email["list-unsubscribe"].strip("<>"), data=ONE_CLICK, timeout=SECONDS).status_code == 200
    for post in (first, second):
        portal.productlift.put(f"/posts/{post['id']}", status_id=3)
    portal.deliver_all()

    assert [each["subject"] for each in portal.emails_to("mia")] == [
        '[Feedback] Status change on post "One"',
        '[Feedback] Status change on post "Two"',
    ]


def test_an_invitation_is_accepted_once(portal: Portal) -> None:
    user = portal.productlift.post("/users", email="noa@example.com", role="member", invitation_message="Join us")
    portal.deliver_all()
    (email,) = portal.emails_to("noa")
    link = find_link(text_of(email), "/invitation")
    page, _, token = link.partition("?token=")
    address = page.removesuffix("/invitation")

    # A scanner opens the link before its reader does.
    assert httpx.get(link, timeout=SECONDS).status_code == 200
    form = {"token": token, "name": "Noa Stone", "password": "harbor-lantern-42"}
    accepted = send_form_over_http(address, "/invitation", form, seconds=SECONDS)
    again = send_form_over_http(address, "/invitation", {**form, "name": "Somebody else"}, seconds=SECONDS)

    assert accepted.status_code == 200
    assert again.status_code >= 400
    assert httpx.get(link, timeout=SECONDS).status_code == again.status_code
    assert portal.productlift.request("GET", f"/users/{user['id']}")["name"] == "Noa Stone"
    # The queued email had the link, and is emptied.
    query = f"SELECT payload FROM deliveries WHERE kind = 'invitation' AND user_id = {user['database_id']}"
    assert rows(portal.url, query) == [(None,)]


def find_link(text: str, path: str) -> str:
    found = re.search(rf"http://\S+{path}\?token=[^\s<>\"]+", unescape(text))
    assert found is not None, text
    return found[0]


def text_of(email: EmailMessage) -> str:
    part = email.get_body(("plain",))
    assert isinstance(part, EmailMessage)
    return str(part.get_content())
