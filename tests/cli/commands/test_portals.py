"""`earshot portals`, and how every other command chooses one."""

import json
import shlex
from typing import Any

import httpx
import pytest

from tests.cli.conftest import Cli
from tests.cli.database import Rows, create_post_with_file
from tests.server.test_serve import key_of, send_request, until
from tests.support.checkout import ROOT
from tests.support.commands import Earshot


def create_second_portal(cli: Cli) -> None:
    """Create a second portal, which requires that the first one has a host."""
    cli.json("portals", "set", "host", "feedback.example.com")
    cli.json("portals", "create", "--title", "Ideas", "--host", "ideas.example.com")


def test_a_portal_is_created_with_separate_users_and_keys(cli: Cli) -> None:
    cli.json("portals", "set", "host", "feedback.example.com")
    assert cli.json("portals", "create", "--title", "Ideas", "--host", "Ideas.Example.com") == {"id": 2}
    there = ("--portal", "ideas.example.com")
    cli.json("users", "create", "--email", "owner@example.com", "--role", "owner", *there)
    key = cli.json("keys", "create", "--user", "owner@example.com", "--dialect", "astuto", *there)["key"]

    assert key.startswith("tkn_admin_")
    assert [len(cli.json("users", "list", "--portal", portal)["users"]) for portal in ("1", "2")] == [1, 1]
    assert [board["name"] for board in cli.json("boards", "list", *there)["boards"]] == [
        "Feature Requests",
        "Bug Reports",
    ]
    first, second = cli.json("portals", "list")["portals"]
    assert (first["title"], first["host"]) == ("Feedback", "feedback.example.com")
    assert second.pop("guid")
    assert second == {
        "id": 2,
        "title": "Ideas",
        "locale": "en",
        "host": "ideas.example.com",
        "default_dialect": None,
        "moderation_policy": "anonymous",
        "private": False,
    }


def test_with_several_portals_the_portal_option_is_required(cli: Cli) -> None:
    create_second_portal(cli)

    assert cli.error("users", "list") == (
        "there are several portals: choose one with --portal: feedback.example.com, ideas.example.com"
    )
    assert cli.error("users", "list", "--portal", "3") == "there is no portal 3: `earshot portals list` lists them"
    assert cli.error("portals", "create", "--title", "Again", "--host", "ideas.example.com") == (
        "another portal has this host"
    )
    assert len(cli.json("portals", "list")["portals"]) == 2
    cli.json("portals", "set", "host", "none", "--portal", "1")
    assert cli.error("users", "list") == (
        "there are several portals: choose one with --portal: 1 (no host), ideas.example.com"
    )


