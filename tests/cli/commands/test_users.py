"""`earshot users`."""

import pytest

from tests.cli.conftest import Cli
from tests.cli.database import Rows, create_post_with_file

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


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_cut_list_of_users_says_how_many_follow(cli: Cli, rows: Rows, form: tuple[str, ...]) -> None:
    # As many as fill a list of the default length, and another portal has users as well.
    for number in range(99):
        rows(
            "INSERT INTO users (portal_id, uuid, name, role, created_at, updated_at) "
            "SELECT portal_id, :uuid, 'Jane', 'user', created_at, updated_at FROM users WHERE id = 1",
            uuid=f"{number:036}",
        )
    cli.run("portals", "set", "host", "feedback.example.com")
    cli.json("portals", "create", "--title", "Ideas", "--host", "ideas.example.com")
    cli.json("users", "create", "--email", "jane@example.com", "--portal", "2")
    there = ("users", "list", "--portal", "1", *form)

    assert cli.run(*there).err == ""
    cli.json("users", "create", "--email", "joe@example.com", "--portal", "1")
    whole = cli.run(*there, "--limit", "101")
    cut = cli.run(*there)

    assert (whole.code, whole.err) == (0, "")
    assert (cut.code, cut.err) == (0, "earshot: 1 more user: add --skip 100, or a higher --limit\n")
    assert ("joe@example.com" in cut.out, "joe@example.com" in whole.out) == (False, True)
    assert cli.run(*there, "--limit", "40", "--skip", "20").err == (
        "earshot: 41 more users: add --skip 60, or a higher --limit\n"
    )
    assert "joe@example.com" in cli.run(*there, "--skip", "100").out
    assert cli.run(*there, "--skip", "200").err == ""


def test_an_email_is_unique_and_a_portal_has_one_owner(cli: Cli) -> None:
    assert cli.error("users", "create", "--email", OWNER.upper()) == "there is a user with this address already"
    assert cli.error("users", "create", "--email", "jane@example.com", "--role", "owner") == (
        "the portal has an owner already, and can have only one; to change it: earshot users transfer-ownership USER"
    )
    assert cli.error("users", "create", "--email", "nonsense") == "nonsense is not an e-mail address"
    assert cli.usage_error("users", "create", "--email", "jane@example.com", "--role", "king") == (
        "Invalid value for '--role': must be one of owner, admin, moderator, user"
    )
    assert len(cli.json("users", "list")["users"]) == 1


def test_keys_of_a_blocked_user_are_revoked_for_good(cli: Cli) -> None:
    cli.json("users", "create", "--email", "jane@example.com", "--role", "admin")
    cli.json("keys", "create", "--user", "jane@example.com", "--dialect", "astuto")

    assert cli.json("users", "block", "jane@example.com")["blocked"] is True
    assert cli.json("keys", "list")["keys"][2]["revoked_at"] is not None
    assert cli.json("users", "unblock", "jane@example.com")["blocked"] is False
    assert cli.json("keys", "list")["keys"][2]["revoked_at"] is not None
    assert cli.error("users", "block", OWNER) == "the owner of a portal can't be blocked"


@pytest.mark.parametrize(
    ("command", "text", "revoked_keys"),
    [
        ("role USER moderator", "USER is moderator", 1),
        ("role USER user", "USER is user", 2),
        ("edit USER --role user", "USER was changed", 2),
        ("block USER", "USER is blocked", 2),
        ("delete USER --yes", "USER was deleted", 2),
    ],
)
def test_a_command_says_how_many_keys_it_revoked(cli: Cli, command: str, text: str, revoked_keys: int) -> None:
    addresses = ("jane@example.com", "joe@example.com")
    for address in addresses:
        cli.json("users", "create", "--email", address, "--role", "admin")
        for dialect in ("astuto", "productlift", "productlift"):
            key = cli.json("keys", "create", "--user", address, "--dialect", dialect)["id"]
        cli.json("keys", "revoke", str(key))
    jane, joe = [command.replace("USER", address).split() for address in addresses]

    done = cli.run("users", *jane)

    line = "1 key was revoked" if revoked_keys == 1 else f"{revoked_keys} keys were revoked"
    assert (done.code, done.out) == (0, f"{text.replace('USER', addresses[0])}\n{line}\n")
    assert cli.json("users", *joe)["revoked_keys"] == revoked_keys
    active = [key["user"] for key in cli.json("keys", "list")["keys"] if key["state"] == "active"]
    assert len(active) == 2 + 2 * (2 - revoked_keys)


