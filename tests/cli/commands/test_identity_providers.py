"""`earshot identity-providers`."""

from typing import Any

import pytest

from app.adapters.encryption import SecretCipher
from tests.cli.conftest import Cli
from tests.cli.database import Rows
from tests.conftest import SECRET

CREATE = ("identity-providers", "create", "--name", "Acme", "--issuer", "https://id.example", "--client-id", "earshot")
CREATED: dict[str, Any] = {
    "id": 1,
    "name": "Acme",
    "issuer": "https://id.example",
    "client_id": "earshot",
    "has_client_secret": False,
    "scopes": "openid email profile",
    "groups_claim": None,
    "roles": {},
    "enabled": True,
}


def test_a_provider_is_created_listed_and_deleted(cli: Cli) -> None:
    assert cli.json("identity-providers", "list") == {"identity_providers": []}
    assert cli.run("identity-providers", "list").out == "no identity providers\n"

    assert cli.json(*CREATE) == CREATED

    assert cli.json("identity-providers", "list") == {"identity_providers": [CREATED]}
    assert cli.run("identity-providers", "delete", "1").out == "identity provider 1 was deleted\n"
    assert cli.json("identity-providers", "list") == {"identity_providers": []}
    assert cli.error("identity-providers", "delete", "1") == "there is no identity provider 1"
    assert cli.error("identity-providers", "edit", "1", "--off") == "there is no identity provider 1"


def test_the_client_secret_is_encrypted_and_never_shown(cli: Cli, rows: Rows) -> None:
    created = cli.run(*CREATE, "--client-secret-stdin", stdin="the client secret\n")
    listed = cli.run("identity-providers", "list", "--json")

    assert '"has_client_secret":true' in listed.out
    assert "the client secret" not in created.out + listed.out
    (row,) = rows("SELECT client_secret FROM identity_providers")
    assert SecretCipher(SECRET.encode()).decrypt(row["client_secret"]) == "the client secret"
    assert cli.json("identity-providers", "edit", "1", "--off")["has_client_secret"]
    assert not cli.json("identity-providers", "edit", "1", "--no-client-secret")["has_client_secret"]
    for secret in ("", " \n", "a\0b", "x" * 1001):
        assert cli.error("identity-providers", "edit", "1", "--client-secret-stdin", stdin=secret) == (
            "the client secret must have 1 to 1000 printable characters"
        )


def test_groups_give_roles(cli: Cli) -> None:
    roles = ("--groups-claim", "groups", "--role", "support=moderator", "--role", "a=b=admin")
    expected = {**CREATED, "groups_claim": "groups", "roles": {"support": "moderator", "a=b": "admin"}}

    assert cli.json(*CREATE, *roles) == expected
    assert "support=moderator, a=b=admin" in cli.run("identity-providers", "list").out
    assert cli.json("identity-providers", "edit", "1", "--role", "it=admin")["roles"] == {"it": "admin"}
    edited = cli.json("identity-providers", "edit", "1", "--no-groups-claim", "--scope", "openid", "--off")
    assert (edited["groups_claim"], edited["scopes"], edited["enabled"]) == (None, "openid", False)
    assert cli.json("identity-providers", "edit", "1", "--on")["enabled"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--role", "it=admin"), "--role needs --groups-claim, the claim that has the groups"),
        (("--groups-claim", "groups", "--role", "it=owner"), "--role must be GROUP=ROLE with one of the roles user"),
        (("--groups-claim", "groups", "--role", "admin"), "--role must be GROUP=ROLE with one of the roles user"),
    ],
)
def test_wrong_roles_are_a_usage_error(cli: Cli, options: tuple[str, ...], message: str) -> None:
    assert message in cli.usage_error(*CREATE, *options)
    assert cli.json("identity-providers", "list") == {"identity_providers": []}


def test_invalid_settings_are_explained(cli: Cli) -> None:
    cli.json(*CREATE)

    assert cli.error("identity-providers", "create") == ("name is missing; issuer is missing; client id is missing")
    assert cli.error("identity-providers", "edit", "1", "--issuer", "http://id.example") == (
        "issuer must be an address that begins with https://, without a user, ? or # (http:// on this machine only)"
    )
    assert cli.error("identity-providers", "edit", "1", "--scope", "email") == "scopes must contain openid"
    assert cli.error("identity-providers", "edit", "1", "--name", "") == "name must not be blank"
    assert cli.error(*CREATE, "--client-id", "other") == "another identity provider of this portal has this name"
    assert cli.error(*CREATE, "--name", "Other") == (
        "another identity provider of this portal has this issuer and client id"
    )
    for both in (
        ("--client-secret-stdin", "--no-client-secret"),
        ("--groups-claim", "groups", "--no-groups-claim"),
    ):
        assert "not both" in cli.usage_error("identity-providers", "edit", "1", *both)
    assert cli.json("identity-providers", "list") == {"identity_providers": [CREATED]}