def test_links_in_events_of_a_command_point_to_its_portal(
    cli: Cli, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARSHOT_BASE_URL", "https://other.example.com:8443/feedback")
    cli.json("users", "create", "--email", "jane@example.com")
    create_second_portal(cli)
    for portal in ("feedback.example.com", "ideas.example.com"):
        cli.json("users", "create", "--email", "joe@example.com", "--portal", portal)

    assert [row["base_url"] for row in rows("SELECT base_url FROM facts ORDER BY id DESC LIMIT 3")][::-1] == [
        "https://other.example.com:8443/feedback",
        "https://feedback.example.com:8443/feedback",
        "https://ideas.example.com:8443/feedback",
    ]


def test_a_second_portal_requires_a_host_of_the_first(cli: Cli) -> None:
    message = (
        "portal 1 has no host, and could not be reached beside another portal: set its host first with "
        "`earshot portals set host HOST --portal 1`"
    )

    assert cli.error("portals", "create", "--title", "Ideas", "--host", "ideas.example.com") == message
    cli.json("portals", "set", "host", "feedback.example.com", "--portal", "1")
    assert cli.error("portals", "create", "--title", "Ideas") == (
        "there is a portal already, and each of several portals needs a host: add --host HOST"
    )

    assert len(cli.json("portals", "list")["portals"]) == 1


def test_the_commands_of_the_guide_to_several_portals_work(cli: Cli) -> None:
    guide = (ROOT / "docs" / "moving.md").read_text(encoding="utf-8")
    chapter = guide.partition("## Several portals\n")[2].partition("\n## ")[0]
    lines = [line.strip() for line in chapter.splitlines() if line.startswith("    earshot ")]

    assert len(lines) == 4
    for line in lines:
        assert cli.run(*shlex.split(line)[1:]).code == 0, line
    hosts = [portal["host"] for portal in cli.json("portals", "list")["portals"]]
    assert hosts == ["ideas.globex.example", "feedback.acme.example"]


@pytest.mark.parametrize(
    ("setting", "value", "member", "stored"),
    [
        ("moderation-policy", "always", "moderation_policy", "always"),
        ("title", "Ideas", "title", "Ideas"),
        ("host", "Feedback.Example.com", "host", "feedback.example.com"),
        ("default-dialect", "astuto", "default_dialect", "astuto"),
        ("locale", "de", "locale", "de"),
        ("locale", " de-AT ", "locale", "de-AT"),
        ("locale", "en-GB", "locale", "en-GB"),
        ("locale", "de_AT", "locale", "de-AT"),
        ("invite-message", " Welcome!\n\tTell us more. ", "invite_message", "Welcome!\n\tTell us more."),
        ("private", "on", "private", True),
        ("accent-color", "#FF6600", "accent_color", "#FF6600"),
        ("welcome-text", " # Hello\n\nTell us. ", "welcome_text", "# Hello\n\nTell us."),
        ("sign-up", "approval", "sign_up", "approval"),
        ("sign-up", "closed", "sign_up", "closed"),
        ("sign-up-domains", "Example.org, @example.com,example.org", "sign_up_domains", "example.com,example.org"),
        ("anonymous-posts", "on", "anonymous_posts", True),
        ("anonymous-votes", "on", "anonymous_votes", True),
        ("voters", "public", "voters", "public"),
    ],
)
def test_a_setting_of_a_portal_is_changed(cli: Cli, setting: str, value: str, member: str, stored: str) -> None:
    before = cli.json("portals", "show")

    assert cli.json("portals", "set", setting, value) == {**before, member: stored}


def test_a_server_answers_on_the_new_host_of_a_portal_alone_as_the_command_says(earshot: Earshot) -> None:
    with earshot.serving() as serving:
        keys = [key_of(serving, dialect) for dialect in ("Astuto", "ProductLift")]
        assert [send_request(serving.port, key)[0] for key in keys] == [200, 200]
        post = {"title": "Dark mode", "board_id": 1}
        headers = {"authorization": f"Bearer {keys[0]}"}
        assert httpx.post(f"{serving.address}/api/v1/posts", json=post, headers=headers).status_code == 201

        done = earshot.run("portals", "set", "host", "feedback.example.com")

        assert (done.code, done.out) == (0, "host is feedback.example.com\n")
        assert done.err == (
            "earshot: on a host other than feedback.example.com, this portal's keys get a 401 now, and its "
            "public pages a 404\n"
        )
        # With PostgreSQL, the server may use the key that it has just verified for a second more.
        until(lambda: [send_request(serving.port, key)[0] for key in keys] == [401, 401])
        there = {"host": "feedback.example.com"}
        assert [send_request(serving.port, key, **there)[0] for key in keys] == [200, 200]
        pages = [send_request(serving.port, keys[0], "/posts/dark-mode", **host)[0] for host in (there, {})]
        assert pages == [200, 404]

    removed = earshot.run("portals", "set", "host", "none")
    assert (removed.out, removed.err) == ("host is unset\n", "")


@pytest.mark.parametrize(("setting", "value"), [("title", "Ideas"), ("locale", "de")])
def test_a_setting_that_rejects_no_request_has_no_note(cli: Cli, setting: str, value: str) -> None:
    assert cli.run("portals", "set", setting, value).err == ""


def test_some_settings_can_be_removed(cli: Cli) -> None:
    before = cli.json("portals", "show")
    values = {"host": "feedback.example.com", "default-dialect": "astuto", "invite-message": "Welcome!"}
    values |= {"accent-color": "#f60", "welcome-text": "Hello!", "sign-up-domains": "example.com"}
    for setting, value in values.items():
        for removal in ("none", "--none"):
            cli.json("portals", "set", setting, value)
            assert cli.json("portals", "show") != before
            # Of a text, `none` is a value.
            if removal != "none" or setting in ("host", "default-dialect", "sign-up-domains"):
                cli.json("portals", "set", setting, removal)
                assert cli.json("portals", "show") == before
    assert cli.run("portals", "set", "invite-message", "none").out == "invite-message is none\n"
    assert cli.run("portals", "set", "invite-message", "--none").out == "invite-message is unset\n"
    for setting in ("title", "moderation-policy", "locale"):
        assert f"{setting} can't be removed: --none is for host, default-dialect, invite-message" in cli.usage_error(
            "portals", "set", setting, "--none"
        )
    # What a shell makes of `accent-color #0b57c2`.
    assert "give the color in quotation marks, such as '#0b57c2'" in cli.usage_error("portals", "set", "accent-color")
    for values_given in ([], ["Ideas", "--none"]):
        assert "give VALUE or --none, and not both" in cli.usage_error("portals", "set", "host", *values_given)
    assert cli.json("portals", "show") == before


def test_a_portal_is_made_private_and_public(cli: Cli) -> None:
    before = cli.json("portals", "show")

    done = cli.run("portals", "set", "private", "on")
    assert done.out == "private is on\n"
    assert "everybody with an account sees it: earshot portals set sign-up closed" in done.err
    assert "private           yes" in cli.run("portals", "show").out.splitlines()
    assert cli.json("portals", "show") == {**before, "private": True}
    cli.run("portals", "set", "sign-up", "closed")
    assert cli.run("portals", "set", "private", "on").err == ""
    cli.run("portals", "set", "sign-up", "open")
    assert cli.json("portals", "set", "private", "off") == before


@pytest.mark.parametrize(
    ("setting", "column", "on", "off"),
    [
        ("anonymous-posts", "allows_anonymous_posts", "on", "off"),
        ("anonymous-votes", "allows_anonymous_votes", "on", "off"),
        ("voters", "shows_voters", "public", "team"),
    ],
)
def test_what_visitors_may_do_is_switched_on_and_off(
    cli: Cli, rows: Rows, setting: str, column: str, on: str, off: str
) -> None:
    before = cli.json("portals", "show")

    assert cli.run("portals", "set", setting, on).out == f"{setting} is {on}\n"
    assert [bool(row[column]) for row in rows(f"SELECT {column} FROM portals")] == [True]
    assert cli.run("portals", "set", setting, off).out == f"{setting} is {off}\n"
    assert [bool(row[column]) for row in rows(f"SELECT {column} FROM portals")] == [False]
    assert cli.json("portals", "show") == before


def test_a_portal_is_shown_with_every_setting(cli: Cli) -> None:
    create_second_portal(cli)
    message = "Welcome!\nTell us more."
    cli.json("portals", "set", "invite-message", message, "--portal", "2")

    shown = cli.json("portals", "show", "--portal", "ideas.example.com")

    listed = cli.json("portals", "list")["portals"]
    defaults = {
        "sign_up": "open",
        "sign_up_domains": None,
        "anonymous_posts": False,
        "anonymous_votes": False,
        "voters": "team",
        "accent_color": None,
        "welcome_text": None,
        "single_sign_on": False,
    }
    assert shown == {**listed[1], **defaults, "invite_message": message}
    first = cli.json("portals", "show", "--portal", "1")
    assert first == {**listed[0], **defaults, "invite_message": None}
    cli.json("portals", "sso-secret", "--portal", "2")
    output = cli.run("portals", "show", "--portal", "2").out.splitlines()
    assert output[-2:] == ["invite message    Welcome! Tell us more.", "single sign on    yes"]


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("moderation-policy", "sometimes", "moderation-policy must be one of never, anonymous, always"),
        ("host", "https://example.com/", "must be a host alone, such as feedback.example.com, of at most 160"),
        ("default-dialect", "latin", "default-dialect must be one of productlift, astuto"),
        ("colour", "blue", "must be one of title, host, moderation-policy, default-dialect, locale, invite-message"),
        *(
            ("locale", locale, "locale must be one of en, de, also with a region, such as de-AT")
            for locale in ("xx", "fr", "fr-CH", "deutsch", "d", "../de", "de-", "de--AT")
        ),
        ("locale", "x" * 17, "must have at most 16 characters"),
        ("private", "yes", "private must be one of off, on"),
        ("title", " ", "must not be blank"),
        ("title", "Two\nlines", "must be plain text"),
        ("invite-message", "A\x07bell", "must be plain text"),
        ("accent-color", "orange", "must be a color of three or six hexadecimal digits, such as '#0b57c2' or '#06c'"),
        ("invite-message", "x" * 1001, "must have at most 1000 characters"),
        ("invite-message", "\n", "must not be blank"),
        ("welcome-text", "x" * 5001, "must have at most 5000 characters"),
        ("sign-up", "sometimes", "sign-up must be one of open, approval, closed"),
        ("sign-up-domains", "example.com,", "sign-up-domains must be domains with commas between them, such as"),
        ("sign-up-domains", "exa mple.com", "sign-up-domains must be domains with commas between them, such as"),
        ("sign-up-domains", ",".join(f"a{number}.example" for number in range(101)), "at most 100"),
        ("anonymous-posts", "yes", "anonymous-posts must be one of off, on"),
        ("voters", "all", "voters must be one of team, public"),
    ],
)
def test_an_invalid_setting_of_a_portal_is_a_usage_error(cli: Cli, setting: str, value: str, message: str) -> None:
    assert message in cli.usage_error("portals", "set", setting, value)


