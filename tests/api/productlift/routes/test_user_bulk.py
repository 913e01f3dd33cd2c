"""Changes of many users in ProductLift's dialect. docs/contracts/productlift.md, section 9.10."""

import asyncio
from itertools import product
from typing import Any

import pytest

from app.application import Application
from app.domain.permissions import Actor
from app.domain.users import bulk, users
from tests.api.productlift.routes.test_uploads import TEXT, list_files
from tests.support.clients import Client, status_and_json
from tests.support.database_dump import changed, snapshot
from tests.support.factory import Factory
from tests.support.productlift import UNKNOWN_UUID, invalid

BULK = ("bulk-block", "bulk-unblock", "bulk-delete")
PASSED = {"bulk-block": "blocked", "bulk-unblock": "unblocked", "bulk-delete": "deleted"}


def result(path: str, count: int) -> tuple[int, dict[str, Any]]:
    return 200, {"success": True, "count": count, "message": f"{count} users {PASSED[path]}."}


async def uuids_of(make: Factory, *user_ids: int) -> list[str]:
    return [await make.uuid(user) for user in user_ids]


async def test_users_are_blocked_and_their_keys_revoked(make: Factory, productlift: Client) -> None:
    jane, joe, blocked, other = [await make.user() for _ in range(4)]
    moderator = await make.user(role="moderator")
    key = await make.key(moderator, "astuto")
    await make.act(lambda work: users.block(work, blocked))
    before = await make.row("SELECT blocked_at, updated_at FROM users WHERE id = :id", id=blocked)
    jane_uuid, joe_uuid, *rest = await uuids_of(make, jane, joe, blocked, moderator)
    sent = [joe_uuid.upper(), jane_uuid, joe_uuid, *rest, UNKNOWN_UUID]

    response = await productlift.post("/users/bulk-block", json={"user_ids": sent})

    assert status_and_json(response) == result("bulk-block", 3)
    assert list(response.json()) == ["success", "count", "message"]
    now_blocked = await make.rows("SELECT id FROM users WHERE blocked_at IS NOT NULL ORDER BY id")
    assert [row["id"] for row in now_blocked] == [jane, joe, blocked, moderator]
    assert await make.row("SELECT blocked_at, updated_at FROM users WHERE id = :id", id=blocked) == before
    assert await make.value("SELECT blocked_at FROM users WHERE id = :id", id=other) is None
    assert (await productlift.of(key).get("/boards")).status_code == 401
    assert status_and_json(await productlift.post("/users/bulk-block", json={"user_ids": sent})) == result(
        "bulk-block", 0
    )


async def test_users_are_unblocked_and_their_keys_stay_revoked(make: Factory, productlift: Client) -> None:
    admin, jane, free = await make.user(role="admin"), await make.user(), await make.user()
    key = await make.key(admin, "astuto")
    for user in (admin, jane):
        await make.act(lambda work, user=user: users.block(work, user))
    sent = await uuids_of(make, jane, free, admin, make.owner)

    response = await productlift.post("/users/bulk-unblock", json={"user_ids": [*sent, *sent, UNKNOWN_UUID]})

    assert status_and_json(response) == result("bulk-unblock", 2)
    assert await make.rows("SELECT id FROM users WHERE blocked_at IS NOT NULL") == []
    assert (await productlift.of(key).get("/boards")).status_code == 401


