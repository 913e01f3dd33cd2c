"""Two portals on one server: what happens in one reaches its own endpoints and people, and nobody of the other."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from tests.faults.test_crash_recovery import url_of
from tests.server.test_serve import key_of, until
from tests.support.commands import Earshot
from tests.support.outbox_processes import Api, count, run_json, verify_signature
from tests.support.raw_receiver import ReceivedRequest
from tests.support.receiver import Receiver, run_receiver
from tests.support.smtp_sink import run_sink

HOSTS = ("first.example.com", "second.example.com")
TEMPLATE = '{"title": "{{ post.title | escape_json }}", "portal": "{{ tenant.site_name | escape_json }}"}'
SHARED = "both@example.com"
"""An address that has an account in each portal."""


@dataclass
class Portal:
    """One of the portals, and what has arrived for it."""

    earshot: Earshot
    host: str
    api: Api
    secret: str
    """That signs its calls."""
    calls: list[ReceivedRequest]
    member_id: str
    """The shared address."""

    @property
    def name(self) -> str:
        """A part of the titles of its posts, and the local part of its people's addresses."""
        return self.host.partition(".")[0]

    @property
    def titles(self) -> list[str]:
        """The titles of the posts that its endpoints were called about."""
        bodies = [json.loads(call.body) for call in self.calls]
        return [body["data"]["post"]["title"] if "data" in body else body["title"] for body in bodies]

    def list_deliveries(self) -> list[str]:
        """The kinds of its deliveries."""
        listed = run_json(self.earshot, "outbox", "list", "--portal", self.host)["deliveries"]
        return sorted(row["kind"] for row in listed)


@dataclass
class Story:
    """What arrived when the same things had happened in both portals."""

    portals: list[Portal]
    emails: list[EmailMessage]

    def emails_of(self, portal: Portal) -> list[EmailMessage]:
        """The emails about its posts."""
        return [email for email in self.emails if f"Idea of {portal.name}" in email["subject"]]


def add_recipients(earshot: Earshot, api: Api, receiver: Receiver, host: str) -> Portal:
    """An endpoint of each format, an administrator who is told of new posts, and the shared address as a member."""
    name = host.partition(".")[0]
    api.post("/users", email=f"{name}@example.com", role="admin", skip_email=True)
    member = api.post("/users", email=SHARED, role="member", skip_email=True)

    def run(*arguments: str, stdin: str | None = None) -> Any:
        return run_json(earshot, *arguments, "--portal", host, stdin=stdin)

    run("users", "notifications", f"{name}@example.com", "--kind", "new_post", "--cadence", "at_once")
    secret = run("webhooks", "create", "--url", receiver.url, "--dialect", "productlift")["new_secret"]
    run("webhooks", "create", "--url", receiver.url, "--dialect", "astuto", "--body-stdin", stdin=TEMPLATE)
    return Portal(earshot, host, api, secret, receiver.requests, member["id"])


def add_second_portal(earshot: Earshot) -> str:
    """Give the first portal a host, add another one with an owner, and return the owner's key."""
    run_json(earshot, "portals", "set", "host", HOSTS[0])
    run_json(earshot, "portals", "create", "--title", "Second", "--host", HOSTS[1])
    owner = ("--portal", HOSTS[1])
    run_json(earshot, "users", "create", "--email", "owner@example.com", "--role", "owner", *owner)
    created = run_json(earshot, "keys", "create", "--user", "owner@example.com", "--dialect", "productlift", *owner)
    return str(created["key"])


@pytest.fixture(scope="module")
def story(shared_earshot: Earshot) -> Iterator[Story]:
    """A post, a vote of the shared address and a change of status in each portal, in turns."""
    earshot = shared_earshot
    with run_receiver() as one, run_receiver() as two, run_sink() as sink:
        mail = {"EARSHOT_SMTP_URL": f"smtp://127.0.0.1:{sink.port}", "EARSHOT_MAIL_FROM": "feedback@example.com"}
        with earshot.serving(**mail) as serving:
            keys = (key_of(serving, "ProductLift"), add_second_portal(earshot))
            portals = [
                add_recipients(earshot, Api(serving, key, host=host), receiver, host)
                for key, host, receiver in zip(keys, HOSTS, (one, two), strict=True)
            ]
            posts = [portal.api.post("/posts", title=f"Idea of {portal.name}") for portal in portals]
            for portal, post in zip(portals, posts, strict=True):
                portal.api.post(f"/posts/{post['id']}/votes/{portal.member_id}")
            for portal, post in zip(portals, posts, strict=True):
                status = portal.api.request("GET", "/statuses")[-1]
                portal.api.put(f"/posts/{post['id']}", status_id=status["id"])
            url = url_of(earshot)
            until(lambda: count(url, "facts WHERE expanded_at IS NULL") == 0)
            until(lambda: count(url, "deliveries WHERE state = 'pending'") == 0)
            yield Story(portals, sink.messages)
        assert "Traceback" not in serving.log.read_text()


def test_each_endpoint_is_called_for_the_posts_of_its_portal(story: Story) -> None:
    for portal in story.portals:
        # The post, the vote and the status, in each format.
        assert portal.titles == [f"Idea of {portal.name}"] * 6
        assert all(
            f"of {other.name}".encode() not in call.body for call in portal.calls for other in others(story, portal)
        )


def test_the_secret_of_a_portal_signs_its_calls_alone(story: Story) -> None:
    for portal in story.portals:
        assert len({verify_signature(call, portal.secret) for call in portal.calls}) == 6
        for other in others(story, portal):
            with pytest.raises(WebhookVerificationError):
                verify_signature(portal.calls[0], other.secret)


def test_emails_reach_the_people_of_the_portal_alone(story: Story) -> None:
    for portal in story.portals:
        recipients = {email["to"].addresses[0].addr_spec: email["subject"] for email in story.emails_of(portal)}
        assert {address: subject.partition('"')[0].partition("] ")[2] for address, subject in recipients.items()} == {
            SHARED: "Status change on post ",
            f"{portal.name}@example.com": "New post ",
        }
        for email in story.emails_of(portal):
            assert portal.host in email["list-unsubscribe"]
            assert not any(
                f"of {other.name}" in str(email) or other.host in str(email) for other in others(story, portal)
            )
    assert len(story.emails) == 4


def test_commands_show_the_deliveries_of_one_portal(story: Story) -> None:
    for portal in story.portals:
        assert portal.list_deliveries() == sorted(
            [
                *("post.created", "vote.created", "post.status_changed"),
                *("new_post", "new_vote", "post_status_change"),
                *("new_post", "status_change"),
            ]
        )


def others(story: Story, portal: Portal) -> list[Portal]:
    return [other for other in story.portals if other is not portal]