def test_deleting_a_portal_requires_a_confirmation_with_its_title_or_id(cli: Cli, rows: Rows) -> None:
    create_second_portal(cli)
    there = ("--portal", "ideas.example.com")
    cli.json("users", "create", "--email", "jane@example.com", *there)
    question = (
        "this deletes portal 2 (Ideas) for good, with all its posts (0) and users (1): add --yes, and --confirm with "
        "its title or id"
    )

    for options in ([], ["--yes"], ["--confirm", "Ideas"]):
        assert cli.error("portals", "delete", "ideas.example.com", *options) == question
    for options in (["--yes", "--confirm", "Feedback"], ["--confirm", "1"], ["--yes", "--confirm", ""]):
        assert cli.error("portals", "delete", "ideas.example.com", *options) == (
            "--confirm must be the portal's title or id: Ideas or 2"
        )
    assert cli.error("portals", "delete", "3", "--yes", "--confirm", "3") == (
        "there is no portal 3: `earshot portals list` lists them"
    )
    assert len(rows("SELECT id FROM portals")) == 2

    assert cli.json("portals", "delete", "2", "--yes", "--confirm", "Ideas") == {"id": 2, "deleted": True}
    assert [portal["id"] for portal in cli.json("portals", "list")["portals"]] == [1]
    cli.json("portals", "create", "--title", "Ideas", "--host", "ideas.example.com")
    assert cli.run("portals", "delete", "ideas.example.com", "--yes", "--confirm", "3").out == "portal 3 was deleted\n"
    assert cli.error("portals", "delete", "1", "--yes", "--confirm", "1") == (
        "the only portal can't be deleted: create another one first (earshot portals create)"
    )


