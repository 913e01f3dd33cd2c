"""What happens through either API or a command reaches the right endpoints and people, once, from a real server."""

import hmac
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from tests.faults.test_crash_recovery import url_of
from tests.server.test_serve import key_of, until
from tests.support.commands import Earshot
from tests.support.outbox_processes import Api, count, create_webhook, run_json, verify_signature
from tests.support.raw_receiver import ReceivedRequest
from tests.support.receiver import Receiver, run_receiver
from tests.support.smtp_sink import Sink, run_sink

SECRET = "an own secret of the endpoint"
BODY = '{"title": "{{ post.title | escape_json }}", "comment": "{{ comment.body | escape_json }}"}'


@dataclass
class Story:
    """What arrived when all had happened."""

    url: str
    address: str
    secret: str
    calls: list[ReceivedRequest]
    """In ProductLift's format."""
    rendered: list[ReceivedRequest]
    """In Astuto's format."""
    emails: list[EmailMessage]

    @property
    def envelopes(self) -> list[dict[str, Any]]:
        return [json.loads(call.body) for call in self.calls]

    def emails_of(self, subject: str) -> list[EmailMessage]:
        return [email for email in self.emails if email["subject"] == f"[Feedback] {subject}"]


@pytest.fixture(scope="module")
def story(shared_earshot: Earshot) -> Iterator[Story]:
    """A post and all that happens to it, with an endpoint of each format."""
    with run_receiver() as receiver, run_receiver() as templates, run_sink() as sink:
        yield tell(shared_earshot, receiver, templates, sink)


def tell(earshot: Earshot, receiver: Receiver, templates: Receiver, sink: Sink) -> Story:
    url, mail = url_of(earshot), {"EARSHOT_SMTP_URL": f"smtp://127.0.0.1:{sink.port}"}
    with earshot.serving(EARSHOT_MAIL_FROM="feedback@example.com", **mail) as serving:
        productlift, astuto = Api(serving, key_of(serving, "ProductLift")), Api(serving, key_of(serving, "Astuto"))
        jane, bob, off, blocked = (add_user(productlift, name) for name in ("jane", "bob", "off", "blocked"))
        add_user(productlift, "fay")
        add_user(productlift, "ann", role="admin")
        secret = create_webhook(earshot, receiver.url)["new_secret"]
        astuto_url = f"{templates.url}?post={{{{ post.id }}}}"
        run_json(
            earshot,
            *("webhooks", "create", "--dialect", "astuto", "--url", astuto_url, "--method", "PUT"),
            *("--header", "X-Board: ours", "--body-file", str(write_template(earshot))),
        )
        run_json(earshot, "users", "notifications", "ann@example.com", "--kind", "new_post", "--cadence", "at_once")
        run_json(earshot, "users", "notifications", "off@example.com", "--off")

        post = productlift.post("/posts", title="Dark mode", user_id=jane["id"])
        post_id = astuto.request("GET", "/posts")[0]["id"]
        for user in (bob, off, blocked):
            productlift.post(f"/posts/{post['id']}/votes/{user['id']}")
        astuto.put(f"/users/{blocked['database_id']}/block")
        run_json(earshot, "follows", "add", "--post", post["id"], "--user", "fay@example.com")
        comment = astuto.post("/comments", body="Me too", post_id=post_id, impersonated_user_id=bob["database_id"])
        productlift.post(f"/posts/{post['id']}/comments", comment="Thanks", parent_id=comment["id"], user_id=jane["id"])
        productlift.post(f"/posts/{post['id']}/comments", comment="Among us", internal=True)
        astuto.post("/comments", body="It is coming", post_id=post_id, is_post_update=True)
        astuto.put(f"/posts/{post_id}/update_status", post_status_id=3)
        productlift.put(f"/posts/{post['id']}", status_id=4)
        export = astuto.post("/posts", title="Export", board_id=1)
        vote = astuto.post("/votes", post_id=export["id"])
        astuto.request("DELETE", f"/votes/{vote['id']}")
        productlift.post("/users", email="new@example.com", role="member", invitation_message="Join us")
        run_json(earshot, "users", "invite", "fay@example.com")
        until(lambda: count(url, "facts WHERE expanded_at IS NULL") == 0)
        until(lambda: count(url, "deliveries WHERE state = 'pending'") == 0)
        # Only now, because a call about a post that is gone meanwhile has less to tell.
        astuto.request("DELETE", f"/posts/{export['id']}")
        until(lambda: count(url, "facts WHERE expanded_at IS NULL") == 0)
        until(lambda: count(url, "deliveries WHERE state = 'pending'") == 0)
        assert serving.end() == 0
        assert "Traceback" not in serving.log.read_text()
        return Story(url, serving.address, secret, receiver.requests, templates.requests, sink.messages)


def add_user(api: Api, name: str, *, role: str = "member") -> Any:
    return api.post("/users", email=f"{name}@example.com", role=role, skip_email=True)


def write_template(earshot: Earshot) -> Any:
    path = earshot.folder / "body.liquid"
    path.write_text(BODY)
    return path


def test_every_delivery_is_made_at_the_first_attempt(story: Story) -> None:
    total = len(story.calls) + len(story.rendered) + len(story.emails)
    assert count(story.url, "deliveries WHERE state = 'delivered' AND attempts = 1") == total
    assert count(story.url, "deliveries") == total


