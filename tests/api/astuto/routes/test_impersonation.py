"""Impersonation. docs/contracts/astuto.md, section 1.14."""

from typing import Any

import pytest

from tests.support.clients import Client
from tests.support.factory import Factory

NOT_ALLOWED = {"errors": ["Impersonation error: You are not allowed to impersonate other users."]}
NOT_FOUND = {"errors": ["Impersonation error: Could not find the user to impersonate."]}


async def routes(make: Factory) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """The four routes with impersonation, each with a body that is valid."""
    post = await make.post()
    return {
        "post": ("POST", "/posts", {"title": "Dark mode", "board_id": make.boards["Bug Reports"]}),
        "comment": ("POST", "/comments", {"post_id": post, "body": "Well said"}),
        "vote": ("POST", "/votes", {"post_id": post}),
        "status": ("PUT", f"/posts/{post}/update_status", {"post_status_id": make.statuses["Planned"]}),
    }


NEWEST = {
    "post": "SELECT user_id FROM posts ORDER BY id DESC LIMIT 1",
    "comment": "SELECT user_id FROM comments ORDER BY id DESC LIMIT 1",
    "vote": "SELECT user_id FROM votes ORDER BY id DESC LIMIT 1",
    "status": "SELECT user_id FROM status_changes ORDER BY id DESC LIMIT 1",
}
KINDS = sorted(NEWEST)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("blank", [None, "", "   ", False, [], {}, [None], [""]])
async def test_a_blank_value_does_not_impersonate(make: Factory, astuto: Client, kind: str, blank: object) -> None:
    moderator = await make.user(role="moderator")
    client = astuto.of(await make.key(moderator, "astuto"))
    method, path, body = (await routes(make))[kind]

    response = await client.request(method, path, json={**body, "impersonated_user_id": blank})

    assert response.is_success
    assert await make.value(NEWEST[kind]) == moderator


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("user", ["self", "somebody", 4711, "abc", 0, True, [4711], {"a": 1}])
async def test_a_moderator_can_not_impersonate_any_user(make: Factory, astuto: Client, kind: str, user: object) -> None:
    moderator = await make.user(role="moderator")
    client = astuto.of(await make.key(moderator, "astuto"))
    named = {"self": moderator, "somebody": make.owner}.get(str(user), user)
    method, path, body = (await routes(make))[kind]

    response = await client.request(method, path, json={**body, "impersonated_user_id": named})

    assert (response.status_code, response.json()) == (401, NOT_ALLOWED)
    assert "www-authenticate" not in response.headers


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["json", "data", "params"])
async def test_an_array_of_one_element_is_that_element(make: Factory, astuto: Client, kind: str, form: str) -> None:
    jane = await make.user()
    method, path, body = (await routes(make))[kind]
    named = {"impersonated_user_id": [jane]} if form == "json" else {"impersonated_user_id[]": jane}
    sent: dict[str, Any] = {"json": body, "params": named} if form == "params" else {form: {**body, **named}}

    response = await astuto.request(method, path, **sent)

    assert response.is_success
    assert await make.value(NEWEST[kind]) == jane


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("array", [lambda jane: [jane, jane], lambda jane: [[jane]], lambda jane: [{"id": jane}]])
async def test_any_other_array_matches_no_user(make: Factory, astuto: Client, kind: str, array: Any) -> None:
    method, path, body = (await routes(make))[kind]
    named = array(await make.user())

    response = await astuto.request(method, path, json={**body, "impersonated_user_id": named})

    assert (response.status_code, response.json()) == (401, NOT_FOUND)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("user", [4711, "abc", 0, -1, 10**30, "elsewhere", [4711], [10**30], {"a": 1}])
async def test_a_user_outside_the_portal_cannot_be_impersonated(
    make: Factory, astuto: Client, kind: str, user: object
) -> None:
    method, path, body = (await routes(make))[kind]
    if user == "elsewhere":
        _, user = await make.new_portal("Elsewhere", host="elsewhere.example.com", email="else@example.com")
        await make.run("UPDATE portals SET host = 'feedback.example.com' WHERE title = 'Feedback'")

    response = await astuto.request(method, path, json={**body, "impersonated_user_id": user})

    assert (response.status_code, response.json()) == (401, NOT_FOUND)


