"""`earshot keys`: the one place where a key's text is printed, once."""

import asyncio
import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta

import pytest

from app.application import create_app
from app.domain.users.key_verification import Principal
from app.settings import Settings
from tests.cli.conftest import Cli
from tests.cli.database import Rows

OWNER = "owner@example.com"
OLD_KEY = "tkn_admin_4fGh7J_thisIsTheRestOfAnOldKey"
OLD_SECRET = "the secret of the former installation"


def authenticate(token: str) -> Principal | None:
    """The principal of a key on a server with these settings."""

    async def run() -> Principal | None:
        server = create_app(Settings.load())
        await server.start()
        try:
            return await server.services.authenticator.authenticate(token)
        finally:
            await server.stop()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("dialect", "form"), [("astuto", r"tkn_admin_[1-9A-HJ-NP-Za-km-z]{30}"), ("productlift", r"3\|[0-9A-Za-z]{40}")]
)
def test_a_key_is_printed_only_when_it_is_created(cli: Cli, dialect: str, form: str) -> None:
    created = cli.json("keys", "create", "--user", OWNER, "--dialect", dialect)

    key = created.pop("key")
    assert re.fullmatch(form, key)
    principal = authenticate(key)
    assert principal is not None
    assert (principal.dialect, principal.user_id, principal.key_id) == (dialect, cli.first_portal.owner_id, 3)
    assert created == {
        "id": 3,
        "prefix": principal.prefix,
        "name": None,
        "user": OWNER,
        "dialect": dialect,
        "expires_at": None,
    }
    keys = cli.run("keys", "list")
    assert key not in keys.out
    assert principal.prefix in keys.out


def test_creating_a_key_prints_only_the_key_on_standard_output(cli: Cli) -> None:
    done = cli.run("keys", "create", "--user", OWNER, "--dialect", "astuto")

    assert re.fullmatch(r"tkn_admin_\w{30}\n", done.out)
    assert done.err == "earshot: store this key now: it can't be shown again\n"


def test_a_created_key_is_described_as_in_the_list(cli: Cli) -> None:
    options = ("--name", "Weekly report", "--expires", "2999-12-31")

    created = cli.json("keys", "create", "--user", "1", "--dialect", "productlift", *options)

    key = cli.json("keys", "list")["keys"][-1]
    assert (key["name"], key["user"], key["expires_at"]) == ("Weekly report", OWNER, "2999-12-31T00:00:00Z")
    names = ["id", "prefix", "name", "user", "dialect", "expires_at"]
    assert created == {"key": created["key"], **{name: key[name] for name in names}}


def test_a_key_of_a_moderator_has_a_prefix(cli: Cli) -> None:
    cli.json("users", "create", "--email", "jane@example.com", "--role", "moderator")

    created = cli.json("keys", "create", "--user", "jane@example.com", "--dialect", "astuto")

    assert created["key"].startswith("tkn_mod_")


@pytest.mark.parametrize(
    ("role", "end", "dialect", "message"),
    [
        (
            "user",
            (),
            "astuto",
            "this user has the role user, but a key of the dialect astuto needs at least the role moderator: change it "
            "first (earshot users role USER moderator)",
        ),
        (
            "moderator",
            (),
            "productlift",
            "this user has the role moderator, but a key of the dialect productlift needs at least the role admin: "
            "change it first (earshot users role USER admin)",
        ),
        (
            "admin",
            ("block", "2"),
            "astuto",
            "this user is blocked, and can't have a key: unblock the user first (earshot users unblock USER)",
        ),
        ("admin", ("delete", "2", "--yes"), "productlift", "this user is deleted, and can't have a key"),
    ],
)
def test_the_refusal_of_a_key_names_the_role_or_state_of_the_user(
    cli: Cli, role: str, end: tuple[str, ...], dialect: str, message: str
) -> None:
    cli.json("users", "create", "--email", "jane@example.com", "--role", role)
    if end:
        cli.json("users", *end)

    adopt = ("keys", "adopt", "--user", "2", "--dialect", dialect, "--token-stdin")
    assert cli.error("keys", "create", "--user", "2", "--dialect", dialect) == message
    assert cli.error(*adopt, stdin=OLD_KEY) == message
    assert len(cli.json("keys", "list")["keys"]) == 2


