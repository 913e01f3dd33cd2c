"""Updates of posts in ProductLift's dialect. docs/contracts/productlift.md, section 7.11."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import TestClock
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import UNKNOWN_UUID, invalid, unknown, user

MONDAY = datetime(2023, 5, 6, 9, 30, 0, 987654, tzinfo=UTC)
TUESDAY = datetime(2023, 5, 16, 9, 30, 1, tzinfo=UTC)


@pytest.mark.parametrize("verb", ["PATCH", "PUT"])
async def test_an_update_changes_only_the_sent_fields(
    verb: str, make: Factory, productlift: Client, clock: TestClock
) -> None:
    clock.set(MONDAY)
    uuid = await make.uuid(await make.user(name="Jane Roe", email="jane@example.com"))
    before = (await productlift.post("/posts", json={"title": "Old", "description": "Text"})).json()["data"]
    path = f"/posts/{before['id']}"
    clock.set(TUESDAY)

    edited = await productlift.send_json(verb, path, {"title": "New title", "user_id": uuid.upper()})

    expected = before | {
        "title": "New title",
        "updated_at": "2023-05-16T09:30:01Z",
        "author": user(uuid, "Jane Roe", "jane@example.com", posts=1),
    }
    assert status_and_json(edited) == (200, {"data": expected})
    assert status_and_json(await productlift.get(path)) == (200, {"data": expected})
    assert await make.wrong_counters() == []


@pytest.mark.parametrize("sent", [{}, {"title": ""}, {"title": None}, {"title": "Old"}, {"status_id": 99}])
async def test_an_update_without_a_change_leaves_the_post_unchanged(
    sent: dict[str, Any], productlift: Client, clock: TestClock
) -> None:
    clock.set(MONDAY)
    before = (await productlift.post("/posts", json={"title": "Old"})).json()
    clock.set(TUESDAY)

    edited = await productlift.patch(f"/posts/{before['data']['id']}", json=sent)

    assert status_and_json(edited) == (200, before)


async def test_a_post_with_a_short_title_can_be_updated(make: Factory, productlift: Client) -> None:
    number = await make.post(title="x")

    assert (await productlift.patch(f"/posts/{number}", json={"description": "More"})).status_code == 200
    assert status_and_json(await productlift.patch(f"/posts/{number}", json={"title": "y"})) == invalid(
        title="The title must be at least 2 characters."
    )


@pytest.mark.parametrize("empty", [None, ""])
async def test_null_and_an_empty_string_clear_a_field(empty: str | None, make: Factory, productlift: Client) -> None:
    made = {
        "title": "Full",
        "description": "Text",
        "category_id": await make.category(),
        "section_id": await make.section(),
        "status_id": make.statuses["Planned"],
    }
    before = (await productlift.post("/posts", json=made)).json()["data"]

    emptied = await productlift.patch(
        f"/posts/{before['id']}",
        json=dict.fromkeys(("description", "category_id", "section_id", "user_id", "status_id"), empty),
    )

    payload = emptied.json()["data"]
    assert payload == before | {
        "description": "",
        "description_short": "",
        "categories": [],
        "category": None,
        "section_id": None,
        "author": None,
        "updated_at": payload["updated_at"],
    }
    assert await make.value("SELECT posts_count FROM users WHERE id = :id", id=make.owner) == 0
    assert await make.wrong_counters() == []


async def test_a_new_category_replaces_all_and_an_unknown_one_clears_them(make: Factory, productlift: Client) -> None:
    first, second = await make.category("First"), await make.category("Second")
    section = await make.section()
    made = {"title": "Full", "category_id": first, "section_id": section}
    path = f"/posts/{(await productlift.post('/posts', json=made)).json()['data']['id']}"

    replaced = await productlift.patch(path, json={"category_id": second})
    unknown_ones = await productlift.patch(path, json={"category_id": 99, "section_id": 99})

    assert [each["id"] for each in replaced.json()["data"]["categories"]] == [second]
    assert replaced.json()["data"]["section_id"] == section
    assert unknown_ones.json()["data"]["categories"] == []
    assert unknown_ones.json()["data"]["section_id"] is None
    assert await make.wrong_counters() == []


async def test_a_status_change_is_dated_stored_and_published(
    make: Factory, productlift: Client, clock: TestClock
) -> None:
    clock.set(MONDAY)
    before = (await productlift.post("/posts", json={"title": "Idea"})).json()["data"]
    clock.set(TUESDAY)
    to = make.statuses["Planned"]

    changed = await productlift.patch(f"/posts/{before['id']}", json={"status_id": str(to)})
    again = await productlift.patch(f"/posts/{before['id']}", json={"status_id": to})

    expected = before | {
        "status": {"id": to, "name": "Planned", "color": "#0096ff", "tab_name": "Roadmap"},
        "updated_at": "2023-05-16T09:30:01Z",
        "latest_status_change_at": "2023-05-16T09:30:01Z",
        "latest_status_change_at_formatted": "16 May 2023",
    }
    assert status_and_json(changed) == status_and_json(again) == (200, {"data": expected})
    assert await make.rows("SELECT post_id, user_id, actor_id, status_id FROM status_changes") == [
        {"post_id": 1, "user_id": make.owner, "actor_id": make.owner, "status_id": to}
    ]
    (event,) = await make.facts("post.status_changed")
    new = make.statuses["New"]
    assert json.loads(event["body"]) == {
        "old_status_id": new,
        "new_status_id": to,
        "old_status": {"id": new, "name": "New", "color": "#8B95A1", "tab_name": "Feedback"},
        "new_status": expected["status"],
    }
    assert await make.wrong_counters() == []


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({"title": "x" * 181}, {"title": "The title must not be greater than 180 characters."}),
        ({"description": []}, {"description": "The description must be a string."}),
        ({"status_id": "abc"}, {"status_id": "The status id must be an integer."}),
        ({"user_id": UNKNOWN_UUID, "title": "a"}, {"title": "The title must be at least 2 characters."}),
        (
            {"user_id": "x", "title": "a"},
            {"title": "The title must be at least 2 characters.", "user_id": "The user id must be a valid UUID."},
        ),
    ],
)
async def test_an_invalid_update_changes_nothing(
    sent: dict[str, Any], errors: dict[str, str], productlift: Client
) -> None:
    before = (await productlift.post("/posts", json={"title": "Old", "description": "Text"})).json()
    path = f"/posts/{before['data']['id']}"

    assert status_and_json(await productlift.patch(path, json={"description": "New", **sent})) == invalid(**errors)
    assert status_and_json(await productlift.get(path)) == (200, before)


async def test_an_update_with_an_unknown_user_changes_nothing(make: Factory, productlift: Client) -> None:
    before = (await productlift.post("/posts", json={"title": "Old"})).json()
    path = f"/posts/{before['data']['id']}"
    sent = {"title": "New", "status_id": make.statuses["Planned"], "user_id": UNKNOWN_UUID.upper()}

    assert status_and_json(await productlift.patch(path, json=sent)) == unknown("User", UNKNOWN_UUID.upper())
    assert status_and_json(await productlift.get(path)) == (200, before)
