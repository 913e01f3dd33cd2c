"""`earshot webhooks test`, with a real receiver."""

import hmac
import json
from collections.abc import Iterator

import pytest

from app.domain.webhooks.validation import EVENTS
from tests.cli.conftest import Cli
from tests.cli.database import Rows
from tests.support.receiver import Receiver, run_receiver

MEMBERS = {"post": {"post", "user", "portal"}, "vote": {"vote", "post", "user", "portal"}}
MEMBERS |= {"comment": {"comment", "post", "user", "portal"}}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver that may be called although it is on this machine."""
    monkeypatch.setenv("EARSHOT_OUTBOUND_ALLOW", "127.0.0.0/8")
    with run_receiver() as receiver:
        yield receiver


def create(cli: Cli, url: str, *arguments: str, dialect: str = "productlift") -> None:
    assert cli.run("webhooks", "create", "--dialect", dialect, "--url", url, *arguments).code == 0


def test_a_webhook_is_called_with_a_signed_sample(cli: Cli, receiver: Receiver, rows: Rows) -> None:
    create(cli, f"{receiver.url}?key=abc", "--event", "vote.created", "--signature-header", "X-Signature")
    secret = cli.json("webhooks", "secret")["secret"]

    result = cli.json("webhooks", "test", "1")

    (request,) = receiver.requests
    assert request.line == "POST /hook?key=abc HTTP/1.1"
    assert request.values("content-type") == ["application/json"]
    assert request.values("x-signature") == [hmac.new(secret.encode(), request.body, "sha256").hexdigest()]
    assert result == {
        "status": 200,
        "duration_ms": result["duration_ms"],
        "body": "thanks",
        "error": None,
        "request_body": request.body.decode(),
    }
    call = json.loads(request.body)
    assert call["event"] == "vote.created"
    assert list(call["data"]) == ["vote", "post", "user", "portal"]
    assert call["data"]["portal"]["title"] == "Feedback"
    assert rows("SELECT * FROM deliveries") == []


@pytest.mark.parametrize("event", EVENTS["productlift"])
def test_each_event_has_a_sample_with_its_members(event: str, cli: Cli, receiver: Receiver) -> None:
    create(cli, receiver.url)

    call = json.loads(cli.json("webhooks", "test", "1", "--event", event)["request_body"])
    again = json.loads(cli.json("webhooks", "test", "1", "--event", event)["request_body"])

    status = {"old_status", "new_status"} if event == "post.status_changed" else set()
    assert call["event"] == event
    assert call["data"].keys() == MEMBERS[event.partition(".")[0]] | status
    assert call["data"]["post"]["title"] == "A sample post"
    assert call["id"] != again["id"]


def test_a_sample_is_about_the_newest_post(cli: Cli, receiver: Receiver, rows: Rows) -> None:
    create(cli, receiver.url)
    rows(
        "INSERT INTO posts (portal_id, board_id, user_id, code, slug, title, status_id, status_changed_at, created_at,"
        " updated_at, description) SELECT 1, b.id, u.id, 'aaaaaa', 'dark-mode', 'Dark mode', s.id, u.created_at,"
        f" u.created_at, u.created_at, '{'long ' * 500_000}' FROM boards b, users u, statuses s"
        " WHERE b.is_default AND s.is_default"
    )

    call = json.loads(cli.json("webhooks", "test", "1", "--event", "post.status_changed")["request_body"])

    assert call["data"]["post"]["title"] == "Dark mode"
    assert call["data"]["post"]["url"] == "http://127.0.0.1:8000/p/dark-mode-aaaaaa"
    assert call["data"]["user"]["email"] == "owner@example.com"
    assert call["data"]["new_status"]["name"] == "New"


def test_a_response_other_than_success_is_printed_with_exit_code_1(cli: Cli, receiver: Receiver) -> None:
    create(cli, receiver.url)
    cli.json("webhooks", "disable", "1")
    receiver.status, receiver.body = 422, b"no such hook"

    done = cli.run("webhooks", "test", "1")
    with_json = cli.run("webhooks", "test", "1", "--json")

    assert (done.code, done.err) == (1, "")
    head, empty, body = done.out.splitlines()
    assert (head.split(" after ")[0], empty, body) == ("422", "", "no such hook")
    assert with_json.code == 1
    assert json.loads(with_json.out)["error"] == "the receiver responded 422"


def test_a_call_that_gets_no_response_says_why(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_receiver() as receiver:
        create(cli, f"{receiver.url}?key=secret-key")

        done = cli.run("webhooks", "test", "1")

    assert (done.code, receiver.requests) == (1, [])
    assert done.out.startswith("the call failed: ")
    assert "EARSHOT_OUTBOUND_ALLOW" in done.out
    assert "secret-key" not in done.out + done.err


def test_an_unknown_event_or_webhook_is_not_called(cli: Cli, receiver: Receiver) -> None:
    create(cli, receiver.url)

    assert "there is no event new_post: choose among post.created" in cli.usage_error(
        "webhooks", "test", "1", "--event", "new_post"
    )
    assert cli.error("webhooks", "test", "2") == "there is no webhook 2"
    assert receiver.requests == []