@pytest.mark.parametrize("with_data", [True, False])
async def test_users_are_deleted_like_one_user(
    with_data: bool, make: Factory, productlift: Client, server: Application
) -> None:
    jane, joe, admin, stays = [await make.user(role=role) for role in ("user", "user", "admin", "user")]
    author = {"title": "Dark mode", "user_id": await make.uuid(jane)}
    post = (await productlift.post("/posts", data=author, files={"attachment": TEXT})).json()["data"]["id"]
    await productlift.post(f"/posts/{post}/votes/{await make.uuid(joe)}")
    shared = await make.post(author=stays, votes_by=[jane, joe])
    await make.comment(shared, author=joe)
    key = await make.key(admin, "productlift")
    sent = {"user_ids": await uuids_of(make, joe, jane, admin, jane), "delete_all_data": with_data}

    assert status_and_json(await productlift.post("/users/bulk-delete", json=sent)) == result("bulk-delete", 3)

    deleted = await make.rows("SELECT id, name, email FROM users WHERE deleted_at IS NOT NULL ORDER BY id")
    assert deleted == [{"id": user, "name": "[User Deleted]", "email": None} for user in (jane, joe, admin)]
    assert await make.value("SELECT count(*) FROM posts") == (1 if with_data else 2)
    assert await make.value("SELECT votes_count FROM posts WHERE id = :id", id=shared) == (0 if with_data else 2)
    assert await make.value("SELECT count(*) FROM comments") == (0 if with_data else 1)
    assert len(await list_files(server)) == (0 if with_data else 1)
    kinds = await make.rows("SELECT kind FROM facts WHERE kind LIKE '%deleted' ORDER BY kind")
    assert [row["kind"] for row in kinds] == (["comment.deleted", "post.deleted"] if with_data else [])
    assert await make.wrong_counters() == []
    assert (await productlift.of(key).get("/portal")).status_code == 401
    assert status_and_json(await productlift.post("/users/bulk-delete", json=sent)) == result("bulk-delete", 0)


@pytest.mark.parametrize("path", BULK)
async def test_the_owner_and_the_user_of_the_key_are_passed_over(path: str, make: Factory, productlift: Client) -> None:
    own, admin, jane = await make.user(role="admin"), await make.user(role="admin"), await make.user()
    client = productlift.of(await make.key(own, "productlift"))
    if path == "bulk-unblock":
        await make.act(lambda work: users.block(work, jane))
    everyone = [user["id"] for user in (await client.get("/users?limit=100")).json()["data"]]
    assert len(everyone) == 4

    response = await client.post(f"/users/{path}", json={"user_ids": everyone})

    # Administrators are deleted, but not blocked.
    assert status_and_json(response) == result(path, 2 if path == "bulk-delete" else 1)
    left = await make.rows("SELECT id FROM users WHERE blocked_at IS NULL AND deleted_at IS NULL ORDER BY id")
    assert [row["id"] for row in left] == {
        "bulk-block": [make.owner, own, admin],
        "bulk-unblock": [make.owner, own, admin, jane],
        "bulk-delete": [make.owner, own],
    }[path]
    assert (await client.get("/portal")).status_code == 200


async def test_a_moderator_blocks_only_users_of_a_lower_role(make: Factory) -> None:
    jane, moderator = await make.user(), await make.user(role="moderator")
    actor = Actor(user_id=await make.user(role="moderator"), role="moderator")
    uuids = await uuids_of(make, jane, moderator, actor.user_id or 0)

    assert await make.act(lambda work: bulk.block(work, uuids), actor=actor) == 1
    assert [row["id"] for row in await make.rows("SELECT id FROM users WHERE blocked_at IS NOT NULL")] == [jane]


@pytest.mark.parametrize("path", BULK)
@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, {"user_ids": "The user ids field is required."}),
        ({"user_ids": []}, {"user_ids": "The user ids field is required."}),
        ({"user_ids": None}, {"user_ids": "The user ids field is required."}),
        ({"user_ids": ["x"]}, {"user_ids.0": "The user_ids.0 must be a valid UUID."}),
        ({"ids": [UNKNOWN_UUID, 5]}, {"user_ids.1": "The user_ids.1 must be a valid UUID."}),
        *(
            ({name: value}, {"user_ids": "The user ids must be an array."})
            for name, value in product(("user_ids", "ids"), ("Jane", UNKNOWN_UUID, 5, 1.5, True, False))
        ),
        ({"user_ids": [UNKNOWN_UUID] * 101}, {"user_ids": "The user ids must not have more than 100 items."}),
    ],
)
async def test_an_invalid_list_of_users_is_rejected(
    path: str, sent: Any, errors: dict[str, str], make: Factory, productlift: Client
) -> None:
    before = await snapshot(make.server.database)

    assert status_and_json(await productlift.post(f"/users/{path}", json=sent)) == invalid(**errors)
    assert changed(before, await snapshot(make.server.database)) == set()


