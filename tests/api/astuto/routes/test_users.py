"""Users in Astuto's dialect. docs/contracts/astuto.md, sections 1.3 and 2.5."""

from datetime import UTC, datetime

import pytest

from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.factory import Factory

NINE = datetime(2026, 1, 12, 9, 30, 0, 123999, tzinfo=UTC)
NOT_AUTHORIZED = {"errors": ["You are not authorized to perform this action."]}


async def mark_deleted(make: Factory, user: int) -> None:
    """Change the row of a user as the deletion of a user does."""
    await make.run(
        "UPDATE users SET deleted_at = updated_at, email = NULL, email_key = NULL, name = '[User Deleted]'"
        " WHERE id = :id",
        id=user,
    )


async def test_the_members_of_single_and_listed_users_differ_in_order(
    make: Factory, astuto: Client, clock: TestClock
) -> None:
    clock.set(NINE)
    jane = await make.user(name="Jane Roe", email="jane@example.com", role="admin")

    single = await astuto.get(f"/users/{jane}")
    by_email = await astuto.get("/users/get_by_email", params={"email": "jane@example.com"})
    listed = await astuto.get("/users", params={"limit": 1, "offset": 1})

    moments = '"created_at":"2026-01-12T09:30:00.123Z","updated_at":"2026-01-12T09:30:00.123Z"'
    assert single.status_code == 200
    assert single.text == f'{{"id":{jane},"email":"jane@example.com","full_name":"Jane Roe",{moments}}}'
    assert by_email.content == single.content
    assert listed.text == f'[{{"id":{jane},"email":"jane@example.com",{moments},"full_name":"Jane Roe"}}]'


async def test_users_are_listed_newest_first_including_blocked_and_deleted(make: Factory, astuto: Client) -> None:
    jane, john, jack = [await make.user(name=name, email=None) for name in ("Jane", "John", "Jack")]
    await astuto.put(f"/users/{jane}/block")
    await mark_deleted(make, john)

    response = await astuto.get("/users")

    payload = [(row["id"], row["email"], row["full_name"]) for row in response.json()]
    assert payload == [
        (jack, "", "Jack"),
        (john, f"deleted-{john}@deleted.invalid", "[User Deleted]"),
        (jane, "", "Jane"),
        (make.owner, "owner@example.com", "Owner"),
    ]


async def test_a_user_with_the_name_of_deleted_users_is_not_deleted(make: Factory, astuto: Client) -> None:
    user = await make.user(name="[User Deleted]", email=None)

    assert (await astuto.get(f"/users/{user}")).json()["email"] == ""


async def test_a_deleted_users_posts_comments_and_votes_show_the_deleted_user(make: Factory, astuto: Client) -> None:
    user = await make.user()
    post = await make.post(author=user)
    comment, vote = await make.comment(post, author=user), await make.vote(post, user)
    await mark_deleted(make, user)

    authors = [
        (await astuto.get(path)).json()["user"] for path in (f"/posts/{post}", f"/comments/{comment}", f"/votes/{vote}")
    ]

    assert [(author["id"], author["email"], author["full_name"]) for author in authors] == [
        (user, f"deleted-{user}@deleted.invalid", "[User Deleted]")
    ] * 3


@pytest.mark.parametrize("email", ["jane@example.com", "JANE@Example.com", "  jane@example.com "])
async def test_an_email_is_found_in_any_case_and_with_padding(make: Factory, astuto: Client, email: str) -> None:
    jane = await make.user(email="jane@example.com")

    in_query = await astuto.get("/users/get_by_email", params={"email": email})
    in_body = await astuto.send_json("GET", "/users/get_by_email", {"email": email})

    assert (in_query.status_code, in_query.json()["id"]) == (in_body.status_code, in_body.json()["id"]) == (200, jane)


async def test_an_email_in_an_array_of_one_is_found(make: Factory, astuto: Client) -> None:
    jane, path = await make.user(email="jane@example.com"), "/users/get_by_email"

    result = [
        await astuto.get(path, params={"email[]": " JANE@example.com"}),
        await astuto.send_json("GET", path, {"email": ["jane@example.com"]}),
        await astuto.send_json("GET", path, {"email": [None, "jane@example.com"]}),
        await astuto.request("GET", path, data={"email[]": "jane@example.com"}),
    ]
    not_found = [
        await astuto.send_json("GET", path, {"email": email})
        for email in (
            [], [None], [""], ["jane@example.com", "owner@example.com"], [["jane@example.com"]],
            [{"a": "jane@example.com"}], {"a": "jane@example.com"}, {}, ["nobody@example.com"],
        )
    ]  # fmt: skip

    assert [(response.status_code, response.json()["id"]) for response in result] == [(200, jane)] * 4
    rejected = {(response.status_code, response.text) for response in not_found}
    assert rejected == {(404, '{"errors":["User with email  not found"]}')}


