"""Users in ProductLift's dialect. docs/contracts/productlift.md, sections 7.16 to 7.20."""

import json
from typing import Any

import pytest

from app.adapters import passwords
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import UNKNOWN_UUID, invalid, message_error, owner, unknown, user

MALFORMED = ["1", "abc", UNKNOWN_UUID[:-1], "{" + UNKNOWN_UUID + "}", "%00", "me"]


async def test_users_are_listed_oldest_first(make: Factory, productlift: Client) -> None:
    jane = await make.uuid(await make.user(name="Jane Roe", email="jane@example.com"))
    without_email = await make.uuid(await make.user(name="Nobody", email=None))
    admin = await make.uuid(await make.user(name="Ann", email="ann@example.com", role="admin"))
    helper = await make.uuid(await make.user(name="Mod", email="mod@example.com", role="moderator"))
    everyone = [
        owner(await make.uuid(make.owner)),
        user(jane, "Jane Roe", "jane@example.com"),
        user(without_email, "Nobody", number=3),
        user(admin, "Ann", "ann@example.com", number=4, role="admin"),
        user(helper, "Mod", "mod@example.com", number=5),
    ]

    listed = await productlift.get("/users")
    window = await productlift.send_json("GET", "/users", {"limit": 2, "skip": 3})

    whole = {"data": everyone, "hasMore": False, "total": 5, "skip": 0, "limit": 10}
    assert status_and_json(listed) == (200, whole)
    assert list(listed.json()) == list(whole)
    assert list(listed.json()["data"][0]) == list(everyone[0])
    assert status_and_json(window) == (200, {"data": everyone[3:], "hasMore": False, "total": 5, "skip": 3, "limit": 2})
    assert (await productlift.get("/users?limit=4")).json()["hasMore"] is True


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("limit=0", {"limit": "The limit must be at least 1."}),
        ("limit=101", {"limit": "The limit must not be greater than 100."}),
        ("limit=x&skip=x", {"limit": "The limit must be an integer.", "skip": "The skip must be an integer."}),
    ],
)
async def test_an_invalid_page_of_users_is_rejected(query: str, errors: dict[str, str], productlift: Client) -> None:
    assert status_and_json(await productlift.get(f"/users?{query}")) == invalid(**errors)


async def test_a_user_is_returned_with_exact_counters(make: Factory, productlift: Client) -> None:
    jane = await make.user(name="Jane Roe", email="jane@example.com")
    uuid = await make.uuid(jane)
    posts = [await make.post(author=jane, votes_by=[jane]) for _ in range(3)]
    await make.comment(posts[0], author=jane)
    await make.comment(posts[0], author=jane, internal=True)
    await make.vote(await make.post(), jane)

    expected = (200, {"data": user(uuid, "Jane Roe", "jane@example.com", votes=4, comments=1, posts=3)})
    assert status_and_json(await productlift.get(f"/users/{uuid}")) == expected
    assert status_and_json(await productlift.get(f"/users/{uuid.upper()}")) == expected


@pytest.mark.parametrize("named", [UNKNOWN_UUID, UNKNOWN_UUID.replace("0", "A"), *MALFORMED])
async def test_the_404_contains_an_unknown_user_as_sent(named: str, make: Factory, productlift: Client) -> None:
    post = await make.post()
    payload = unknown("User", named.replace("%00", "\0"))

    for verb in ("GET", "PUT", "PATCH", "DELETE"):
        response = await productlift.send_json(verb, f"/users/{named}", {"role": "x", "delete_all_data": "x"})
        assert status_and_json(response) == payload
    assert status_and_json(await productlift.post(f"/posts/{post}/votes/{named}")) == payload
    assert status_and_json(await productlift.delete(f"/posts/{post}/votes/{named}")) == payload


async def test_another_portals_users_are_unknown(make: Factory, productlift: Client) -> None:
    elsewhere, _ = await make.new_portal("Elsewhere", host="other.example.com", email="boss@example.com")
    await make.run("UPDATE portals SET host = 'feedback.example.com' WHERE id = :id", id=make.portal)
    theirs = await make.uuid(await make.user(email="jane@example.com", portal=elsewhere))

    assert status_and_json(await productlift.get(f"/users/{theirs}")) == unknown("User", theirs)
    assert status_and_json(await productlift.put(f"/users/{theirs}", json={"name": "Mine"})) == unknown("User", theirs)
    assert status_and_json(await productlift.delete(f"/users/{theirs}")) == unknown("User", theirs)
    assert (await productlift.get("/users/find_by_email?email=jane@example.com")).status_code == 404
    assert (await productlift.get("/users")).json()["total"] == 1
    # An address is unique in its portal only.
    assert (await productlift.post("/users", json={"email": "jane@example.com", "role": "member"})).status_code == 200