def test_a_revoked_key_is_invalid(cli: Cli) -> None:
    key = cli.first_portal.keys["astuto"]

    assert cli.json("keys", "revoke", "2") == {"id": 2, "revoked": True}

    assert authenticate(key) is None
    assert authenticate(cli.first_portal.keys["productlift"]) is not None
    assert cli.error("keys", "revoke", "2") == "key 2 is revoked already"
    assert cli.error("keys", "revoke", "77") == "there is no key 77"
    assert "must be a number above 0" in cli.usage_error("keys", "revoke", "two")


def test_an_existing_key_of_a_client_is_imported(cli: Cli) -> None:
    created = cli.json("keys", "adopt", "--user", OWNER, "--dialect", "astuto", "--token-stdin", stdin=f"{OLD_KEY}\n")

    principal = authenticate(OLD_KEY)
    assert principal is not None
    assert (principal.key_id, principal.dialect, principal.prefix) == (created["id"], "astuto", "tkn_admin_4fGh7J")
    assert (
        cli.error("keys", "adopt", "--user", OWNER, "--dialect", "astuto", "--token-stdin", stdin=OLD_KEY)
        == "this key exists already"
    )


def test_a_digest_of_astuto_is_imported_with_its_secret(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hmac.new(OLD_SECRET.encode(), OLD_KEY.encode(), hashlib.sha256).hexdigest()
    adopt = ("keys", "adopt", "--user", OWNER, "--dialect", "astuto", "--astuto-digest", digest)

    assert cli.error(*adopt).startswith("set EARSHOT_ASTUTO_SECRET to the secret of the Astuto installation first")
    monkeypatch.setenv("EARSHOT_ASTUTO_SECRET", OLD_SECRET)
    created = cli.json(*adopt)

    principal = authenticate(OLD_KEY)
    assert principal is not None
    assert (principal.key_id, principal.dialect) == (created["id"], "astuto")


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (["--dialect", "astuto", "--token-stdin"], "short", "a key must have 16 to 255 visible ASCII characters"),
        (["--dialect", "astuto", "--token-stdin"], "with a space in the middle", "a key must have 16 to 255 visible"),
        (["--dialect", "productlift", "--astuto-digest", "0" * 64], "", "only Astuto's keys can be imported by"),
        (["--dialect", "astuto", "--astuto-digest", "abc"], "", "a digest of Astuto is 64 hexadecimal digits"),
    ],
)
def test_an_invalid_key_is_not_imported(cli: Cli, arguments: list[str], stdin: str, message: str) -> None:
    assert cli.error("keys", "adopt", "--user", OWNER, *arguments, stdin=stdin).startswith(message)
    assert len(cli.json("keys", "list")["keys"]) == 2


def test_importing_a_key_requires_either_a_token_or_a_digest(cli: Cli) -> None:
    message = "Invalid value: give --token-stdin or --astuto-digest, one of the two"

    assert cli.usage_error("keys", "adopt", "--user", OWNER, "--dialect", "astuto") == message
    assert cli.usage_error("keys", "create", "--user", OWNER, "--dialect", "klingon") == (
        "Invalid value for '--dialect': must be one of productlift, astuto"
    )


def test_keys_are_listed_with_user_last_use_expiry_and_state(cli: Cli) -> None:
    keys = cli.json("keys", "list")["keys"]

    columns = ["id", "prefix", "name", "user", "dialect", "created_at", "last_used_at", "expires_at", "revoked_at"]
    assert [list(key) for key in keys] == [[*columns, "state"]] * 2
    for key, dialect, prefix in zip(
        keys, ("productlift", "astuto"), ("1|", cli.first_portal.keys["astuto"][:16]), strict=True
    ):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", key.pop("created_at"))
        nothing = dict.fromkeys(("name", "last_used_at", "expires_at", "revoked_at"))
        assert key == {
            "id": keys.index(key) + 1,
            "prefix": prefix,
            "user": OWNER,
            "dialect": dialect,
            "state": "active",
            **nothing,
        }


@pytest.mark.parametrize("dialect", ["astuto", "productlift"])
def test_a_key_has_a_name_and_an_expiry(cli: Cli, dialect: str) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    options = ("--name", " Weekly report ", "--expires", "90d")

    created = cli.json("keys", "create", "--user", OWNER, "--dialect", dialect, *options)
    cli.json("keys", "create", "--user", OWNER, "--dialect", dialect, "--expires", "2999-12-31")

    *_, report, other = cli.json("keys", "list")["keys"]
    assert (report["name"], report["dialect"], report["state"]) == ("Weekly report", dialect, "active")
    assert before <= datetime.fromisoformat(report["expires_at"]) - timedelta(days=90) <= datetime.now(UTC)
    assert (other["name"], other["expires_at"]) == (None, "2999-12-31T00:00:00Z")
    assert authenticate(created["key"]) is not None
    assert "Weekly report" in cli.run("keys", "list").out