def test_the_files_of_a_deleted_portal_are_deleted(cli: Cli) -> None:
    create_second_portal(cli)
    author = cli.json("users", "create", "--email", "jane@example.com", "--portal", "2")["id"]
    _, kept = create_post_with_file(1, cli.first_portal.owner_id)
    _, deleted = create_post_with_file(2, author)

    cli.json("portals", "delete", "2", "--yes", "--confirm", "2")

    assert (kept.exists(), deleted.exists()) == (True, False)


def test_a_file_that_cannot_be_removed_does_not_fail_the_deletion(cli: Cli, caplog: pytest.LogCaptureFixture) -> None:
    create_second_portal(cli)
    author = cli.json("users", "create", "--email", "jane@example.com", "--portal", "2")["id"]
    _, stuck = create_post_with_file(2, author)
    stuck.unlink()
    # A folder in place of the file can't be unlinked, whoever the user is.
    stuck.mkdir()

    done = cli.run("portals", "delete", "2", "--yes", "--confirm", "2")

    assert (done.code, done.out) == (0, "portal 2 was deleted\n")
    assert "an orphaned file stays until the next cleanup" in caplog.text


def test_a_running_server_rejects_the_keys_of_a_deleted_portal(earshot: Earshot) -> None:
    def run(*arguments: str) -> Any:
        done = earshot.run(*arguments, "--json")
        assert (done.code, done.err) == (0, "")
        return json.loads(done.out)

    with earshot.serving() as serving:
        run("portals", "set", "host", "127.0.0.1")
        run("portals", "create", "--title", "Ideas", "--host", "ideas.example.com")
        user = ("--user", "jane@example.com", "--portal", "2")
        run("users", "create", "--email", "jane@example.com", "--role", "owner", "--portal", "2")
        keys = [run("keys", "create", *user, "--dialect", dialect)["key"] for dialect in ("astuto", "productlift")]

        def statuses() -> list[int]:
            return [send_request(serving.port, key, host="ideas.example.com")[0] for key in keys]

        assert statuses() == [200, 200]
        run("portals", "delete", "2", "--yes", "--confirm", "Ideas")

        # With PostgreSQL, the server may use the key that it has just verified for a second more.
        until(lambda: statuses() == [401, 401])
        assert send_request(serving.port, key_of(serving, "Astuto"))[0] == 200


