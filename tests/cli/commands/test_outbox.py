"""Deliveries are listed, shown and repeated by the operator; each command sees its portal alone."""

import re
from typing import Any

import pytest

from app.adapters.encryption import SecretCipher
from app.domain.outbox import deliveries
from app.domain.outbox.deliveries import NewDelivery
from tests.cli.conftest import Cli
from tests.cli.database import Rows, write_in_portal
from tests.conftest import SECRET

INVITATION = '{"base_url":"http://127.0.0.1:8000","token":"unknown","email":"jane@example.com"}'


def add(cli: Cli, *new: NewDelivery, portal: int | None = None) -> None:
    write_in_portal(portal or cli.first_portal.portal_id, lambda work: deliveries.add_all(work, new))


@pytest.fixture
def three(cli: Cli, rows: Rows) -> Cli:
    """An email to the owner that failed, an email that waits, and a call that was delivered."""
    rows(
        "INSERT INTO webhooks (portal_id, dialect, description, url, events, created_at, updated_at) VALUES "
        "(1, 'productlift', 'CRM', 'sealed', '[]', '2026-01-01 00:00:00', '2026-01-01 00:00:00') RETURNING id"
    )
    add(cli, NewDelivery("email", "comment", user_id=1, post_id=4, payload='{"comment": 5}'))
    add(
        cli,
        NewDelivery(
            "email", "invitation", payload=SecretCipher(SECRET.encode()).encrypt(INVITATION), is_encrypted=True
        ),
    )
    add(cli, NewDelivery("webhook", "post.created", webhook_id=1, payload='{"body": "{}"}'))
    rows(
        "UPDATE deliveries SET state = 'failed', attempts = 10, error = 'refused', response_status = 550, "
        "finished_at = '2026-03-01 12:00:00' WHERE id = 1 RETURNING id"
    )
    rows(
        "UPDATE deliveries SET state = 'delivered', attempts = 1, response_status = 200, response_body = 'thanks', "
        "finished_at = '2026-03-01 12:00:00' WHERE id = 3 RETURNING id"
    )
    return cli


def ids(cli: Cli, *arguments: str) -> list[int]:
    return [row["id"] for row in cli.json("outbox", "list", *arguments)["deliveries"]]


def test_deliveries_are_listed_the_newest_first_by_state_and_channel(three: Cli) -> None:
    assert ids(three) == [3, 2, 1]
    assert ids(three, "--limit", "2") == [3, 2]
    assert ids(three, "--state", "failed") == [1]
    assert ids(three, "--channel", "email") == [2, 1]
    assert ids(three, "--channel", "email", "--state", "pending") == [2]
    assert ids(three, "--state", "cancelled") == []
    assert "must be one of pending" in three.usage_error("outbox", "list", "--state", "lost")
    assert "must be one of email" in three.usage_error("outbox", "list", "--channel", "fax")

    failed = three.json("outbox", "list", "--state", "failed")["deliveries"][0]
    (pending,) = three.json("outbox", "list", "--state", "pending")["deliveries"]
    for time in (failed.pop("created_at"), pending["due_at"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time)
    assert failed == {
        "due_at": None,
        "waits_for": None,
        "id": 1,
        "channel": "email",
        "kind": "comment",
        "state": "failed",
        "recipient": "owner@example.com",
        "webhook_id": None,
        "post_id": 4,
        "attempts": 10,
        "response_status": 550,
        "error": "refused",
        "finished_at": "2026-03-01T12:00:00Z",
    }
    table = three.run("outbox", "list").out
    assert len(table.splitlines()) == 4
    assert "CRM" in table


def test_a_delivery_is_shown_with_its_content_and_the_last_response(three: Cli, rows: Rows) -> None:
    call = three.json("outbox", "show", "3")
    assert (call["recipient"], call["payload"], call["response_body"], call["email"]) == (
        "CRM",
        '{"body": "{}"}',
        "thanks",
        None,
    )
    assert call["uuid"] == rows("SELECT uuid FROM deliveries WHERE id = 3")[0]["uuid"]
    text = three.run("outbox", "show", "3").out
    assert 'payload:\n{"body": "{}"}\n\nresponse body:\nthanks\n' in text

    # Decrypted.
    email = three.json("outbox", "show", "2")
    assert email["payload"] == INVITATION
    assert email["email"] == "It would not be sent now: its link is not valid any more."
    assert three.error("outbox", "show", "9") == "there is no delivery 9"


def test_content_that_was_encrypted_with_another_secret_is_an_error(three: Cli, rows: Rows) -> None:
    other = SecretCipher(b"another secret of the server, long enough").encrypt(INVITATION)
    rows("UPDATE deliveries SET payload = :other WHERE id = 2 RETURNING id", other=other)

    assert three.error("outbox", "show", "2") == (
        "the content of delivery 2 was encrypted with another secret key of the server"
    )


def state(rows: Rows, delivery: int) -> tuple[Any, ...]:
    (row,) = rows(
        "SELECT state, attempts - earlier_attempts AS attempts, finished_at, claim FROM deliveries WHERE id = :id",
        id=delivery,
    )
    return tuple(row.values())


def test_deliveries_are_repeated_with_the_same_ids(three: Cli, rows: Rows) -> None:
    before = rows("SELECT id, uuid FROM deliveries ORDER BY id")

    assert three.json("outbox", "retry", "1", "3") == {"retried": 2}

    assert rows("SELECT id, uuid FROM deliveries ORDER BY id") == before
    assert [state(rows, each) for each in (1, 2, 3)] == [("pending", 0, None, None)] * 3
    shown = three.json("outbox", "show", "3")
    assert (shown["attempts"], shown["response_status"], shown["response_body"]) == (1, 200, "thanks")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            "UPDATE webhooks SET is_enabled = false",
            "webhook 1 is disabled: enable it first (earshot webhooks enable 1)",
        ),
        ("DELETE FROM webhooks", "its webhook was deleted"),
    ],
)
def test_calls_that_would_not_be_made_are_not_repeated(change: str, reason: str, three: Cli, rows: Rows) -> None:
    rows(f"{change} RETURNING id")
    rows("UPDATE deliveries SET state = 'failed' WHERE id = 3 RETURNING id")

    assert three.error("outbox", "retry", "1", "3") == f"delivery 3 can't be repeated, because {reason}"
    assert [state(rows, each)[0] for each in (1, 3)] == ["failed", "failed"]
    assert three.json("outbox", "retry", "--failed") == {"retried": 1}
    assert [state(rows, each)[0] for each in (1, 3)] == ["pending", "failed"]


