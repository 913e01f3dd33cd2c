"""`earshot users notifications` and `earshot users invite`."""

import json
import re
import shlex

import pytest

from tests.cli.conftest import Cli
from tests.cli.database import Rows

OWNER = "owner@example.com"
OF_A_USER = dict.fromkeys(("post_update", "status_change", "comment", "reply", "mention"), "at_once")


def test_notifications_are_shown_and_changed(cli: Cli, rows: Rows) -> None:
    jane = cli.json("users", "create", "--email", "jane@example.com")["id"]
    show = ("users", "notifications", "jane@example.com")
    before = cli.json(*show)

    changed = cli.json(*show, "--kind", "comment", "--cadence", "daily", "--off")
    text = cli.run("users", "notifications", OWNER, "--kind", "new_post", "--cadence", "weekly", "--recap", "daily")

    assert before == {"id": jane, "enabled": True, "recap": None, "kinds": OF_A_USER}
    assert changed == {**before, "enabled": False, "kinds": {**OF_A_USER, "comment": "daily"}}
    assert cli.json(*show) == changed
    assert cli.json(*show, "--on") == {**changed, "enabled": True}
    assert text.out.splitlines() == [
        "notifications  on",
        "post update    at_once",
        "status change  at_once",
        "comment        at_once",
        "reply          at_once",
        "mention        at_once",
        "new post       weekly",
        "pending post   never",
        "recap          daily",
    ]
    assert rows("SELECT user_id, kind, cadence FROM notification_choices ORDER BY user_id") == [
        {"user_id": 1, "kind": "new_post", "cadence": "weekly"},
        {"user_id": jane, "kind": "comment", "cadence": "daily"},
    ]


def test_notifications_that_a_user_can_not_get_are_rejected(cli: Cli, rows: Rows) -> None:
    cli.json("users", "create", "--email", "jane@example.com")
    jane = ("users", "notifications", "jane@example.com")

    assert cli.error(*jane, "--off", "--kind", "new_post", "--cadence", "daily") == (
        "new_post is for moderators, administrators and the owner only"
    )
    assert cli.error(*jane, "--recap", "daily", "--off") == "recap is for moderators, administrators and the owner only"
    assert cli.usage_error(*jane, "--kind", "comment") == "Invalid value: give --kind and --cadence together"
    assert cli.usage_error(*jane, "--cadence", "daily") == "Invalid value: give --kind and --cadence together"
    assert cli.usage_error(*jane, "--kind", "vote", "--cadence", "daily") == (
        "Invalid value for '--kind': must be one of post_update, status_change, comment, reply, mention, new_post, "
        "pending_post"
    )
    assert cli.usage_error(*jane, "--kind", "comment", "--cadence", "hourly") == (
        "Invalid value for '--cadence': must be one of at_once, daily, weekly, never"
    )
    assert "must be one of never, daily, weekly, monthly" in cli.usage_error(*jane, "--recap", "hourly")
    assert "joe@example.com" in cli.error("users", "notifications", "joe@example.com")
    assert cli.json(*jane) == {"id": 2, "enabled": True, "recap": None, "kinds": OF_A_USER}
    assert rows("SELECT * FROM notification_choices") == []


@pytest.mark.parametrize(("options", "message"), [((), None), (("--message-stdin",), "Come in: %link%")])
def test_a_user_is_invited_again_and_again(cli: Cli, rows: Rows, options: tuple[str, ...], message: str | None) -> None:
    jane = cli.json("users", "create", "--email", "jane@example.com")["id"]

    for _ in range(2):
        done = cli.json("users", "invite", "JANE@example.com", *options, stdin=" Come in: %link%\n")

        assert done == {"id": jane, "invited": True}
    events = rows("SELECT subject_id, body FROM facts WHERE kind = 'user.invited'")
    assert [(event["subject_id"], json.loads(event["body"])) for event in events] == [(jane, {"message": message})] * 2


def test_an_invitation_of_an_unknown_user_says_how_to_create_the_user(cli: Cli, rows: Rows) -> None:
    error = cli.error("users", "invite", "jane@example.com")

    assert error == (
        "there is no user jane@example.com: create the user first (earshot users create --email jane@example.com)"
    )
    (command,) = re.findall(r"\((.*)\)", error)
    assert cli.run(*shlex.split(command)[1:]).code == 0
    assert cli.json("users", "invite", "jane@example.com")["invited"]
    assert "'o'\"'\"'neil@example.com'" in cli.error("users", "invite", "o'neil@example.com")
    for name in ("77", "jane", "a@b c"):
        assert cli.error("users", "invite", name) == f"there is no user {name}"


def test_an_invitation_without_a_mail_server_says_that_it_waits(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.json("users", "create", "--email", "jane@example.com")
    invite = ("users", "invite", "jane@example.com")

    without = cli.run(*invite).out
    monkeypatch.setenv("EARSHOT_SMTP_URL", "smtp://127.0.0.1:9")
    monkeypatch.setenv("EARSHOT_MAIL_FROM", "feedback@example.com")

    assert cli.run(*invite).out == "jane@example.com is invited; the email is queued\n"
    assert without.startswith("jane@example.com is invited; the email is queued, and waits until mail is set up; ")
    assert "`earshot outbox show ID` prints it" in without


def test_a_user_who_needs_no_invitation_gets_none(cli: Cli, rows: Rows) -> None:
    cli.json("users", "create", "--email", "jane@example.com", "--password-stdin", stdin="open sesame")
    cli.json("users", "create", "--email", "joe@example.com")
    cli.run("users", "block", "joe@example.com")
    rows("UPDATE users SET email = NULL, email_key = NULL WHERE id = 1")

    assert cli.error("users", "invite", "jane@example.com") == (
        "this user has a password already, and needs no invitation"
    )
    assert cli.error("users", "invite", "joe@example.com") == (
        "this user is blocked, and can't be invited: unblock the user first (earshot users unblock USER)"
    )
    assert cli.error("users", "invite", "1") == (
        "this user has no address: set one first (earshot users edit USER --email EMAIL)"
    )
    assert rows("SELECT * FROM facts WHERE kind = 'user.invited'") == []


@pytest.mark.parametrize("text", ["", " \n", "x" * 1001, "a\0b"])
def test_the_text_of_an_invitation_must_be_usable(cli: Cli, text: str) -> None:
    assert cli.error("users", "invite", OWNER, "--message-stdin", stdin=text) == (
        "the text must have 1 to 1000 characters, without a NUL"
    )