@pytest.mark.parametrize("email", ["jane@example.com", "JANE@Example.COM", "  jane@example.com "])
async def test_a_user_is_found_by_email_in_any_case(email: str, make: Factory, productlift: Client) -> None:
    uuid = await make.uuid(await make.user(name="Jane Roe", email="Jane@Example.com"))
    expected = (200, {"data": user(uuid, "Jane Roe", "jane@example.com")})

    assert status_and_json(await productlift.send_json("GET", "/users/find_by_email", {"email": email})) == expected
    assert status_and_json(await productlift.get("/users/find_by_email", params={"email": email})) == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "The email field is required."),
        ({"email": " "}, "The email field is required."),
        ({"email": "a\0@b.c"}, "The email must be a valid email address."),
        ({"email": "x" * 180 + "@example.com"}, "The email must not be greater than 191 characters."),
    ],
)
async def test_an_invalid_email_in_a_search_is_rejected(body: Any, message: str, productlift: Client) -> None:
    assert status_and_json(await productlift.send_json("GET", "/users/find_by_email", body)) == invalid(email=message)


async def test_an_unknown_email_has_a_separate_error_message(make: Factory, productlift: Client) -> None:
    await make.user(email=None)

    for email in ("nobody@example.com", "jane@localhost", "ñ@exämple.org"):
        response = await productlift.get("/users/find_by_email", params={"email": email})
        assert status_and_json(response) == (404, {"message": "User not found"})


@pytest.mark.parametrize(
    ("sent", "name", "email", "role", "stored"),
    [
        (
            {"email": "Jane.van_der-ROE@Example.com", "role": "member"},
            "Jane Van Der Roe",
            "jane.van_der-roe@example.com",
            "member",
            "user",
        ),
        ({"email": "jane@localhost", "role": "admin"}, "Jane", "jane@localhost", "admin", "admin"),
        ({"email": "j@x.org", "role": "member", "name": " Ms J "}, "Ms J", "j@x.org", "member", "user"),
        ({"email": "j@x.org", "role": "member", "name": ""}, "J", "j@x.org", "member", "user"),
        ({"email": "__@x.org", "role": "member"}, "User", "__@x.org", "member", "user"),
        ({"role": "member"}, "User", "", "member", "user"),
        ({"role": "member", "email": "", "name": "Ghost"}, "Ghost", "", "member", "user"),
    ],
)
async def test_a_user_is_created(
    sent: dict[str, Any], name: str, email: str, role: str, stored: str, make: Factory, productlift: Client
) -> None:
    created = await productlift.post("/users", json=sent)

    uuid = created.json()["data"]["id"]
    expected = (200, {"data": user(uuid, name, email, role=role)})
    assert status_and_json(created) == expected
    assert status_and_json(await productlift.get(f"/users/{uuid}")) == expected
    row = await make.row("SELECT role, email, password_hash FROM users WHERE uuid = :uuid", uuid=uuid)
    assert row == {"role": stored, "email": email or None, "password_hash": None}


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, {"role": "The role field is required."}),
        ({"role": "owner"}, {"role": "The selected role is invalid."}),
        ({"role": "moderator"}, {"role": "The selected role is invalid."}),
        ({"role": "Admin"}, {"role": "The selected role is invalid."}),
        ({"role": "member", "email": "İ" * 180 + "@x.org"}, {"email": "The email must be a valid email address."}),
        (
            {
                "role": "member",
                "email": "x" * 180 + "@example.com",
                "name": "x" * 101,
                "invitation_message": "x" * 1001,
                "password": "x" * 101,
            },
            {
                "email": "The email must not be greater than 191 characters.",
                "name": "The name must not be greater than 100 characters.",
                "invitation_message": "The invitation message must not be greater than 1000 characters.",
                "password": "The password must not be greater than 100 characters.",
            },
        ),
        (
            {"email": "x", "role": 1, "name": 7, "password": "1234567"},
            {
                "email": "The email must be a valid email address.",
                "role": "The selected role is invalid.",
                "name": "The name must be a string.",
                "password": "The password must be at least 8 characters.",
            },
        ),
        ({"role": "member", "password": 12345678}, {"password": "The password must be a string."}),
    ],
)
async def test_an_invalid_user_is_rejected_with_every_error(
    sent: dict[str, Any], errors: dict[str, str], make: Factory, productlift: Client
) -> None:
    assert status_and_json(await productlift.post("/users", json=sent)) == invalid(**errors)
    assert await make.value("SELECT count(*) FROM users") == 1