async def test_a_single_user_is_a_list_of_one_in_a_form_or_a_query_but_not_in_json(
    make: Factory, productlift: Client
) -> None:
    (jane,) = await uuids_of(make, await make.user())
    bad = invalid(**{"user_ids.0": "The user_ids.0 must be a valid UUID."})

    in_json = await productlift.post("/users/bulk-block", json={"user_ids": jane})
    blocked = await productlift.post("/users/bulk-block", data={"user_ids": jane})
    unblocked = await productlift.post(f"/users/bulk-unblock?ids={jane}")

    assert status_and_json(in_json) == invalid(user_ids="The user ids must be an array.")
    assert status_and_json(blocked) == result("bulk-block", 1)
    assert status_and_json(unblocked) == result("bulk-unblock", 1)
    assert status_and_json(await productlift.post("/users/bulk-delete", data={"user_ids": "Jane"})) == bad


async def test_a_file_in_place_of_the_list_is_rejected(productlift: Client) -> None:
    response = await productlift.post("/users/bulk-block", files={"user_ids": ("a.txt", b"Jane")})

    assert status_and_json(response) == invalid(user_ids="The user ids must be an array.")


async def test_an_invalid_delete_all_data_deletes_nobody(make: Factory, productlift: Client) -> None:
    sent = {"user_ids": await uuids_of(make, await make.user()), "delete_all_data": "yes"}

    assert status_and_json(await productlift.post("/users/bulk-delete", json=sent)) == invalid(
        delete_all_data="The delete all data field must be true or false."
    )
    assert await make.rows("SELECT id FROM users WHERE deleted_at IS NOT NULL") == []


async def test_the_list_has_another_name_and_comes_in_any_form(make: Factory, productlift: Client) -> None:
    jane, joe = await uuids_of(make, await make.user(), await make.user())

    responses = [
        await productlift.post("/users/bulk-block", json={"ids": [jane]}),
        await productlift.post("/users/bulk-block", json={"user_ids": "", "ids": [joe]}),
        await productlift.post("/users/bulk-unblock", json={"user_ids": [jane], "ids": ["x"]}),
        await productlift.post("/users/bulk-unblock", data={"user_ids[]": [joe, jane]}),
        await productlift.post(f"/users/bulk-block?ids={jane}&ids={joe}"),
        await productlift.post("/users/bulk-unblock", data={"user_ids": [jane, joe]}),
    ]

    assert [response.json()["count"] for response in responses] == [1, 1, 1, 1, 2, 2]


async def test_a_hundred_users_are_changed_by_one_request(make: Factory, productlift: Client) -> None:
    made = await asyncio.gather(*(make.user() for _ in range(101)))
    everyone = await uuids_of(make, *made)

    for path in BULK:
        response = await productlift.post(f"/users/{path}", json={"user_ids": everyone[:100]})
        assert status_and_json(response) == result(path, 100)
    left = await make.rows("SELECT uuid FROM users WHERE deleted_at IS NULL AND role = 'user'")
    assert left == [{"uuid": everyone[100]}]


async def test_an_error_in_the_middle_changes_nothing(make: Factory) -> None:
    members = [await make.user() for _ in range(3)]
    for user in members:
        await make.post(author=user, votes_by=members)
    # The database rejects a negative counter, here of the second user.
    await make.run("UPDATE users SET posts_count = 0 WHERE id = :id", id=members[1])
    uuids = await uuids_of(make, *members)
    before = await snapshot(make.server.database)

    with pytest.raises(Exception, match=r"constraint|counters"):
        await make.act(lambda work: bulk.delete(work, uuids, with_content=True))

    assert changed(before, await snapshot(make.server.database)) == set()
