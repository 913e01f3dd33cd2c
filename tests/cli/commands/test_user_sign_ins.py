"""`earshot users sign-in-link`, `sessions`, `awaiting` and `approve`."""

import hashlib
import re

import pytest

from tests.cli.conftest import Cli
from tests.cli.database import Rows

OWNER = "owner@example.com"
LINK = re.compile(r"http://127\.0\.0\.1:8000/sign-in/link\?token=([\w-]{43})\n")


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def test_a_link_to_sign_in_is_printed(cli: Cli, rows: Rows) -> None:
    done = cli.run("users", "sign-in-link", "OWNER@example.com")

    printed = LINK.fullmatch(done.out)
    assert printed is not None, done
    assert (done.code, done.err) == (0, "earshot: the link works once, for 15 minutes\n")
    stored = rows("SELECT user_id, link_digest, code_digest, email FROM sign_in_requests ORDER BY id DESC LIMIT 1")
    assert [dict(row) for row in stored] == [
        {"user_id": 1, "link_digest": digest(printed[1]), "code_digest": None, "email": None}
    ]
    as_json = cli.json("users", "sign-in-link", "1")
    assert list(as_json) == ["id", "url", "expires_at"]
    assert as_json["id"] == 1
    assert LINK.fullmatch(f"{as_json['url']}\n")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", as_json["expires_at"])


def test_the_link_has_the_public_address_of_its_portal(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_BASE_URL", "https://example.com:8443/feedback")
    assert cli.json("users", "sign-in-link", OWNER)["url"].startswith(
        "https://example.com:8443/feedback/sign-in/link?token="
    )
    cli.json("portals", "set", "host", "feedback.example.com")
    cli.json("portals", "create", "--title", "Ideas", "--host", "ideas.example.com")
    there = ("--portal", "ideas.example.com")
    cli.json("users", "create", "--email", "jane@example.com", *there)

    assert cli.json("users", "sign-in-link", "jane@example.com", *there)["url"].startswith(
        "https://ideas.example.com:8443/feedback/sign-in/link?token="
    )
    assert cli.error("users", "sign-in-link", OWNER, *there) == f"there is no user {OWNER}"


def test_who_may_not_sign_in_gets_no_link(cli: Cli, rows: Rows) -> None:
    cli.json("users", "create", "--email", "jane@example.com")
    cli.json("users", "block", "jane@example.com")

    assert cli.error("users", "sign-in-link", "jane@example.com") == (
        "this user is blocked, and can't sign in: unblock the user first (earshot users unblock USER)"
    )
    cli.json("users", "unblock", "jane@example.com")
    rows("UPDATE users SET awaits_approval = TRUE WHERE email = 'jane@example.com'")
    assert cli.error("users", "sign-in-link", "jane@example.com") == (
        "this user awaits approval, and can't sign in: approve the account first (earshot users approve USER)"
    )
    assert cli.error("users", "sign-in-link", "nobody@example.com") == "there is no user nobody@example.com"


def test_sessions_are_listed_and_ended(cli: Cli, rows: Rows) -> None:
    cli.json("users", "create", "--email", "jane@example.com")
    for number, user in enumerate((1, 1, 2)):
        rows(
            "INSERT INTO sessions (portal_id, user_id, digest, method, user_agent, created_at, last_used_at, "
            "expires_at) VALUES (1, :user, :digest, 'password', :agent, '2026-01-02 03:04:05.000006', "
            "'2026-02-03 04:05:06.000007', '2999-01-01 00:00:00')",
            user=user,
            digest=str(number),
            agent=f"Firefox {number}",
        )
    first = {
        "method": "password",
        "created_at": "2026-01-02T03:04:05Z",
        "last_used_at": "2026-02-03T04:05:06Z",
    }

    assert cli.json("users", "sessions", OWNER) == {
        "sessions": [
            {"id": 2, **first, "browser": "Firefox 1"},
            {"id": 1, **first, "browser": "Firefox 0"},
        ]
    }
    assert cli.run("users", "sessions", OWNER, "--end").out == "2 sessions were ended\n"
    assert cli.json("users", "sessions", OWNER, "--end") == {"id": 1, "ended": 0}
    assert cli.run("users", "sessions", OWNER).out == "no sessions\n"
    assert len(cli.json("users", "sessions", "jane@example.com")["sessions"]) == 1


def test_a_user_who_signed_up_is_approved(cli: Cli, rows: Rows) -> None:
    cli.json("users", "create", "--email", "jane@example.com")
    rows(
        "UPDATE users SET awaits_approval = TRUE, signed_up_at = '2026-01-02 03:04:05.000006' WHERE id = 2",
    )

    assert cli.json("users", "awaiting") == {
        "users": [
            {
                "id": 2,
                "email": "jane@example.com",
                "name": "Jane",
                "signed_up_at": "2026-01-02T03:04:05Z",
                "email_confirmed": False,
            }
        ]
    }
    assert cli.run("users", "approve", "jane@example.com").out == (
        "jane@example.com may sign in now; the email is queued\n"
    )

    assert cli.run("users", "awaiting").out == "no users\n"
    (row,) = rows("SELECT awaits_approval FROM users WHERE id = 2")
    assert not row["awaits_approval"]
    assert [row["subject_id"] for row in rows("SELECT subject_id FROM facts WHERE kind = 'user.approved'")] == [2]
    assert cli.error("users", "approve", "jane@example.com") == "this user does not await approval"