@pytest.mark.parametrize("kind", KINDS)
async def test_any_user_of_the_portal_can_be_impersonated_and_both_are_stored(
    make: Factory, astuto: Client, kind: str
) -> None:
    admin = await make.user(role="admin")
    client = astuto.of(await make.key(admin, "astuto"))
    plain, blocked, deleted, other_admin = [await make.user(role=role) for role in ("user", "user", "user", "admin")]
    await make.run("UPDATE users SET blocked_at = updated_at WHERE id = :id", id=blocked)
    await make.run("UPDATE users SET deleted_at = updated_at, email = NULL WHERE id = :id", id=deleted)

    for user in (plain, blocked, deleted, other_admin, make.owner):
        method, path, body = (await routes(make))[kind]
        response = await client.request(method, f"{path}?impersonated_user_id={user}", json=body)

        assert response.is_success, user
        assert await make.value(NEWEST[kind]) == user
    facts = await make.rows("SELECT user_id, actor_id FROM facts WHERE actor_id IS NOT NULL ORDER BY id")
    assert facts == [
        {"user_id": user, "actor_id": admin} for user in (plain, blocked, deleted, other_admin, make.owner)
    ]


async def test_impersonation_does_not_change_the_permissions_of_the_key(make: Factory, astuto: Client) -> None:
    user = await make.user()
    post = await make.post()

    response = await astuto.post(
        "/comments",
        json={"post_id": post, "body": "Done", "is_post_update": True, "impersonated_user_id": user},
    )

    payload = (await astuto.get(f"/comments/{response.json()['id']}")).json()
    assert (payload["is_post_update"], payload["user"]["id"]) == (True, user)


async def test_all_other_routes_ignore_the_parameter(make: Factory, astuto: Client) -> None:
    moderator = astuto.of(await make.key(await make.user(role="moderator"), "astuto"))
    pending = await make.post(moderation="pending")
    comment = await make.comment(pending)
    vote = await make.vote(pending, make.owner)
    user = await make.user()
    name = {"impersonated_user_id": 4711}

    responses = [
        await moderator.send_json(method, path, {**name, **body})
        for method, path, body in (
            ("GET", "/posts", {}),
            ("PUT", f"/posts/{pending}", {"title": "Changed"}),
            ("PUT", f"/posts/{pending}/update_board", {"board_id": make.boards["Bug Reports"]}),
            ("PUT", f"/posts/{pending}/approve", {}),
            ("PUT", f"/comments/{comment}", {"body": "Changed"}),
            ("PUT", f"/comments/{comment}/mark_as_post_update", {}),
            ("DELETE", f"/comments/{comment}", {}),
            ("DELETE", f"/votes/{vote}", {}),
            ("PUT", f"/users/{user}/block", {}),
            ("POST", "/users", {"email": "new@example.com"}),
            ("DELETE", f"/posts/{pending}", {}),
        )
    ]

    assert [response.status_code for response in responses] == [200] * 9 + [201, 200]


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("post", {"title": "abc", "board_id": 4711}),
        ("comment", {"post_id": None, "body": "", "parent_id": 4711}),
        ("vote", {"post_id": 4711}),
        ("status", {"post_status_id": 4711}),
    ],
)
async def test_impersonation_is_checked_before_other_parameters(
    make: Factory, astuto: Client, kind: str, wrong: dict[str, Any]
) -> None:
    moderator = astuto.of(await make.key(await make.user(role="moderator"), "astuto"))
    method, path, body = (await routes(make))[kind]
    named = {**body, **wrong, "impersonated_user_id": 4711}

    refused = await moderator.request(method, path, json=named)
    unknown = await astuto.request(method, path, json=named)

    assert (refused.status_code, refused.json()) == (401, NOT_ALLOWED)
    assert (unknown.status_code, unknown.json()) == (401, NOT_FOUND)


async def test_a_missing_title_is_reported_before_other_errors(make: Factory, astuto: Client) -> None:
    moderator = astuto.of(await make.key(await make.user(role="moderator"), "astuto"))

    response = await moderator.post("/posts", json={"impersonated_user_id": 4711})

    assert response.status_code == 400