@pytest.mark.parametrize(
    ("params", "email"),
    [({}, ""), ({"email": ""}, ""), ({"email": " No@One.com"}, " No@One.com"), ({"email[]": "a@b"}, "")],
)
async def test_the_404_contains_an_unknown_email_as_sent(
    make: Factory, astuto: Client, params: dict[str, str], email: str
) -> None:
    await make.user(email=None)

    response = await astuto.get("/users/get_by_email", params=params)

    assert (response.status_code, response.json()) == (404, {"errors": [f"User with email {email} not found"]})


async def test_a_new_user_is_active_with_the_role_user_and_no_password(make: Factory, astuto: Client) -> None:
    response = await astuto.post(
        "/users",
        json={"email": " New2@X.Com ", "full_name": " Jane Roe", "role": "admin", "password": "secret", "status": 1},
    )

    user = response.json()["id"]
    assert (response.status_code, response.text) == (201, f'{{"id":{user}}}')
    stored = await make.row(
        "SELECT email, name, role, password_hash, blocked_at, recap, notifications_enabled FROM users WHERE id = :id",
        id=user,
    )
    assert {**stored, "notifications_enabled": bool(stored["notifications_enabled"])} == {
        "email": "new2@x.com",
        "name": " Jane Roe",
        "role": "user",
        "password_hash": None,
        "blocked_at": None,
        "recap": "never",
        "notifications_enabled": True,
    }
    assert [fact["subject_id"] for fact in await make.facts("user.registered")][1:] == [user]


@pytest.mark.parametrize("email", ["jane@example.com", " JANE@example.COM", "Jane@Example.com\n"])
async def test_creating_a_user_with_a_known_email_returns_that_user(make: Factory, astuto: Client, email: str) -> None:
    jane = await make.user(name="Jane Roe", email="jane@example.com")
    await astuto.put(f"/users/{jane}/block")
    before = await make.rows("SELECT * FROM users")

    response = await astuto.post("/users", json={"email": email, "full_name": ""})

    assert (response.status_code, response.json()) == (200, {"id": jane})
    assert await make.rows("SELECT * FROM users") == before


async def test_a_deleted_user_is_found_by_the_email_in_the_response(make: Factory, astuto: Client) -> None:
    gone, there = await make.user(), await make.user()
    await mark_deleted(make, gone)
    address = f"deleted-{gone}@deleted.invalid"

    upserted = await astuto.post("/users", json={"email": address, "full_name": "Anew"})
    result = await astuto.get("/users/get_by_email", params={"email": address.upper()})
    of_other = await astuto.get("/users/get_by_email", params={"email": f"deleted-{there}@deleted.invalid"})

    assert (upserted.status_code, upserted.json()) == (200, {"id": gone})
    assert result.json()["id"] == gone
    assert of_other.status_code == 404