@pytest.mark.parametrize("command", ["role jane@example.com admin", "block jane@example.com", "delete 2 --yes"])
def test_a_command_that_revokes_no_key_mentions_none(cli: Cli, command: str) -> None:
    cli.json("users", "create", "--email", "jane@example.com")

    assert "revoked" not in cli.run("users", *command.split()).out

    assert [key["state"] for key in cli.json("keys", "list")["keys"]] == ["active"] * 2
    if not command.startswith("delete"):
        assert cli.json("users", *command.split())["revoked_keys"] == 0


def test_an_edited_user_is_named_by_the_new_address(cli: Cli) -> None:
    jane = str(cli.json("users", "create", "--email", "jane@example.com")["id"])

    edited = cli.run("users", "edit", "jane@example.com", "--email", "Jane.Roe@Example.com")

    assert edited.out == "jane.roe@example.com was changed\n"
    assert cli.run("users", "edit", jane, "--email", "jane@example.com").out == "jane@example.com was changed\n"
    assert cli.run("users", "edit", jane, "--name", "Jane").out == f"{jane} was changed\n"


def test_a_role_can_not_be_changed_to_or_from_owner(cli: Cli) -> None:
    cli.json("users", "create", "--email", "jane@example.com", "--role", "admin")
    for dialect in ("astuto", "productlift"):
        cli.json("keys", "create", "--user", "jane@example.com", "--dialect", dialect)

    assert cli.json("users", "role", "jane@example.com", "moderator")["role"] == "moderator"

    keys = cli.json("keys", "list")["keys"][2:]
    assert [(key["dialect"], key["revoked_at"] is None) for key in keys] == [("astuto", True), ("productlift", False)]
    message = (
        "role can't be changed: a portal has exactly one owner; to change it: earshot users transfer-ownership USER"
    )
    assert cli.error("users", "role", "jane@example.com", "owner") == message
    assert cli.error("users", "role", OWNER, "user") == message


def test_an_unknown_user_is_an_error(cli: Cli) -> None:
    for name in ("nobody@example.com", "77", "99999999999999999999", "0", "9c6a1e2e-0000-4000-8000-000000000000"):
        assert cli.error("users", "block", name) == f"there is no user {name}"


def test_a_user_is_shown_with_every_field(cli: Cli) -> None:
    created = cli.json("users", "create", "--email", "jane@example.com", "--password-stdin", stdin="open sesame")
    cli.json("users", "block", "jane@example.com")

    details = cli.json("users", "show", "JANE@example.com")

    for name in ("created_at", "updated_at", "blocked_at"):
        assert details.pop(name).startswith("20")
    assert details == {
        "id": created["id"],
        "uuid": created["uuid"],
        "email": "jane@example.com",
        "name": "Jane",
        "role": "user",
        "blocked": True,
        "deleted": False,
        "posts": 0,
        "votes": 0,
        "comments": 0,
        "deleted_at": None,
        "has_password": True,
    }
    output = cli.run("users", "show", str(created["id"])).out.splitlines()
    assert [line.split()[-1] for line in output if line.startswith(("email ", "has password", "deleted at"))] == [
        "jane@example.com",
        "-",
        "yes",
    ]
    assert cli.error("users", "show", "77") == "there is no user 77"


def test_the_plan_of_a_user_is_set_and_removed(cli: Cli) -> None:
    created = cli.json("users", "create", "--email", "jane@example.com", "--plan", " Pro ")
    without = cli.json("users", "create", "--email", "joe@example.com")
    jane, joe = str(created["id"]), str(without["id"])
    before = cli.json("users", "show", joe)
    assert cli.json("users", "show", jane)["plan"] == "Pro"
    assert "plan" not in before

    cli.json("users", "edit", joe, "--plan", "Team")
    cli.json("users", "edit", joe, "--name", "Joe Roe")
    cli.json("users", "edit", jane, "--no-plan")

    assert cli.json("users", "show", joe)["plan"] == "Team"
    assert cli.run("users", "show", joe).out.splitlines()[-1].split() == ["plan", "Team"]
    assert "plan" not in cli.json("users", "show", jane)
    assert "give --plan or --no-plan, not both" in cli.usage_error("users", "edit", joe, "--plan", "Pro", "--no-plan")
    assert "must have at most 255 characters" in cli.usage_error("users", "edit", joe, "--plan", "x" * 256)
    assert cli.json("users", "show", joe)["plan"] == "Team"


def test_what_sign_on_has_stored_is_shown(cli: Cli, rows: Rows) -> None:
    stored = {"uid": "c-17", "avatar_url": "https://example.com/a.png", "plan": "Pro", "company": "Globex", "mrr": 9.5}
    columns = ", ".join(f"{name} = :{name}" for name in stored)
    before = cli.json("users", "show", OWNER)

    rows(f"UPDATE users SET {columns}, segment_10 = 'ten' RETURNING id", **stored)

    assert cli.json("users", "show", OWNER) == before | stored | {"segment_10": "ten"}