def test_all_failed_deliveries_are_repeated_except_emptied_ones(three: Cli, rows: Rows) -> None:
    rows("UPDATE deliveries SET state = 'failed', payload = NULL WHERE id = 2 RETURNING id")

    done = three.run("outbox", "retry", "--failed")

    assert (done.code, done.out) == (0, "1 delivery is repeated\n")
    assert [state(rows, each)[0] for each in (1, 2, 3)] == ["pending", "failed", "delivered"]


def test_what_cannot_be_repeated_is_reported_and_nothing_is_changed(three: Cli, rows: Rows) -> None:
    rows("UPDATE deliveries SET state = 'delivered', payload = NULL WHERE id = 2 RETURNING id")
    assert three.error("outbox", "retry", "1", "2") == (
        "delivery 2 can't be repeated, because its content contained a secret and was deleted"
    )
    assert "(deleted, because it contained a secret)" in three.run("outbox", "show", "2").out
    assert three.error("outbox", "retry", "1", "9") == "there is no delivery 9"
    rows(
        "UPDATE deliveries SET state = 'pending', claim = 'x', due_at = '2999-01-01 00:00:00' WHERE id = 3 RETURNING id"
    )
    assert three.error("outbox", "retry", "1", "3") == (
        "delivery 3 is being attempted: wait until the attempt has ended"
    )
    assert state(rows, 1)[0] == "failed"
    for arguments in ((), ("1", "--failed")):
        assert three.usage_error("outbox", "retry", *arguments).endswith("give ids or --failed, one of the two")


def test_a_delivery_whose_lease_has_ended_can_be_repeated(three: Cli, rows: Rows) -> None:
    rows("UPDATE deliveries SET claim = 'x', due_at = '2026-01-01 00:00:00' WHERE id = 2 RETURNING id")

    assert three.json("outbox", "retry", "2") == {"retried": 1}

    assert state(rows, 2) == ("pending", 0, None, None)


def test_deliveries_of_another_portal_are_neither_listed_nor_changed(three: Cli, rows: Rows) -> None:
    three.run("portals", "set", "host", "feedback.example.com")
    three.run("portals", "create", "--title", "Other", "--host", "other.example.com")
    (other,) = [row["id"] for row in rows("SELECT id FROM portals WHERE host = 'other.example.com'")]
    portal = ("--portal", str(other))
    add(three, NewDelivery("email", "comment"), portal=other)

    assert ids(three, *portal) == [4]
    assert three.error("outbox", "show", "1", *portal) == "there is no delivery 1"
    assert three.error("outbox", "retry", "1", *portal) == "there is no delivery 1"
    assert three.json("outbox", "retry", "--failed", *portal) == {"retried": 0}
    assert state(rows, 1)[0] == "failed"


def test_a_call_that_waits_for_an_earlier_one_names_it(three: Cli, rows: Rows) -> None:
    call = NewDelivery("webhook", "post.created", webhook_id=1, post_id=4, payload='{"body": "{}"}')
    add(three, *[call] * 3)
    rows("UPDATE deliveries SET attempts = 1, due_at = '2999-01-01 00:00:00' WHERE id = 4")

    def waiting() -> list[int | None]:
        return [row["waits_for"] for row in three.json("outbox", "list")["deliveries"]]

    assert waiting() == [4, 4, None, None, None, None]
    assert three.run("outbox", "list").out.count("waits for call 4") == 2
    assert re.search("^due at +waits for call 4$", three.run("outbox", "show", "6").out, re.MULTILINE)
    assert re.search("^due at +2999-01-01T00:00:00Z$", three.run("outbox", "show", "4").out, re.MULTILINE)
    # They have waited long enough for 4, but 5 has not been attempted yet.
    rows("UPDATE deliveries SET created_at = '2026-01-01 00:00:00' WHERE id > 4")
    assert waiting() == [5, None, None, None, None, None]
