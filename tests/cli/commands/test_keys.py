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


def admitted(token: str) -> Principal | None:
    """Whom a server with these settings admits by a key."""

    async def send_request() -> Principal | None:
        server = create_app(Settings.load())
        await server.start()
        try:
            return await server.services.authenticator.authenticate(token)
        finally:
            await server.stop()

    return asyncio.run(send_request())


@pytest.mark.parametrize(
    ("dialect", "form"), [("astuto", r"tkn_admin_[1-9A-HJ-NP-Za-km-z]{30}"), ("productlift", r"3\|[0-9A-Za-z]{40}")]
)
def test_a_key_is_printed_when_it_is_made_and_never_again(cli: Cli, dialect: str, form: str) -> None:
    made = cli.json("keys", "create", "--user", OWNER, "--dialect", dialect)

    assert list(made) == ["key"]
    assert re.fullmatch(form, made["key"])
    found = admitted(made["key"])
    assert found is not None
    assert (found.dialect, found.user_id, found.key_id) == (dialect, cli.begun.owner_id, 3)
    listed = cli.run("keys", "list")
    assert made["key"] not in listed.out
    assert found.prefix in listed.out


def test_the_text_of_a_key_is_all_that_a_script_reads(cli: Cli) -> None:
    done = cli.run("keys", "create", "--user", OWNER, "--dialect", "astuto")

    assert re.fullmatch(r"tkn_admin_\w{30}\n", done.out)


def test_a_moderators_key_says_so_and_a_user_gets_none(cli: Cli) -> None:
    cli.json("users", "create", "--email", "jane@example.com", "--role", "moderator")
    cli.json("users", "create", "--email", "joe@example.com")
    told = (
        "this user can't have such a key: a key for Astuto's API needs at least a moderator, a key for ProductLift's "
        "API an administrator, and the user must not be blocked"
    )

    made = cli.json("keys", "create", "--user", "jane@example.com", "--dialect", "astuto")

    assert made["key"].startswith("tkn_mod_")
    assert cli.refusal("keys", "create", "--user", "jane@example.com", "--dialect", "productlift") == told
    assert cli.refusal("keys", "create", "--user", "joe@example.com", "--dialect", "astuto") == told


def test_keys_are_listed_with_whose_they_are_and_when_they_were_used(cli: Cli) -> None:
    listed = cli.json("keys", "list")["keys"]

    assert [list(key) for key in listed] == [
        ["id", "dialect", "prefix", "user", "created_at", "last_used_at", "revoked_at"]
    ] * 2
    assert [(key["id"], key["dialect"], key["user"], key["last_used_at"], key["revoked_at"]) for key in listed] == [
        (1, "productlift", OWNER, None, None),
        (2, "astuto", OWNER, None, None),
    ]
    assert [key["prefix"] for key in listed] == ["1|", cli.begun.keys["astuto"][:16]]


def test_a_revoked_key_admits_nobody_any_more(cli: Cli) -> None:
    key = cli.begun.keys["astuto"]

    assert cli.json("keys", "revoke", "2") == {"id": 2, "revoked": True}

    assert admitted(key) is None
    assert admitted(cli.begun.keys["productlift"]) is not None
    assert cli.refusal("keys", "revoke", "2") == "key 2 is revoked already"
    assert cli.refusal("keys", "revoke", "77") == "there is no key 77"
    assert "must be a number above 0" in cli.misuse("keys", "revoke", "two")


def test_a_key_that_a_client_holds_is_taken_over(cli: Cli) -> None:
    made = cli.json("keys", "adopt", "--user", OWNER, "--dialect", "astuto", "--token-stdin", stdin=f"{OLD_KEY}\n")

    found = admitted(OLD_KEY)
    assert found is not None
    assert (found.key_id, found.dialect, found.prefix) == (made["id"], "astuto", "tkn_admin_4fGh7J")
    assert (
        cli.refusal("keys", "adopt", "--user", OWNER, "--dialect", "astuto", "--token-stdin", stdin=OLD_KEY)
        == "this key exists already"
    )


def test_a_digest_of_astuto_works_under_the_secret_it_was_made_with(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hmac.new(OLD_SECRET.encode(), OLD_KEY.encode(), hashlib.sha256).hexdigest()
    adopt = ("keys", "adopt", "--user", OWNER, "--dialect", "astuto", "--astuto-digest", digest)

    assert cli.refusal(*adopt).startswith("set EARSHOT_ASTUTO_SECRET to the secret of the Astuto installation first")
    monkeypatch.setenv("EARSHOT_ASTUTO_SECRET", OLD_SECRET)
    made = cli.json(*adopt)

    found = admitted(OLD_KEY)
    assert found is not None
    assert (found.key_id, found.dialect) == (made["id"], "astuto")


@pytest.mark.parametrize(
    ("arguments", "stdin", "told"),
    [
        (["--dialect", "astuto", "--token-stdin"], "short", "a key must have 16 to 255 visible ASCII characters"),
        (
            ["--dialect", "astuto", "--token-stdin"],
            "with a space in the middle",
            "a key must have 16 to 255 visible ASCII",
        ),
        (["--dialect", "productlift", "--astuto-digest", "0" * 64], "", "only Astuto's keys can be imported by"),
        (["--dialect", "astuto", "--astuto-digest", "abc"], "", "a digest of Astuto is 64 hexadecimal digits"),
    ],
)
def test_what_can_be_no_key_is_refused(cli: Cli, arguments: list[str], stdin: str, told: str) -> None:
    assert cli.refusal("keys", "adopt", "--user", OWNER, *arguments, stdin=stdin).startswith(told)
    assert len(cli.json("keys", "list")["keys"]) == 2


def test_a_key_is_given_in_one_way(cli: Cli) -> None:
    told = "Invalid value: give --token-stdin or --astuto-digest, one of the two"

    assert cli.misuse("keys", "adopt", "--user", OWNER, "--dialect", "astuto") == told
    assert cli.misuse("keys", "create", "--user", OWNER, "--dialect", "klingon") == (
        "Invalid value for '--dialect': must be one of productlift, astuto"
    )