def test_a_user_is_edited_by_the_rules_of_the_domain(cli: Cli) -> None:
    jane = cli.json("users", "create", "--email", "jane@example.com", "--role", "admin")["id"]
    cli.json("keys", "create", "--user", "jane@example.com", "--dialect", "productlift")

    edited = cli.json("users", "edit", str(jane), "--name", " Jane Roe ", "--email", "Jane.Roe@Example.com")
    assert (edited["id"], edited["name"], edited["email"], edited["role"]) == (
        jane,
        "Jane Roe",
        "jane.roe@example.com",
        "admin",
    )
    assert cli.usage_error("users", "edit", str(jane)) == (
        "Invalid value: give --email, --name, --role, --plan or --no-plan"
    )
    assert cli.json("users", "edit", str(jane), "--role", "moderator")["role"] == "moderator"
    assert cli.json("keys", "list")["keys"][2]["revoked_at"] is not None

    assert cli.json("users", "edit", OWNER, "--email", "boss@example.com")["email"] == "boss@example.com"
    assert cli.error("users", "edit", str(jane), "--email", "BOSS@example.com") == (
        "another user of this portal has this address"
    )
    assert "users transfer-ownership" in cli.error("users", "edit", str(jane), "--role", "owner")
    assert cli.usage_error("users", "edit", str(jane), "--email", "nobody") == (
        "Invalid value for '--email': must be an e-mail address such as jane@example.com, of at most 255 characters"
    )
    assert cli.usage_error("users", "edit", str(jane), "--name", " ") == "Invalid value for '--name': must not be blank"
    assert cli.usage_error("users", "edit", str(jane), "--role", "king") == (
        "Invalid value for '--role': must be one of owner, admin, moderator, user"
    )


def test_deleting_a_user_requires_a_confirmation(cli: Cli, rows: Rows) -> None:
    jane = cli.json("users", "create", "--email", "jane@example.com", "--role", "admin")["id"]
    cli.json("keys", "create", "--user", "jane@example.com", "--dialect", "astuto")
    before = rows("SELECT * FROM users ORDER BY id")

    assert cli.error("users", "delete", "jane@example.com") == (
        "this deletes jane@example.com for good, and keeps 0 posts, 0 comments and 0 votes: add --yes to confirm it"
    )
    assert cli.error("users", "delete", "jane@example.com", "--with-content") == (
        "this deletes jane@example.com for good, with 0 posts, 0 comments and 0 votes: add --yes to confirm it"
    )
    assert rows("SELECT * FROM users ORDER BY id") == before

    assert cli.json("users", "delete", "jane@example.com", "--yes") == {"id": jane, "deleted": True, "revoked_keys": 1}
    details = cli.json("users", "show", str(jane))
    assert (details["deleted"], details["email"], details["name"]) == (True, None, "[User Deleted]")
    assert cli.json("keys", "list")["keys"][2]["revoked_at"] is not None
    assert cli.error("users", "delete", str(jane), "--yes") == f"there is no user {jane}"
    assert cli.error("users", "edit", str(jane), "--name", "Jane") == f"there is no user {jane}"
    assert cli.error("users", "delete", OWNER, "--yes") == (
        "the owner of a portal can't be deleted: transfer the ownership first (earshot users transfer-ownership USER)"
    )


def test_the_content_of_a_user_stays_unless_it_is_to_be_deleted(cli: Cli, rows: Rows) -> None:
    for name, options, left in (("jane", [], 1), ("joe", ["--with-content"], 0)):
        author = cli.json("users", "create", "--email", f"{name}@example.com")["id"]
        post, file = create_post_with_file(cli.first_portal.portal_id, author)

        cli.json("users", "delete", f"{name}@example.com", "--yes", *options)

        assert len(rows("SELECT id FROM posts WHERE id = :id", id=post)) == left
        assert file.exists() == bool(left)


def test_the_ownership_is_transferred(cli: Cli) -> None:
    jane = cli.json("users", "create", "--email", "jane@example.com")["id"]
    blocked = cli.json("users", "create", "--email", "joe@example.com")["id"]
    cli.json("users", "block", str(blocked))

    assert cli.json("users", "transfer-ownership", "jane@example.com") == {
        "owner": jane,
        "former_owner": cli.first_portal.owner_id,
    }

    assert [user["role"] for user in cli.json("users", "list")["users"]] == ["admin", "owner", "user"]
    assert [key["revoked_at"] for key in cli.json("keys", "list")["keys"]] == [None, None]
    assert cli.error("users", "transfer-ownership", str(jane)) == "this user is the owner already"
    assert cli.error("users", "transfer-ownership", "77") == "there is no user 77"
    assert cli.error("users", "transfer-ownership", "joe@example.com") == (
        "a blocked user can't be the owner: unblock the user first (earshot users unblock USER)"
    )