def test_the_secret_of_sign_on_is_created_shown_replaced_and_removed(cli: Cli, rows: Rows) -> None:
    first = cli.json("portals", "sso-secret")["secret"]

    assert len(first) >= 40
    assert cli.run("portals", "sso-secret").out == f"{first}\n"
    assert first not in str(rows("SELECT sso_secret FROM portals"))
    second = cli.json("portals", "sso-secret", "--new")["secret"]
    assert second != first
    assert cli.run("portals", "sso-secret", "--off").out == "single sign-on is off\n"
    assert rows("SELECT sso_secret FROM portals") == [{"sso_secret": None}]


def test_a_secret_of_sign_on_that_is_given_is_stored_and_not_printed(cli: Cli) -> None:
    created = cli.json("portals", "sso-secret")["secret"]

    for number in (1, 2):
        secret = f"the secret of before {number}"
        stored = cli.run("portals", "sso-secret", "--stdin", stdin=f"{secret}\n")

        assert (stored.out, stored.err) == ("the secret of single sign-on is stored\n", "")
        assert cli.json("portals", "sso-secret") == {"secret": secret} != {"secret": created}
    assert cli.json("portals", "sso-secret", "--stdin", stdin="the secret of before 3") == {"stored": True}
    assert cli.json("portals", "sso-secret") == {"secret": "the secret of before 3"}


@pytest.mark.parametrize("secret", ["", "too short", "x" * 256, "a secret with\ta tab in it"])
def test_a_secret_of_sign_on_that_is_too_short_or_long_is_rejected(cli: Cli, secret: str) -> None:
    assert cli.error("portals", "sso-secret", "--stdin", stdin=secret) == (
        "the secret must have 16 to 255 printable characters"
    )


def test_one_option_of_the_secret_of_sign_on_is_allowed(cli: Cli) -> None:
    assert cli.usage_error("portals", "sso-secret", "--new", "--off") == (
        "Invalid value: give one of --new, --stdin and --off"
    )


def test_a_secret_that_can_not_be_read_is_replaced(cli: Cli, rows: Rows) -> None:
    cli.json("portals", "sso-secret")
    rows("UPDATE portals SET sso_secret = 'changed'")

    assert "can't be read: replace it with --new or --stdin" in cli.error("portals", "sso-secret")
    assert cli.json("portals", "sso-secret", "--new")["secret"]
