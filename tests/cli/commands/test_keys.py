"""`earshot keys`: the one place where a key's text is printed, once."""

import asyncio
import hashlib
import hmac
import re

import pytest

from app.application import create_app
from app.domain.users.api_keys import Principal
from app.settings import Settings
from tests.cli.conftest import Cli

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

    assert list(created) == ["key"]
    assert re.fullmatch(form, created["key"])
    principal = authenticate(created["key"])
    assert principal is not None
    assert (principal.dialect, principal.user_id, principal.key_id) == (dialect, cli.first_portal.owner_id, 3)
    keys = cli.run("keys", "list")
    assert created["key"] not in keys.out
    assert principal.prefix in keys.out


def test_creating_a_key_prints_only_the_key(cli: Cli) -> None:
    done = cli.run("keys", "create", "--user", OWNER, "--dialect", "astuto")

    assert re.fullmatch(r"tkn_admin_\w{30}\n", done.out)


def test_a_key_of_a_moderator_has_a_prefix_and_a_user_gets_no_key(cli: Cli) -> None:
    cli.json("users", "create", "--email", "jane@example.com", "--role", "moderator")
    cli.json("users", "create", "--email", "joe@example.com")
    message = (
        "this user can't have such a key: a key for Astuto's API needs at least a moderator, a key for ProductLift's "
        "API an administrator, and the user must not be blocked"
    )

    created = cli.json("keys", "create", "--user", "jane@example.com", "--dialect", "astuto")

    assert created["key"].startswith("tkn_mod_")
    assert cli.error("keys", "create", "--user", "jane@example.com", "--dialect", "productlift") == message
    assert cli.error("keys", "create", "--user", "joe@example.com", "--dialect", "astuto") == message


def test_keys_are_listed_with_user_and_last_use(cli: Cli) -> None:
    keys = cli.json("keys", "list")["keys"]

    assert [list(key) for key in keys] == [
        ["id", "dialect", "prefix", "user", "created_at", "last_used_at", "revoked_at"]
    ] * 2
    assert [(key["id"], key["dialect"], key["user"], key["last_used_at"], key["revoked_at"]) for key in keys] == [
        (1, "productlift", OWNER, None, None),
        (2, "astuto", OWNER, None, None),
    ]
    assert [key["prefix"] for key in keys] == ["1|", cli.first_portal.keys["astuto"][:16]]


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