@pytest.mark.parametrize("email", ["jane@example.com", " JANE@example.com"])
async def test_a_user_with_a_known_email_is_rejected(email: str, make: Factory, productlift: Client) -> None:
    await make.user(email="Jane@example.com")

    assert status_and_json(await productlift.post("/users", json={"email": email, "role": "member"})) == message_error(
        "User already exists"
    )
    # The errors of the input come first.
    assert status_and_json(await productlift.post("/users", json={"email": email, "role": "x"})) == invalid(
        role="The selected role is invalid."
    )
    assert await make.value("SELECT count(*) FROM users") == 2


async def test_a_password_is_hashed_without_trimming(make: Factory, productlift: Client) -> None:
    sent = {"email": "jane@example.com", "role": "member", "password": "  pass word ", "invitation_message": "Welcome"}

    created = await productlift.post("/users", json=sent)

    stored = await make.value("SELECT password_hash FROM users WHERE email = 'jane@example.com'")
    assert stored.startswith("$argon2id$")
    assert passwords.verify_and_rehash("  pass word ", stored).is_valid
    assert not passwords.verify_and_rehash("pass word", stored).is_valid
    assert "password" not in created.text
    # The user can sign in, so no invitation is needed.
    assert await make.facts("user.invited") == []


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({}, None),
        ({"invitation_message": "Come in!"}, "Come in!"),
        ({"invitation_message": "", "skip_email": "", "password": ""}, None),
    ],
)
async def test_a_user_without_a_password_is_invited(
    sent: dict[str, Any], message: str | None, make: Factory, productlift: Client
) -> None:
    await productlift.post("/users", json={"email": "jane@example.com", "role": "member", **sent})

    (event,) = await make.facts("user.invited")
    assert (event["subject_id"], json.loads(event["body"])) == (2, {"message": message})
    assert [event["subject_id"] for event in await make.facts("user.registered")] == [1, 2]


@pytest.mark.parametrize("value", [True, False, 0, "0", "no", [1], {"a": 1}])
async def test_any_value_of_skip_email_except_null_prevents_the_email(
    value: Any, make: Factory, productlift: Client
) -> None:
    sent = {"email": "jane@example.com", "role": "member", "skip_email": value}

    assert (await productlift.post("/users", json=sent)).status_code == 200
    assert await make.facts("user.invited") == []


async def test_users_without_an_email_are_accepted_and_not_invited(make: Factory, productlift: Client) -> None:
    for _ in range(2):
        assert (await productlift.post("/users", json={"role": "member"})).status_code == 200

    assert await make.facts("user.invited") == []


@pytest.mark.parametrize("verb", ["PUT", "PATCH"])
async def test_a_user_update_keeps_null_and_missing_fields(verb: str, make: Factory, productlift: Client) -> None:
    jane = await make.user(name="Jane Roe", email="jane@example.com")
    uuid = await make.uuid(jane)
    before = await make.row("SELECT * FROM users WHERE id = :id", id=jane)
    path = f"/users/{uuid}"

    nothing = await productlift.send_json(verb, path, {"name": None, "email": "", "role": None, "password": None})
    same = await productlift.send_json(verb, path, {"name": "Jane Roe", "email": "JANE@example.com", "role": "member"})
    assert (
        status_and_json(nothing) == status_and_json(same) == (200, {"data": user(uuid, "Jane Roe", "jane@example.com")})
    )
    assert await make.row("SELECT * FROM users WHERE id = :id", id=jane) == before

    named = await productlift.send_json(verb, path, {"name": "Ms Roe"})
    moved = await productlift.send_json(verb, path, {"email": "Roe@example.com"})
    assert status_and_json(named) == (200, {"data": user(uuid, "Ms Roe", "jane@example.com")})
    assert status_and_json(moved) == (200, {"data": user(uuid, "Ms Roe", "roe@example.com")})
    assert (await productlift.get("/users/find_by_email?email=jane@example.com")).status_code == 404


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({"email": "x"}, {"email": "The email must be a valid email address."}),
        ({"email": "OWNER@example.com"}, {"email": "The email has already been taken."}),
        ({"role": "owner"}, {"role": "The selected role is invalid."}),
        ({"name": "x" * 101}, {"name": "The name must not be greater than 100 characters."}),
        ({"password": "1234567"}, {"password": "The password must be at least 8 characters."}),
        (
            {"email": "owner@example.com", "role": "boss", "name": 1},
            {
                "email": "The email has already been taken.",
                "role": "The selected role is invalid.",
                "name": "The name must be a string.",
            },
        ),
    ],
)
async def test_an_invalid_update_of_a_user_is_rejected_with_every_error(
    sent: dict[str, Any], errors: dict[str, str], make: Factory, productlift: Client
) -> None:
    jane = await make.user()
    before = await make.row("SELECT * FROM users WHERE id = :id", id=jane)

    response = await productlift.patch(f"/users/{await make.uuid(jane)}", json={"name": "New", **sent})

    assert status_and_json(response) == invalid(**errors)
    assert list(response.json()["errors"]) == list(errors)
    assert await make.row("SELECT * FROM users WHERE id = :id", id=jane) == before


