"""Webhooks in Astuto's format: `earshot webhooks preview` and `test`, and templates that are refused."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from app.adapters.encryption import SecretCipher
from app.domain.events import StoredEvent
from app.domain.outbox.deliveries import NewDelivery
from app.domain.posts import comments
from app.domain.posts.create import NewPost, create_post
from app.domain.unit_of_work import UnitOfWork
from app.domain.webhooks.validation import EVENTS
from app.outbox.webhooks.astuto import AstutoExpander
from tests.cli.conftest import Cli
from tests.cli.database import Rows, write_in_portal
from tests.conftest import SECRET
from tests.support.outbox import expand_next
from tests.support.receiver import Receiver, run_receiver

URL = "https://hooks.example.com/{{ post.id }}?key=s3cret&slug={{ post.slug }}"
BODY = """{
  "site": "{{ tenant.site_name }}", "title": "{{ post.title | escape_json }}", "author": "{{ post_author.full_name }}",
  "board": "{{ board.name }}", "status": "{{ post_status.name }}", "comment": "{{ comment.body | escape_json }}",
  "people": "{{ comment_author.email }}{{ vote_author.email }}{{ user.email }}", "url": "{{ post.url }}"
}"""
BLANK = dict.fromkeys(("title", "author", "board", "status", "comment", "people", "url"), "")
INVENTED = {
    "title": "A sample post",
    "author": "Owner",
    "board": "Feature Requests",
    "url": "http://127.0.0.1:8000/posts/sample-post",
}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver that may be called although it is on this machine."""
    monkeypatch.setenv("EARSHOT_OUTBOUND_ALLOW", "127.0.0.0/8")
    with run_receiver() as receiver:
        yield receiver


def create(cli: Cli, *arguments: str, url: str = URL, body: str | None = BODY) -> None:
    stdin = () if body is None else ("--body-stdin",)
    done = cli.run("webhooks", "create", "--dialect", "astuto", "--url", url, *stdin, *arguments, stdin=body or "")
    assert done.code == 0, done


def add_post(cli: Cli, title: str, *, status_id: int | None = None) -> int:
    new_post = NewPost(title=title, description=None, author=cli.first_portal.owner_id, status_id=status_id)
    return write_in_portal(cli.first_portal.portal_id, lambda work: create_post(work, new_post).id)


def preview(cli: Cli, *arguments: str) -> Any:
    return cli.json("webhooks", "preview", "1", *arguments)


def test_a_preview_shows_the_request_without_secrets(cli: Cli) -> None:
    create(cli, "--method", "PUT", "--header", "Authorization: Bearer abc", "--event", "new_post")

    shown = preview(cli)
    text = cli.run("webhooks", "preview", "1").out

    assert shown == {
        "event": "new_post",
        "method": "PUT",
        "url": "https://hooks.example.com/1?key=•••&slug=•••",
        "headers": {"Authorization": "•••", "Content-Type": "application/json"},
        "body": shown["body"],
        "error": None,
    }
    assert json.loads(shown["body"]) == {"site": "Feedback", **BLANK, **INVENTED}
    assert text == (
        "PUT https://hooks.example.com/1?key=•••&slug=•••\nAuthorization: •••\nContent-Type: application/json\n\n"
        f"{shown['body']}\n"
    )


SAMPLES = {
    "new_post": INVENTED,
    "new_post_pending_approval": INVENTED,
    "delete_post": {},
    "post_status_change": {**INVENTED, "status": "Rejected"},
    "new_comment": {**INVENTED, "comment": "A sample comment", "people": "owner@example.com"},
    "new_vote": {**INVENTED, "people": "owner@example.com"},
    "new_user": {"people": "owner@example.com"},
}


@pytest.mark.parametrize("event", EVENTS["astuto"])
def test_each_event_has_an_invented_sample(event: str, cli: Cli) -> None:
    create(cli)

    body = json.loads(preview(cli, "--event", event)["body"])

    assert body == {"site": "Feedback", **BLANK, **SAMPLES[event]}


def test_a_sample_is_about_the_newest_rows_of_the_portal(cli: Cli) -> None:
    create(cli)
    portal = cli.first_portal.portal_id
    number = add_post(cli, 'Say "hi"')
    jane = cli.json("users", "create", "--email", "jane@example.com", "--name", "Jane Roe", "--role", "user")["id"]
    write_in_portal(
        portal,
        lambda work: comments.create(
            work, post_id=number, author_id=jane, body="Well\nsaid", same_post_parent=True, follow=False
        ),
    )

    body = json.loads(preview(cli, "--event", "new_comment")["body"])

    assert (body["title"], body["comment"], body["people"]) == ('Say "hi"', "Well\nsaid", "jane@example.com")


def test_a_test_call_sends_the_rendered_sample(cli: Cli, receiver: Receiver) -> None:
    create(cli, "--header", "X-Key: abc", url=f"{receiver.url}?key=s3cret&t={{{{ post.title }}}}")

    result = cli.json("webhooks", "test", "1", "--event", "new_post")

    (request,) = receiver.requests
    assert request.line == "POST /hook?key=s3cret&t=A%20sample%20post HTTP/1.1"
    assert request.values("content-type") == ["application/json"]
    assert request.values("x-key") == ["abc"]
    assert request.values("webhook-signature") != []
    assert request.body.decode() == result["request_body"] == preview(cli, "--event", "new_post")["body"]
    assert (result["status"], result["body"]) == (200, "thanks")