def test_the_last_use_of_a_key_is_listed(cli: Cli) -> None:
    before = datetime.now(UTC).replace(microsecond=0)

    assert authenticate(cli.first_portal.keys["astuto"]) is not None

    unused, used = cli.json("keys", "list")["keys"]
    assert unused["last_used_at"] is None
    assert before <= datetime.fromisoformat(used["last_used_at"]) <= datetime.now(UTC)


def test_name_and_expiry_of_a_key_can_be_changed(cli: Cli) -> None:
    other, first = cli.json("keys", "list")["keys"]

    edited = cli.json("keys", "edit", "2", "--name", "Report", "--expires", "2999-12-31")
    assert edited == {**first, "name": "Report", "expires_at": "2999-12-31T00:00:00Z"}
    assert cli.json("keys", "edit", "2", "--name", "Sync") == {**edited, "name": "Sync"}
    assert cli.json("keys", "edit", "2", "--no-expiry") == {**first, "name": "Sync"}
    assert cli.run("keys", "edit", "2", "--expires", "1d").out == "key 2 was changed\n"
    assert cli.json("keys", "list")["keys"][0] == other


def test_the_state_of_a_key_says_why_it_is_invalid(cli: Cli, rows: Rows) -> None:
    for name in ("jane", "joe"):
        cli.json("users", "create", "--email", f"{name}@example.com", "--role", "admin")
        cli.json("keys", "create", "--user", f"{name}@example.com", "--dialect", "astuto", "--expires", "1d")
    cli.json("keys", "create", "--user", OWNER, "--dialect", "astuto", "--expires", "1d")
    # A command blocks a user and revokes the keys at once; another program may have set only this.
    rows("UPDATE users SET blocked_at = created_at WHERE email = 'jane@example.com'")
    cli.json("users", "block", "joe@example.com")
    rows("UPDATE api_keys SET expires_at = created_at WHERE id > 2")

    keys = cli.json("keys", "list")["keys"]

    states = [(key["id"], key["user"], key["state"]) for key in keys]
    assert states == [
        (1, OWNER, "active"),
        (2, OWNER, "active"),
        (3, "jane@example.com", "user blocked"),
        (4, "joe@example.com", "revoked"),
        (5, OWNER, "expired"),
    ]
    assert [line.split("  ")[-1].strip() for line in cli.run("keys", "list").out.splitlines()] == [
        "state",
        *(state for *_, state in states),
    ]


def test_an_expired_key_is_valid_again_with_a_later_expiry(cli: Cli, rows: Rows) -> None:
    key = cli.first_portal.keys["astuto"]
    rows("UPDATE api_keys SET expires_at = created_at WHERE id = 2")
    assert authenticate(key) is None

    assert cli.json("keys", "edit", "2", "--expires", "1d")["state"] == "active"

    assert authenticate(key) is not None


def test_the_expiry_of_a_revoked_key_can_not_be_changed(cli: Cli) -> None:
    cli.json("keys", "revoke", "2")

    message = "the key is revoked for good: create another with `earshot keys create`"
    assert cli.error("keys", "edit", "2", "--expires", "1d") == message
    assert cli.error("keys", "edit", "2", "--no-expiry") == message
    assert cli.json("keys", "edit", "2", "--name", "Old sync")["state"] == "revoked"
    assert authenticate(cli.first_portal.keys["astuto"]) is None


DATE_FORMS = "must be a date such as 2027-01-31, or a number of days such as 90d"
NO_EXPIRY = "a new key without --expires does not expire; `earshot keys edit ID --no-expiry` removes an expiry"
PAST = "must be in the future: the key is invalid from the start of this date in UTC"


