"""`earshot webhooks log` and `replay`."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from app.adapters.encryption import SecretCipher
from app.cli.commands.webhook_log import since_param
from app.domain.webhooks.calls import DISABLED, FAILED_IN_A_ROW, GONE, SWITCHED_OFF
from app.outbox.webhooks.payload import CallPayload
from tests.cli.conftest import Cli
from tests.cli.database import Rows
from tests.cli.webhooks import add_calls, create
from tests.conftest import SECRET


def test_calls_are_logged_with_request_and_response(cli: Cli, rows: Rows) -> None:
    create(cli)
    create(cli)
    add_calls(rows)

    def ids(*arguments: str) -> list[int]:
        return [call["id"] for call in cli.json("webhooks", "log", *arguments)["calls"]]

    calls = cli.json("webhooks", "log")["calls"]
    assert calls[1] == {
        "id": 3,
        "uuid": "uuid-3",
        "created_at": calls[1]["created_at"],
        "webhook_id": 1,
        "event": "vote.created",
        "post_id": None,
        "state": "pending",
        "attempts": 3,
        "due_at": calls[1]["created_at"],
        "attempted_at": calls[1]["created_at"],
        "finished_at": None,
        "request_method": None,
        "request_url": None,
        "request_headers": None,
        "request_body": '{"event":"x"}',
        "response_status": 500,
        "response_body": "Oops",
        "duration_ms": 12,
        "error": "it broke",
    }
    assert ids() == [4, 3, 2, 1]
    assert ids("1") == [3, 2, 1]
    assert ids("--failed") == [4, 2]
    assert ids("--failed", "--since", "6h") == [2]
    assert ids("2", "--since", "47h") == []
    assert ids("--limit", "2") == [4, 3]
    text = cli.run("webhooks", "log", "2").out
    assert text.splitlines()[0].split() == [
        *("id", "created", "at", "webhook", "id", "event", "state", "attempts", "response", "status"),
        *("duration", "ms", "error"),
    ]
    assert "it broke" in text
    cli.json("webhooks", "delete", "2")
    assert ids() == [4, 3, 2, 1]
    assert cli.run("webhooks", "log", "1", "--since", "2999-01-01").out == "no calls\n"


def test_a_body_that_is_stored_encrypted_is_shown(cli: Cli, rows: Rows) -> None:
    create(cli)
    create(cli)
    add_calls(rows)
    fields = {"content_type": None, "url": None, "error": None}

    def set_body(text: str) -> None:
        payload = json.dumps({"body": None, **fields, "encrypted_body": text})
        rows(f"UPDATE deliveries SET payload = '{payload}' WHERE id = 1")

    set_body(SecretCipher(SECRET.encode()).encrypt('{"title": "Dark mode"}'))
    shown = json.loads(cli.json("outbox", "show", "1")["payload"])
    assert cli.json("webhooks", "log", "1")["calls"][-1]["request_body"] == '{"title": "Dark mode"}'
    assert shown == {"body": '{"title": "Dark mode"}', **fields, "encrypted_body": None}

    set_body("not of this secret")
    assert cli.json("webhooks", "log", "1")["calls"][-1]["request_body"] == "•••"
    assert "encrypted with another secret key" in cli.error("outbox", "show", "1")


def test_the_url_of_a_call_is_shown_masked(cli: Cli, rows: Rows) -> None:
    create(cli)
    create(cli)
    add_calls(rows)
    cipher = SecretCipher(SECRET.encode())

    def set_url(text: str) -> None:
        payload = json.dumps({"body": None, "content_type": None, "url": text})
        rows(f"UPDATE deliveries SET payload = '{payload}' WHERE id = 1")

    set_url(cipher.encrypt("https://a.example/cards?key=secret-key"))
    done = cli.run("webhooks", "log", "1", "--json")
    assert json.loads(done.out)["calls"][-1]["request_url"] == "https://a.example/cards?key=•••"
    assert "secret-key" not in done.out
    set_url(SecretCipher(b"another secret").encrypt("https://a.example/cards"))
    assert cli.json("webhooks", "log", "1")["calls"][-1]["request_url"] == "•••"
    rows("UPDATE deliveries SET payload = NULL WHERE id = 1")
    emptied = cli.json("webhooks", "log", "1")["calls"][-1]
    assert (emptied["request_url"], emptied["request_body"]) == (None, None)


def test_the_request_of_the_last_attempt_is_shown(cli: Cli, rows: Rows) -> None:
    create(cli)
    create(cli)
    add_calls(rows)
    headers = {"Content-Type": "application/json", "Authorization": "•••"}
    request = json.dumps({"method": "PUT", "url": "https://a.example/?key=•••", "headers": headers})

    def shown(secret: str) -> list[Any]:
        rows("UPDATE deliveries SET request = :text WHERE id = 1", text=SecretCipher(secret.encode()).encrypt(request))
        call = cli.json("webhooks", "log", "1")["calls"][-1]
        return [call[f"request_{name}"] for name in ("method", "url", "headers", "body")]

    assert shown(SECRET) == ["PUT", "https://a.example/?key=•••", headers, '{"event":"x"}']
    assert shown("another secret") == [None, "•••", None, '{"event":"x"}']


def test_calls_are_repeated_with_their_id_and_body(cli: Cli, rows: Rows) -> None:
    create(cli)
    create(cli)
    add_calls(rows)
    before = rows("SELECT id, uuid, payload, webhook_id FROM deliveries ORDER BY id")

    def pending() -> list[int]:
        return [row["id"] for row in rows("SELECT id FROM deliveries WHERE state = 'pending' ORDER BY id")]

    assert cli.json("webhooks", "replay", "--since", "2h", "--endpoint", "1", "--failed") == {"replayed": 1}
    assert pending() == [2, 3]
    (row,) = rows("SELECT attempts, earlier_attempts, finished_at, response_status, error FROM deliveries WHERE id = 2")
    assert tuple(row.values()) == (3, 3, None, 500, "it broke")
    assert cli.run("webhooks", "replay", "1", "3", "1").out == "2 calls are repeated\n"
    assert pending() == [1, 2, 3]
    assert cli.json("webhooks", "replay", "--since", "3d") == {"replayed": 1}
    assert pending() == [1, 2, 3, 4]
    assert rows("SELECT id, uuid, payload, webhook_id FROM deliveries ORDER BY id") == before
    assert rows("SELECT count(*) AS n FROM deliveries WHERE due_at < created_at") == [{"n": 0}]


@pytest.mark.parametrize("reason", [SWITCHED_OFF, DISABLED, FAILED_IN_A_ROW, GONE])
def test_calls_that_a_switch_off_cancelled_are_repeated_with_the_failed_ones(reason: str, cli: Cli, rows: Rows) -> None:
    create(cli)
    create(cli)
    add_calls(rows)
    rows("UPDATE deliveries SET state = 'cancelled', error = :reason WHERE id IN (1, 3)", reason=reason)
    rows("UPDATE deliveries SET error = 'nothing to send' WHERE id = 1")
    rows("UPDATE webhooks SET is_enabled = false WHERE id = 1")
    assert [call["id"] for call in cli.json("webhooks", "log", "1", "--failed")["calls"]] == [3, 2]

    enabled = cli.run("webhooks", "enable", "1").out

    head, _, command = enabled.rpartition("earshot ")
    assert head == "webhook 1 is enabled\n2 calls failed or cancelled; to repeat: "
    assert cli.run(*command.split()).out == "2 calls are repeated\n"
    assert [row["state"] for row in rows("SELECT state FROM deliveries WHERE webhook_id = 1 ORDER BY id")] == [
        "cancelled",
        "pending",
        "pending",
    ]
    assert cli.run("webhooks", "enable", "1").out == "webhook 1 is enabled\n"


def test_calls_that_wait_are_made_due_with_their_attempts(cli: Cli, rows: Rows) -> None:
    create(cli)
    create(cli)
    add_calls(rows)
    later = "2999-01-01 00:00:00"
    rows(f"UPDATE deliveries SET due_at = '{later}', state = 'pending', finished_at = NULL WHERE id > 1")
    rows("UPDATE deliveries SET claim = 'ours', webhook_id = 1 WHERE id = 4")

    def waiting() -> list[int]:
        return [row["id"] for row in rows(f"SELECT id FROM deliveries WHERE due_at = '{later}' ORDER BY id")]

    replay = ("webhooks", "replay", "--since")
    assert cli.json(*replay, "30m", "--waiting") == {"replayed": 0}
    assert cli.json(*replay, "3d", "--endpoint", "2", "--waiting") == {"replayed": 0}
    assert cli.run(*replay, "3d", "--endpoint", "1", "--waiting").out == "2 calls are attempted now, instead of later\n"
    # The one that is being attempted, and the email.
    assert waiting() == [4, 5]
    assert rows("SELECT DISTINCT state, attempts, earlier_attempts FROM deliveries WHERE id IN (2, 3)") == [
        {"state": "pending", "attempts": 3, "earlier_attempts": 0}
    ]


def test_a_call_that_could_not_be_rendered_is_not_repeated(cli: Cli, rows: Rows) -> None:
    create(cli)
    create(cli)
    add_calls(rows)
    payload = CallPayload('{"error":"x"}, "error":"y"', error="the body could not be rendered").to_json()
    rows("UPDATE deliveries SET payload = :payload WHERE id = 2", payload=payload)
    rows("UPDATE deliveries SET payload = :payload WHERE id = 1", payload=CallPayload('{"a":1,"error":"x"}').to_json())

    assert cli.error("webhooks", "replay", "1", "2") == (
        "call 2 could not be rendered for its event, and is not rendered again, so it can't be repeated"
    )
    done = cli.run("webhooks", "replay", "--since", "2h")
    assert (done.out, done.err) == (
        "1 call is repeated\n",
        "earshot: 1 call is left out: calls that could not be rendered\n",
    )
    assert cli.run("webhooks", "enable", "1").out == "webhook 1 is enabled\n"


def test_what_is_no_call_is_not_repeated(cli: Cli, rows: Rows) -> None:
    create(cli)
    create(cli)
    add_calls(rows)
    before = rows("SELECT * FROM deliveries ORDER BY id")

    assert cli.error("webhooks", "replay", "1", "5") == "there is no call 5"
    assert cli.error("webhooks", "replay", "99") == "there is no call 99"
    assert cli.error("webhooks", "replay", "--since", "2h", "--endpoint", "9") == "there is no webhook 9"
    assert "one of the two" in cli.usage_error("webhooks", "replay")
    assert "one of the two" in cli.usage_error("webhooks", "replay", "1", "--since", "2h")
    assert "are for --since" in cli.usage_error("webhooks", "replay", "1", "--failed")
    assert "are for --since" in cli.usage_error("webhooks", "replay", "1", "--waiting")
    assert "not both" in cli.usage_error("webhooks", "replay", "--since", "2h", "--failed", "--waiting")
    assert "must be a time in UTC" in cli.usage_error("webhooks", "replay", "--since", "yesterday")
    assert "must be a time in UTC" in cli.usage_error("webhooks", "replay", "--since", "2027-13-01")
    assert rows("SELECT * FROM deliveries ORDER BY id") == before


def test_calls_of_webhooks_that_are_disabled_or_deleted_are_not_repeated(cli: Cli, rows: Rows) -> None:
    create(cli)
    create(cli)
    add_calls(rows)
    cli.json("webhooks", "disable", "1")
    cli.json("webhooks", "delete", "2")
    before = rows("SELECT * FROM deliveries ORDER BY id")

    assert cli.error("webhooks", "replay", "1") == (
        "delivery 1 can't be repeated, because webhook 1 is disabled: enable it first (earshot webhooks enable 1)"
    )
    assert cli.error("webhooks", "replay", "4") == "delivery 4 can't be repeated, because its webhook was deleted"
    assert cli.error("webhooks", "replay", "--since", "2h", "--endpoint", "1") == (
        "webhook 1 is disabled, so its calls can't be repeated: enable it first (earshot webhooks enable 1)"
    )
    everything = cli.run("webhooks", "replay", "--since", "3d")
    assert (everything.code, everything.out) == (0, "0 calls are repeated\n")
    assert everything.err == "earshot: 4 calls are left out: calls of webhooks that are disabled or deleted\n"
    assert rows("SELECT * FROM deliveries ORDER BY id") == before
    cli.json("webhooks", "enable", "1")
    one = cli.run("webhooks", "replay", "--since", "3d", "--json")
    assert json.loads(one.out) == {"replayed": 3}
    assert one.err == "earshot: 1 call is left out: calls of webhooks that are disabled or deleted\n"


def test_commands_act_in_one_portal_only(cli: Cli, rows: Rows) -> None:
    create(cli)
    create(cli)
    add_calls(rows)
    cli.json("portals", "set", "host", "feedback.example.com")
    cli.json("portals", "create", "--title", "Ideas", "--host", "ideas.example.com")
    other = ("--portal", "ideas.example.com")

    assert cli.json("webhooks", "list", *other) == {"webhooks": []}
    assert cli.json("webhooks", "log", *other) == {"calls": []}
    for command in ("show", "delete", "enable", "disable", "log"):
        assert cli.error("webhooks", command, "1", *other) == "there is no webhook 1"
    assert cli.error("webhooks", "replay", "1", *other) == "there is no call 1"
    assert cli.json("webhooks", "replay", "--since", "9d", *other) == {"replayed": 0}
    assert cli.json("webhooks", "replay", "--since", "9d", "--waiting", *other) == {"replayed": 0}
    mine = cli.json("webhooks", "secret", "--portal", "1")["secret"]
    assert cli.json("webhooks", "secret", *other)["secret"] != mine


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-12", datetime(2026, 1, 12, tzinfo=UTC)),
        ("2026-01-12T09:30", datetime(2026, 1, 12, 9, 30, tzinfo=UTC)),
        ("2026-01-12 09:30:05", datetime(2026, 1, 12, 9, 30, 5, tzinfo=UTC)),
        ("2026-01-12T09:30:05Z", datetime(2026, 1, 12, 9, 30, 5, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_utc(text: str, moment: datetime) -> None:
    assert since_param(text) == moment
