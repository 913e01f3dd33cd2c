"""Groups in ProductLift's dialect. docs/contracts/productlift.md, section 9.4."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.users import deletion
from tests.conftest import TestClock
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import DELETED, UNKNOWN_UUID, invalid, unknown

MONDAY = datetime(2023, 5, 15, 9, 30, tzinfo=UTC)
TUESDAY = datetime(2023, 5, 16, 9, 30, tzinfo=UTC)
ON_MONDAY, ON_TUESDAY = "2023-05-15T09:30:00Z", "2023-05-16T09:30:00Z"
TAKEN = invalid(name="The name has already been taken.")


def membership(group: int, uuid: str) -> tuple[int, dict[str, Any]]:
    return 200, {"success": True, "group": str(group), "user": uuid}


async def read_members(productlift: Client, group: int, query: str = "") -> list[str]:
    """The UUIDs of the members on a page."""
    page = (await productlift.get(f"/groups/{group}/users{query}")).json()
    return [user["id"] for user in page["data"]]


async def test_groups_are_listed_by_id(make: Factory, productlift: Client, clock: TestClock) -> None:
    clock.set(MONDAY)
    assert status_and_json(await productlift.get("/groups")) == (200, {"data": []})
    created = await productlift.post("/groups", json={"name": " Zebra ", "members": [1]})
    other = await productlift.post("/groups", json={"name": "Ant 🐜"})

    zebra = {"id": 1, "name": "Zebra", "created_at": ON_MONDAY, "updated_at": ON_MONDAY}
    ant = {"id": 2, "name": "Ant 🐜", "created_at": ON_MONDAY, "updated_at": ON_MONDAY}
    assert status_and_json(created) == (200, {"data": zebra})
    assert list(created.json()["data"]) == ["id", "name", "created_at", "updated_at"]
    assert status_and_json(other) == (200, {"data": ant})
    assert status_and_json(await productlift.get("/groups")) == (200, {"data": [zebra, ant]})
    assert status_and_json(await productlift.get("/groups/2")) == (200, {"data": ant})
    assert await make.rows("SELECT * FROM group_members") == []


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({}, "The name field is required."),
        ({"name": " "}, "The name field is required."),
        ({"name": 5}, "The name must be a string."),
        ({"name": "x" * 192}, "The name must not be greater than 191 characters."),
        ({"name": "bÊTA"}, "The name has already been taken."),
    ],
)
async def test_an_invalid_group_is_rejected(
    sent: dict[str, Any], message: str, make: Factory, productlift: Client
) -> None:
    await make.group("Bêta")

    assert status_and_json(await productlift.post("/groups", json=sent)) == invalid(name=message)
    assert await make.value("SELECT count(*) FROM user_groups") == 1


@pytest.mark.parametrize("verb", ["PATCH", "PUT"])
async def test_only_a_new_name_changes_the_group_and_its_updated_at(
    verb: str, make: Factory, productlift: Client, clock: TestClock
) -> None:
    clock.set(MONDAY)
    group = await make.group("Beta")
    await make.group("Other")
    clock.set(TUESDAY)
    before = (await productlift.get(f"/groups/{group}")).json()["data"]

    for sent in ({}, {"name": None}, {"name": ""}, {"name": "Beta"}):
        assert status_and_json(await productlift.send_json(verb, f"/groups/{group}", sent)) == (200, {"data": before})
    for name in ("bETA", "Gamma"):
        renamed = await productlift.send_json(verb, f"/groups/{group}", {"name": name})
        assert status_and_json(renamed) == (200, {"data": before | {"name": name, "updated_at": ON_TUESDAY}})
    assert status_and_json(await productlift.send_json(verb, f"/groups/{group}", {"name": "OTHER"})) == TAKEN
    assert status_and_json(await productlift.send_json(verb, f"/groups/{group}", {"name": 5})) == invalid(
        name="The name must be a string."
    )
    assert (await productlift.get(f"/groups/{group}")).json()["data"]["name"] == "Gamma"


@pytest.mark.parametrize("key", ["15", "abc", "1.5", "-1", "99999999999999999999", "%00"])
async def test_the_404_contains_an_unknown_group_as_sent(key: str, make: Factory, productlift: Client) -> None:
    await make.group()
    missing = unknown("Group", key.replace("%00", "\0"))

    for method, path, sent in (
        ("GET", "", None),
        # The 404 of the group comes before the errors of the input, and before the 404 of the user.
        ("PATCH", "", {"name": 5}),
        ("DELETE", "", None),
        ("GET", "/users?limit=0", None),
        ("POST", f"/users/{UNKNOWN_UUID}", None),
        ("DELETE", f"/users/{UNKNOWN_UUID}", None),
    ):
        response = await productlift.send_json(method, f"/groups/{key}{path}", sent)
        assert status_and_json(response) == missing, (method, path)


async def test_adding_and_removing_a_member_can_be_repeated(
    make: Factory, productlift: Client, clock: TestClock
) -> None:
    clock.set(MONDAY)
    jane, john = await make.user(name="Jane Roe"), await make.user(name="John Doe")
    group, uuid, other = await make.group(), await make.uuid(jane), await make.uuid(john)
    path = f"/groups/{group}/users"
    before = (await productlift.get(f"/groups/{group}")).json()

    added = await productlift.post(f"{path}/{uuid.upper()}")
    assert status_and_json(added) == membership(group, uuid)
    assert list(added.json()) == ["success", "group", "user"]
    clock.set(TUESDAY)
    assert status_and_json(await productlift.post(f"/groups/0{group}/users/{uuid}")) == membership(group, uuid)
    assert status_and_json(await productlift.delete(f"{path}/{other}")) == membership(group, other)

    row = await make.row("SELECT user_id, created_at FROM group_members")
    assert (row["user_id"], str(row["created_at"])[:10]) == (jane, "2023-05-15")
    members = (await productlift.get(path)).json()
    assert members == {
        "data": [(await productlift.get(f"/users/{uuid}")).json()["data"]],
        "hasMore": False,
        "total": 1,
        "skip": 0,
        "limit": 10,
    }
    for _ in range(2):
        assert status_and_json(await productlift.delete(f"{path}/{uuid}")) == membership(group, uuid)
    assert (await productlift.get(path)).json()["data"] == []
    assert (await productlift.get(f"/groups/{group}")).json() == before
    assert (await productlift.get(f"/users/{uuid}")).status_code == 200


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_an_unknown_or_deleted_user_is_not_found(method: str, make: Factory, productlift: Client) -> None:
    group, gone = await make.group(), await make.user()
    uuid = await make.uuid(gone)
    await make.act(lambda work: deletion.delete(work, gone, with_content=False))

    for key in (uuid, UNKNOWN_UUID, str(gone), "x", "%00"):
        response = await productlift.request(method, f"/groups/{group}/users/{key}")
        assert status_and_json(response) == unknown("User", key.replace("%00", "\0")), key
    assert await make.rows("SELECT * FROM group_members") == []


async def test_members_are_listed_by_the_age_of_their_membership(
    make: Factory, productlift: Client, clock: TestClock
) -> None:
    clock.set(MONDAY)
    users = [await make.user() for _ in range(12)]
    uuids = [await make.uuid(user) for user in users]
    group, other = await make.group(), await make.group("Other", members=users[:3])
    for uuid in reversed(uuids):
        clock.advance(seconds=1)
        assert (await productlift.post(f"/groups/{group}/users/{uuid}")).status_code == 200

    assert await read_members(productlift, group) == uuids[:1:-1]
    assert await read_members(productlift, group, "?skip=10") == uuids[1::-1]
    page = (await productlift.get(f"/groups/{group}/users?skip=4&limit=3")).json()
    assert [user["id"] for user in page.pop("data")] == uuids[7:4:-1]
    assert page == {"hasMore": True, "total": 12, "skip": 4, "limit": 3}
    # Equal times: by the users' numbers.
    assert await read_members(productlift, other) == uuids[:3]
    assert status_and_json(await productlift.get(f"/groups/{group}/users?limit=101&skip=x")) == invalid(
        limit="The limit must not be greater than 100.", skip="The skip must be an integer."
    )


async def test_a_deleted_group_leaves_its_users(make: Factory, productlift: Client) -> None:
    jane = await make.user()
    group, other = await make.group(members=[jane]), await make.group("Other", members=[jane])

    assert status_and_json(await productlift.delete(f"/groups/{group}")) == DELETED

    assert status_and_json(await productlift.delete(f"/groups/{group}")) == unknown("Group", group)
    assert await make.rows("SELECT group_id, user_id FROM group_members") == [{"group_id": other, "user_id": jane}]
    assert (await productlift.get(f"/users/{await make.uuid(jane)}")).status_code == 200


@pytest.mark.parametrize("with_content", [False, True])
async def test_a_deleted_user_is_no_member_any_more(with_content: bool, make: Factory, productlift: Client) -> None:
    jane, john = await make.user(), await make.user()
    groups = [await make.group(name, members=[jane, john]) for name in ("Beta", "Press")]

    uuid = await make.uuid(jane)
    await productlift.send_json("DELETE", f"/users/{uuid}", {"delete_all_data": with_content})

    assert await make.rows("SELECT DISTINCT user_id FROM group_members") == [{"user_id": john}]
    for group in groups:
        page = (await productlift.get(f"/groups/{group}/users")).json()
        assert (page["total"], [user["id"] for user in page["data"]]) == (1, [await make.uuid(john)])


async def test_a_blocked_user_stays_a_member(make: Factory, productlift: Client, astuto: Client) -> None:
    jane = await make.user()
    group = await make.group(members=[jane])

    await astuto.put(f"/users/{jane}/block")

    assert await read_members(productlift, group) == [await make.uuid(jane)]
