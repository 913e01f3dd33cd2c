"""`earshot users`."""

from app.adapters import passwords
from tests.cli.conftest import Cli
from tests.cli.database import Rows

OWNER = "owner@example.com"


def test_a_user_is_created_and_found_by_id_uuid_or_email(cli: Cli) -> None:
    created = cli.json("users", "create", "--email", " Jane.Doe@Example.com", "--role", "moderator")

    assert list(created) == ["id", "uuid"]
    jane = cli.json("users", "list")["users"][1]
    assert jane.pop("created_at")
    assert jane == {
        "id": created["id"],
        "uuid": created["uuid"],
        "email": "jane.doe@example.com",
        "name": "Jane Doe",
        "role": "moderator",
        "blocked": False,
        "deleted": False,
        "posts": 0,
        "votes": 0,
        "comments": 0,
    }
    for name in (str(created["id"]), created["uuid"].upper(), "JANE.DOE@example.com"):
        assert cli.json("users", "unblock", name)["id"] == created["id"]
    cli.json("users", "create", "--email", "joe@example.com", "--name", "Joe Roe")
    assert cli.json("users", "list", "--skip", "2", "--limit", "1")["users"][0]["name"] == "Joe Roe"


def test_an_email_is_unique_and_a_portal_has_one_owner(cli: Cli) -> None:
    assert cli.error("users", "create", "--email", OWNER.upper()) == "there is a user with this address already"
    assert cli.error("users", "create", "--email", "jane@example.com", "--role", "owner") == (
        "the portal has an owner already, and can have only one"
    )
    assert cli.error("users", "create", "--email", "nonsense") == "nonsense is not an e-mail address"
    assert cli.usage_error("users", "create", "--email", "jane@example.com", "--role", "king") == (
        "Invalid value for '--role': must be one of owner, admin, moderator, user"
    )
    assert len(cli.json("users", "list")["users"]) == 1


def test_a_password_is_read_from_standard_input_and_hashed(cli: Cli, rows: Rows) -> None:
    created = cli.json("users", "create", "--email", "jane@example.com", "--password-stdin", stdin="open sesame\n")
    (first,) = rows("SELECT password_hash FROM users WHERE id = :id", id=created["id"])
    cli.json("users", "password", "jane@example.com", "--password-stdin", stdin="another one")
    (second,) = rows("SELECT password_hash FROM users WHERE id = :id", id=created["id"])

    assert passwords.verify_and_rehash("open sesame", first["password_hash"]).is_valid
    assert passwords.verify_and_rehash("another one", second["password_hash"]).is_valid
    assert cli.error("users", "password", OWNER, "--password-stdin", stdin="short") == (
        "a password must have 8 to 1024 characters"
    )
    assert "add --password-stdin" in cli.usage_error("users", "password", OWNER)


def test_keys_of_a_blocked_user_are_revoked_for_good(cli: Cli) -> None:
    cli.json("users", "create", "--email", "jane@example.com", "--role", "admin")
    cli.json("keys", "create", "--user", "jane@example.com", "--dialect", "astuto")

    assert cli.json("users", "block", "jane@example.com")["blocked"] is True
    assert cli.json("keys", "list")["keys"][2]["revoked_at"] is not None
    assert cli.json("users", "unblock", "jane@example.com")["blocked"] is False
    assert cli.json("keys", "list")["keys"][2]["revoked_at"] is not None
    assert cli.error("users", "block", OWNER) == "the owner of a portal can't be blocked"


def test_a_role_can_not_be_changed_to_or_from_owner(cli: Cli) -> None:
    cli.json("users", "create", "--email", "jane@example.com", "--role", "admin")
    for dialect in ("astuto", "productlift"):
        cli.json("keys", "create", "--user", "jane@example.com", "--dialect", dialect)

    assert cli.json("users", "role", "jane@example.com", "moderator")["role"] == "moderator"

    keys = cli.json("keys", "list")["keys"][2:]
    assert [(key["dialect"], key["revoked_at"] is None) for key in keys] == [("astuto", True), ("productlift", False)]
    message = "role can't be changed: a portal has exactly one owner, always the same user"
    assert cli.error("users", "role", "jane@example.com", "owner") == message
    assert cli.error("users", "role", OWNER, "user") == message


def test_an_unknown_user_is_an_error(cli: Cli) -> None:
    for name in ("nobody@example.com", "77", "99999999999999999999", "0", "9c6a1e2e-0000-4000-8000-000000000000"):
        assert cli.error("users", "block", name) == f"there is no user {name}"