def test_the_endpoint_of_productlift_gets_each_event_once(story: Story) -> None:
    events = [(each["event"], each["data"]["post"]["title"]) for each in story.envelopes]
    assert Counter(events) == {
        ("post.created", "Dark mode"): 1,
        ("vote.created", "Dark mode"): 3,
        ("comment.created", "Dark mode"): 3,
        ("post.status_changed", "Dark mode"): 2,
        ("post.created", "Export"): 1,
        ("vote.created", "Export"): 1,
        ("vote.deleted", "Export"): 1,
        ("post.deleted", "Export"): 1,
    }
    of_post = [event for event, title in events if title == "Dark mode"]
    assert of_post == [*("post.created", *["vote.created"] * 3, *["comment.created"] * 3, *["post.status_changed"] * 2)]
    assert len({each["id"] for each in story.envelopes}) == len(story.envelopes)
    statuses = [
        each["data"]["new_status"]["name"] for each in story.envelopes if each["event"] == "post.status_changed"
    ]
    assert statuses == ["In Progress", "Completed"]


def test_the_endpoint_of_astuto_gets_its_templates_rendered_for_each_event(story: Story) -> None:
    requests = Counter(
        (call.line.removesuffix(" HTTP/1.1").removeprefix("PUT /hook?post="), *json.loads(call.body).values())
        for call in story.rendered
    )
    assert requests == {
        # The post, its votes and its changes of status.
        ("1", "Dark mode", ""): 6,
        ("1", "Dark mode", "Me too"): 1,
        ("1", "Dark mode", "Thanks"): 1,
        ("1", "Dark mode", "It is coming"): 1,
        # The post and the vote, and the deletion of the post, which has its id alone.
        ("2", "Export", ""): 2,
        ("2", "", ""): 1,
        # The user who was added with an invitation.
        ("", "", ""): 1,
    }
    assert {call.values("x-board")[0] for call in story.rendered} == {"ours"}


def test_every_call_has_a_valid_signature(story: Story) -> None:
    calls = [*story.calls, *story.rendered]

    assert len({verify_signature(call, story.secret) for call in calls}) == len(calls)
    with pytest.raises(WebhookVerificationError):
        verify_signature(calls[0], SECRET)
    for call in story.calls:
        assert call.values("signature") == [hmac.digest(story.secret.encode(), call.body, "sha256").hex()]


def test_the_right_people_get_the_right_emails_once(story: Story) -> None:
    """Nobody gets one for what they did; neither do the one who switched them off and the one who is blocked."""
    emails = Counter((email["subject"].removeprefix("[Feedback] "), str(email["to"])) for email in story.emails)
    followers = ["jane@example.com", "bob@example.com", "fay@example.com"]
    assert {(subject, to.partition("<")[2].rstrip(">")): number for (subject, to), number in emails.items()} == {
        ('New post "Dark mode"', "ann@example.com"): 1,
        ('New post "Export"', "ann@example.com"): 1,
        ('New comment on "Dark mode"', "jane@example.com"): 1,
        ('New reply on your comment on post "Dark mode"', "bob@example.com"): 1,
        **{('New update for post "Dark mode"', follower): 1 for follower in followers},
        **{('Status change on post "Dark mode"', follower): 2 for follower in followers},
        ("You are invited to Feedback", "new@example.com"): 1,
        ("You are invited to Feedback", "fay@example.com"): 1,
    }


def test_emails_about_a_post_are_one_thread_and_can_be_ended(story: Story) -> None:
    assert len({email["message-id"] for email in story.emails}) == len(story.emails)
    for email in story.emails:
        assert email["auto-submitted"] == "auto-generated"
        assert email["from"] == "Feedback <feedback@example.com>"
        if "invited" in email["subject"]:
            assert (email["in-reply-to"], email["list-unsubscribe"]) == (None, None)
            continue
        thread = "<post-1@127.0.0.1>" if "Dark mode" in email["subject"] else "<post-2@127.0.0.1>"
        assert (email["in-reply-to"], email["references"]) == (thread, thread)
        assert email["list-unsubscribe"].startswith(f"<{story.address}/unsubscribe?token=")
        assert email["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"


def test_emails_say_what_happened_and_no_more(story: Story) -> None:
    (reply,) = story.emails_of('New reply on your comment on post "Dark mode"')
    assert "Thanks" in text_of(reply)
    for update in story.emails_of('New update for post "Dark mode"'):
        assert "It is coming" in text_of(update)
    statuses = Counter(
        name
        for email in story.emails_of('Status change on post "Dark mode"')
        for name in ("In Progress", "Completed")
        if name in text_of(email)
    )
    assert set(statuses) == {"In Progress", "Completed"}
    assert any("Join us" in text_of(email) for email in story.emails)
    sent = [text_of(email) for email in story.emails] + [call.body.decode() for call in (*story.calls, *story.rendered)]
    assert not any("Among us" in text for text in sent)


def text_of(email: EmailMessage) -> str:
    part = email.get_body(("plain",))
    assert isinstance(part, EmailMessage)
    return str(part.get_content())