@pytest.mark.parametrize(
    ("role", "sent", "stored"),
    [
        ("owner", "admin", "owner"),
        ("admin", "admin", "admin"),
        ("admin", "member", "user"),
        ("moderator", "member", "moderator"),
        ("moderator", "admin", "admin"),
        ("user", "member", "user"),
        ("user", "admin", "admin"),
    ],
)
async def test_writing_back_a_returned_role_changes_nothing(
    role: str, sent: str, stored: str, make: Factory, productlift: Client
) -> None:
    who = make.owner if role == "owner" else await make.user(role=role)
    uuid = await make.uuid(who)
    before = await make.value("SELECT updated_at FROM users WHERE id = :id", id=who)

    response = await productlift.put(f"/users/{uuid}", json={"role": sent})

    assert (response.status_code, response.json()["data"]["role"]) == (200, sent)
    assert await make.value("SELECT role FROM users WHERE id = :id", id=who) == stored
    if stored == role:
        assert await make.value("SELECT updated_at FROM users WHERE id = :id", id=who) == before


async def test_the_role_of_the_owner_can_not_be_changed(make: Factory, productlift: Client) -> None:
    path = f"/users/{await make.uuid(make.owner)}"

    alone = await productlift.put(path, json={"role": "member"})
    together = await productlift.put(path, json={"role": "member", "email": "x", "name": "Other"})

    assert status_and_json(alone) == invalid(role="The selected role is invalid.")
    assert status_and_json(together) == invalid(
        email="The email must be a valid email address.", role="The selected role is invalid."
    )
    assert await make.row("SELECT role, name FROM users") == {"role": "owner", "name": "Owner"}


async def test_only_the_owner_can_change_the_email_and_password_of_the_owner(
    make: Factory, productlift: Client
) -> None:
    path = f"/users/{await make.uuid(make.owner)}"
    admin = productlift.of(await make.key(await make.user(role="admin"), "productlift"))
    await make.run("UPDATE users SET password_hash = 'kept' WHERE id = :id", id=make.owner)
    before = await make.row("SELECT * FROM users WHERE id = :id", id=make.owner)
    owner_only = message_error("The email and password of the owner can only be changed by the owner.")

    for verb in ("PUT", "PATCH"):
        for sent in ({"email": "mine@example.com"}, {"password": "correct horse"}):
            assert status_and_json(await admin.send_json(verb, path, sent)) == owner_only
            both = await admin.send_json(verb, path, {"name": "Mine", "role": "admin", **sent})
            assert status_and_json(both) == owner_only
    read = (await admin.get(path)).json()["data"]
    back = await admin.put(path, json={name: read[name] for name in ("email", "name", "role")} | {"password": None})
    assert status_and_json(back) == (200, {"data": read})
    assert await make.row("SELECT * FROM users WHERE id = :id", id=make.owner) == before

    named = await admin.patch(path, json={"name": "Boss", "email": "OWNER@example.com"})
    assert (named.status_code, named.json()["data"]["name"]) == (200, "Boss")

    own = await productlift.patch(path, json={"email": "boss@example.com", "password": "correct horse"})
    assert (own.status_code, own.json()["data"]["email"]) == (200, "boss@example.com")
    stored = await make.value("SELECT password_hash FROM users WHERE id = :id", id=make.owner)
    assert passwords.verify_and_rehash("correct horse", stored).is_valid


async def test_administrators_can_change_the_email_and_password_of_others(make: Factory, productlift: Client) -> None:
    one, other = [await make.user(role="admin") for _ in range(2)]
    theirs = productlift.of(await make.key(one, "productlift"))
    sent = {"email": "other@example.com", "password": "correct horse"}

    assert (await theirs.patch(f"/users/{await make.uuid(other)}", json=sent)).status_code == 200
    stored = await make.value("SELECT password_hash FROM users WHERE id = :id", id=other)
    assert passwords.verify_and_rehash("correct horse", stored).is_valid


async def test_the_keys_of_a_demoted_administrator_are_revoked_for_good(make: Factory, productlift: Client) -> None:
    admin = await make.user(role="admin")
    uuid = await make.uuid(admin)
    theirs = productlift.of(await make.key(admin, "productlift"))
    both = theirs.of(await make.key(admin, "astuto"))
    assert (await theirs.get("/portal")).status_code == 200

    await productlift.put(f"/users/{uuid}", json={"role": "member"})
    assert status_and_json(await theirs.get("/portal")) == (401, {"message": "Unauthenticated."})
    assert (await both.get("/boards")).status_code == 401

    await productlift.put(f"/users/{uuid}", json={"role": "admin"})
    assert (await theirs.get("/portal")).status_code == 401