def test_a_template_that_fails_says_why(cli: Cli, receiver: Receiver) -> None:
    error = "the body could not be rendered: line 2: divided_by: can't divide by 0"
    create(cli, body="\n{{ 1 | divided_by: 0 }}", url=receiver.url)

    assert cli.error("webhooks", "preview", "1") == error
    assert cli.error("webhooks", "test", "1") == error
    assert receiver.requests == []


def test_a_body_that_is_not_json_is_shown_as_it_was_rendered(cli: Cli, receiver: Receiver) -> None:
    error = "the rendered body is not JSON: Expecting value at line 1, column 10 of the rendered text"
    create(cli, body='{"text": {{ post.title }}}', url=f"{receiver.url}?id={{{{ post.id }}}}")

    text, with_json = (cli.run("webhooks", "preview", "1", *json_option) for json_option in ((), ("--json",)))

    rendered = '{"text": A sample post}'
    assert (text.code, text.err) == (with_json.code, f"earshot: {error}\n") == (1, f"earshot: {error}\n")
    assert text.out == f"POST {receiver.url}?id=•••\n\n{rendered}\n"
    shown = json.loads(with_json.out)
    assert (shown["body"], shown["error"], with_json.err) == (rendered, error, "")
    assert cli.error("webhooks", "test", "1") == f"{error}; `earshot webhooks preview 1 --event new_post` prints it"
    assert receiver.requests == []


@pytest.mark.parametrize("body", [None, "", BODY])
def test_a_new_webhook_says_what_it_will_send(body: str | None, cli: Cli) -> None:
    stdin = () if body is None else ("--body-stdin",)
    url = "https://hooks.example.com/?key=s3cret"
    arguments = ("webhooks", "create", "--dialect", "astuto", "--url", url, "--method", "PUT", *stdin)

    lines = cli.run(*arguments, stdin=body or "").out.splitlines()

    call = "each call is PUT https://hooks.example.com/?key=•••"
    assert lines[:2] == [
        "webhook 1 was created",
        f"{call}, with the body that the template makes: see earshot webhooks preview 1"
        if body
        else f"{call} without a body; to add one: earshot webhooks edit 1 --body-file FILE",
    ]


@pytest.mark.parametrize(
    ("setting", "text", "error"),
    [
        ("--body-stdin", "a\n{{ post.title | escape_jsn }}", "body is not valid: line 2: unknown filter 'escape_jsn'"),
        ("--body-stdin", "{% include 'a' %}", "body is not valid: line 1: unexpected tag 'include'"),
        ("--url-stdin", "https://example.com/{{ post.id", "address is not valid: line 1: '{{' without '}}'"),
    ],
)
def test_a_template_that_does_not_parse_is_refused(setting: str, text: str, error: str, cli: Cli, rows: Rows) -> None:
    url = ("--url", "https://example.com/") if setting == "--body-stdin" else ()
    create(cli)
    stored = rows("SELECT url, body, updated_at FROM webhooks")

    create_error = cli.error("webhooks", "create", "--dialect", "astuto", *url, setting, stdin=text)
    edit_error = cli.error("webhooks", "edit", "1", setting, stdin=text)

    assert create_error == edit_error == f"the template of the {error}"
    assert rows("SELECT url, body, updated_at FROM webhooks") == stored


def test_a_webhook_in_productlifts_format_has_no_templates(cli: Cli) -> None:
    assert cli.run("webhooks", "create", "--dialect", "productlift", "--url", "https://hooks.example.com/").code == 0

    assert cli.error("webhooks", "preview", "1") == (
        "webhook 1 is in ProductLift's format, which has no templates: `earshot webhooks test 1` sends a sample"
    )


def test_an_unknown_event_or_webhook_has_no_preview(cli: Cli) -> None:
    create(cli)

    assert "there is no event post.created: choose among new_post" in cli.usage_error(
        "webhooks", "preview", "1", "--event", "post.created"
    )
    assert cli.error("webhooks", "preview", "2") == "there is no webhook 2"


def test_what_commands_do_is_sent(cli: Cli) -> None:
    create(cli, body='{"user": "{{ user.email }}", "status": "{{ post_status.name }}", "title": "{{ post.title }}"}')
    planned = next(row["id"] for row in cli.json("statuses", "list")["statuses"] if row["name"] == "Planned")
    number = add_post(cli, "Dark mode", status_id=planned)
    cli.json("users", "create", "--email", "jane@example.com", "--name", "Jane Roe", "--role", "user")
    cli.json("posts", "set-moderation", str(number), "rejected")
    cli.json("statuses", "delete", str(planned))
    cipher = SecretCipher(SECRET.encode())
    expander = AstutoExpander(cipher=cipher)
    sent: list[NewDelivery] = []

    def keep(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        calls = expander(work, event)
        sent.extend(calls)
        return calls

    write_in_portal(cli.first_portal.portal_id, lambda work: expand_next(work, keep, base_url="http://127.0.0.1"))

    def read_body(delivery: NewDelivery) -> str:
        return cipher.decrypt(json.loads(delivery.payload or "")["encrypted_body"])

    assert [(delivery.kind, json.loads(read_body(delivery))) for delivery in sent] == [
        ("new_post", {"user": "", "status": "", "title": "Dark mode"}),
        ("new_user", {"user": "jane@example.com", "status": "", "title": ""}),
        ("post_status_change", {"user": "", "status": "New", "title": "Dark mode"}),
    ]