@pytest.mark.parametrize(
    ("expires", "message"),
    [
        ("2020-01-31", PAST),
        ("0001-01-01", PAST),
        ("2027-02-30", DATE_FORMS),
        ("20270131", DATE_FORMS),
        ("2999-01-31T12:00:00+99:00", DATE_FORMS),
        ("tomorrow", DATE_FORMS),
        ("none", NO_EXPIRY),
        ("", DATE_FORMS),
        ("-1d", DATE_FORMS),
        ("1.5d", DATE_FORMS),
        ("9999999999d", DATE_FORMS),
        ("0d", "must be 1d to 36500d"),
        ("36501d", "must be 1d to 36500d"),
    ],
)
def test_an_invalid_expiry_is_an_error(cli: Cli, expires: str, message: str) -> None:
    error = f"Invalid value for '--expires': {message}"

    assert cli.usage_error("keys", "create", "--user", OWNER, "--dialect", "astuto", f"--expires={expires}") == error
    assert cli.usage_error("keys", "edit", "2", f"--expires={expires}") == error
    assert [(key["id"], key["expires_at"]) for key in cli.json("keys", "list")["keys"]] == [(1, None), (2, None)]


def test_today_is_no_expiry(cli: Cli) -> None:
    today = datetime.now(UTC).date().isoformat()

    assert cli.usage_error("keys", "edit", "2", "--expires", today) == f"Invalid value for '--expires': {PAST}"


def test_an_edit_needs_a_valid_change_of_an_existing_key(cli: Cli) -> None:
    assert cli.error("keys", "edit", "77", "--name", "Report") == "there is no key 77"
    assert cli.usage_error("keys", "edit", "2") == "Invalid value: give --name, --expires or --no-expiry"
    assert cli.usage_error("keys", "edit", "2", "--expires", "1d", "--no-expiry") == (
        "Invalid value: give --expires or --no-expiry, not both"
    )
    assert cli.usage_error("keys", "edit", "2", "--name", " ") == "Invalid value for '--name': must not be blank"
    assert cli.usage_error("keys", "edit", "2", "--name", "x" * 101) == (
        "Invalid value for '--name': must have at most 100 characters"
    )
    assert cli.json("keys", "edit", "2", "--name", "x" * 100)["name"] == "x" * 100


def test_a_key_of_another_portal_is_not_edited(cli: Cli) -> None:
    cli.json("portals", "set", "host", "one.example.com")
    other = cli.json("portals", "create", "--title", "Second", "--host", "two.example.com")["id"]

    assert cli.error("keys", "edit", "2", "--name", "Report", "--portal", str(other)) == "there is no key 2"
    assert cli.json("keys", "list", "--portal", "1")["keys"][1]["name"] is None


def test_an_imported_digest_is_listed_with_its_former_prefix(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_ASTUTO_SECRET", OLD_SECRET)
    digest = hmac.new(OLD_SECRET.encode(), OLD_KEY.encode(), hashlib.sha256).hexdigest()
    adopt = ("keys", "adopt", "--user", OWNER, "--dialect", "astuto", "--astuto-digest")

    cli.json(*adopt, digest, "--prefix", "tkn_admin_4fGh7J…", "--name", "Sync", "--expires", "2999-12-31")
    cli.json(*adopt, "0" * 64, "--prefix", "x" * 32)
    cli.json(*adopt, "1" * 64)

    imported = cli.json("keys", "list")["keys"][2:]
    assert [(key["prefix"], key["name"], key["expires_at"]) for key in imported] == [
        ("tkn_admin_4fGh7J…", "Sync", "2999-12-31T00:00:00Z"),
        ("x" * 32, None, None),
        ("tkn_…", None, None),
    ]
    principal = authenticate(OLD_KEY)
    assert principal is not None
    assert principal.prefix == "tkn_admin_4fGh7J…"


@pytest.mark.parametrize(
    "prefix", ["", " ", "x" * 33, "tkn\nadmin", "tkn\x1b[2J", "tkn\N{RIGHT-TO-LEFT OVERRIDE}", "\udcff"]
)
def test_a_prefix_that_can_not_be_shown_is_an_error(cli: Cli, monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    monkeypatch.setenv("EARSHOT_ASTUTO_SECRET", OLD_SECRET)

    assert (
        cli.usage_error(
            *("keys", "adopt", "--user", OWNER, "--dialect", "astuto", "--astuto-digest", "0" * 64, "--prefix", prefix)
        )
        == "Invalid value for '--prefix': must have 1 to 32 printable characters"
    )
    assert len(cli.json("keys", "list")["keys"]) == 2


def test_a_prefix_is_for_a_digest_only(cli: Cli) -> None:
    assert cli.usage_error(
        *("keys", "adopt", "--user", OWNER, "--dialect", "astuto", "--token-stdin", "--prefix", "tkn_"), stdin=OLD_KEY
    ) == ("Invalid value: --prefix is for --astuto-digest: the key itself has its prefix")