@pytest.mark.parametrize("full_name", [None, False, ["x"], {"a": 1}])
async def test_the_default_name_of_a_user_is_the_email_as_sent(
    make: Factory, astuto: Client, full_name: object
) -> None:
    response = await astuto.post("/users", json={"email": " New@X.com", "full_name": full_name})
    absent = await astuto.post("/users", json={"email": "Other@X.com"})

    names = [
        await make.value("SELECT name FROM users WHERE id = :id", id=created.json()["id"])
        for created in (response, absent)
    ]
    assert names == [" New@X.com", "Other@X.com"]


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        (
            {},
            [
                "Full name cannot be blank",
                "Full name is too short (minimum 2 characters)",
                "Email cannot be blank",
                "Email is invalid",
            ],
        ),
        (
            {"email": "a@b", "full_name": ""},
            ["Full name cannot be blank", "Full name is too short (minimum 2 characters)"],
        ),
        ({"email": "a@b", "full_name": "   "}, ["Full name cannot be blank"]),
        ({"email": "a@b", "full_name": "J"}, ["Full name is too short (minimum 2 characters)"]),
        ({"email": "a@b", "full_name": "J" * 65}, ["Full name is too long (maximum 64 characters)"]),
        ({"email": "a" * 60 + "@b.com"}, ["Full name is too long (maximum 64 characters)"]),
        ({"email": "jane", "full_name": "Jane"}, ["Email is invalid"]),
        ({"email": "jane doe@x.com", "full_name": "Jane"}, ["Email is invalid"]),
        ({"email": "jané@x.com", "full_name": "Jane"}, ["Email is invalid"]),
        ({"email": "a@b@c", "full_name": "Jane"}, ["Email is invalid"]),
        ({"email": "a" * 300 + "@b.com", "full_name": "Jane"}, ["Email is invalid"]),
        ({"email": ["jane@x.com"]}, ["Email is invalid"]),
        ({"email": ["jane@x.com"], "full_name": "Jane"}, ["Email is invalid"]),
        ({"email": ["owner@example.com"]}, ["Email is invalid"]),
        ({"email": ["a" * 70 + "@x.com", None]}, ["Email is invalid"]),
        ({"email": ["jane@x.com", "john@x.com"]}, ["Email is invalid"]),
        ({"email": [["jane@x.com"]]}, ["Email is invalid"]),
        ({"email": [{"a": "jane@x.com"}]}, ["Email is invalid"]),
        ({"email": [], "full_name": "Jane"}, ["Email cannot be blank", "Email is invalid"]),
        ({"email": [None], "full_name": "Jane"}, ["Email cannot be blank", "Email is invalid"]),
        ({"email": {"a": "jane@x.com"}, "full_name": "Jane"}, ["Email cannot be blank", "Email is invalid"]),
        ({"email": "  ", "full_name": "Jane"}, ["Email cannot be blank", "Email is invalid"]),
    ],
)
async def test_an_invalid_user_is_rejected(
    make: Factory, astuto: Client, body: dict[str, object], messages: list[str]
) -> None:
    response = await astuto.post("/users", json=body)

    assert (response.status_code, response.json()) == (422, {"errors": messages})
    assert await make.value("SELECT count(*) FROM users") == 1


@pytest.mark.parametrize("form", ["data", "files", "params"])
async def test_an_email_in_an_array_is_rejected_in_forms_and_queries(make: Factory, astuto: Client, form: str) -> None:
    sent = {"email[]": (None, "jane@x.com") if form == "files" else "jane@x.com"}

    response = await astuto.request("POST", "/users", **{form: sent})  # type: ignore[arg-type]

    assert (response.status_code, response.json()) == (422, {"errors": ["Email is invalid"]})
    assert await make.value("SELECT count(*) FROM users") == 1


@pytest.mark.parametrize("body", [{"email": "a@b", "full_name": 42}, {"email": "x@y.z", "full_name": "J" * 64}])
async def test_a_name_may_have_2_to_64_characters_and_a_domain_no_dot(astuto: Client, body: dict[str, object]) -> None:
    assert (await astuto.post("/users", json=body)).status_code == 201


@pytest.mark.parametrize(
    ("key_role", "may_block"),
    [
        ("moderator", {"user"}),
        ("admin", {"user", "moderator", "admin"}),
        ("owner", {"user", "moderator", "admin"}),
    ],
)
async def test_each_role_can_block_only_the_permitted_roles(
    make: Factory, astuto: Client, key_role: str, may_block: set[str]
) -> None:
    actor = make.owner if key_role == "owner" else await make.user(role=key_role)
    client = astuto.of(await make.key(actor, "astuto"))
    targets = {role: await make.user(role=role) for role in ("user", "moderator", "admin")} | {"owner": make.owner}

    responses = {role: await client.put(f"/users/{target}/block") for role, target in targets.items()}
    own_user = await client.put(f"/users/{actor}/block")

    for role, response in responses.items():
        expected = (200, {"id": targets[role]}) if role in may_block else (401, NOT_AUTHORIZED)
        assert (response.status_code, response.json()) == expected, role
    assert (own_user.status_code, own_user.json()) == (401, NOT_AUTHORIZED)
    assert "www-authenticate" not in own_user.headers


async def test_blocking_a_user_is_idempotent_and_keeps_content(make: Factory, astuto: Client) -> None:
    user = await make.user()
    post = await make.post(author=user, votes_by=[user])

    first = await astuto.put(f"/users/{user}/block")
    blocked_at = await make.value("SELECT blocked_at FROM users WHERE id = :id", id=user)
    again = await astuto.put(f"/users/{user}/block", json={"impersonated_user_id": 4711})

    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (200, {"id": user})
    assert await make.value("SELECT blocked_at FROM users WHERE id = :id", id=user) == blocked_at
    assert (await astuto.get(f"/posts/{post}")).json()["user"]["id"] == user
    assert await make.value("SELECT votes_count FROM posts") == 1
