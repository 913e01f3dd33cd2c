"""Posts in Astuto's dialect. docs/contracts/astuto.md, section 2.3."""

import json
import re
from datetime import UTC, datetime

import pytest

from app.domain.counters import post_counters
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.factory import Factory

NINE = datetime(2026, 1, 12, 9, 30, 0, 123999, tzinfo=UTC)
MISSING = {"errors": ["Some parameters are missing from the request. Please check the documentation."]}


async def test_a_post_has_all_members_in_order(make: Factory, astuto: Client, clock: TestClock) -> None:
    clock.set(NINE)
    jane = await make.user(name="Jane Roe", email="jane@example.com")
    await make.run("UPDATE boards SET description = 'What you want', created_at = :now, updated_at = :now")
    await make.run("UPDATE statuses SET created_at = :now, updated_at = :now")
    post = await make.post(title="Dark mode", description="For <eyes> & lamps", author=jane, status="Planned")

    response = await astuto.get(f"/posts/{post}")

    assert response.status_code == 200
    moment = "2026-01-12T09:30:00.123Z"
    moments = f'"created_at":"{moment}","updated_at":"{moment}"'
    assert response.text == (
        f'{{"id":{post},"title":"Dark mode","description":"For <eyes> & lamps",{moments},"slug":"dark-mode",'
        f'"approval_status":"approved","board":{{"id":{make.boards["Feature Requests"]},"name":"Feature Requests",'
        f'"description":"What you want",{moments},"slug":"feature-requests"}},'
        f'"post_status":{{"id":{make.statuses["Planned"]},"name":"Planned","color":"#0096ff",{moments},'
        '"show_in_roadmap":true},'
        f'"user":{{"id":{jane},"email":"jane@example.com",{moments},"full_name":"Jane Roe"}}}}'
    )


async def test_members_without_a_value_are_absent_and_the_description_is_null(make: Factory, astuto: Client) -> None:
    post = await make.post(title="Dark mode", moderation="pending")
    await make.run("UPDATE posts SET user_id = NULL")

    payload = (await astuto.get(f"/posts/{post}")).json()

    assert list(payload) == [
        "id", "title", "description", "created_at", "updated_at", "slug", "approval_status", "board",
    ]  # fmt: skip
    assert (payload["description"], payload["approval_status"]) == (None, "pending")


async def test_a_post_is_found_by_the_leading_integer_of_its_id(make: Factory, astuto: Client) -> None:
    post = await make.post(title="Dark mode")

    assert (await astuto.get(f"/posts/{post}abc")).json()["id"] == post
    assert (await astuto.put(f"/posts/{post}-x", json={})).json() == {"id": post}


async def test_a_new_post_is_approved_without_status_votes_and_followers(make: Factory, astuto: Client) -> None:
    await make.run("UPDATE portals SET moderation_policy = 'always'")

    response = await astuto.post(
        "/posts",
        json={
            "title": " Dark mode ",
            "description": "For eyes",
            "board_id": str(make.boards["Bug Reports"]),
            "id": 77,
            "user_id": 4711,
            "slug": "mine",
            "post_status_id": make.statuses["Planned"],
            "approval_status": "pending",
        },
    )

    post = response.json()["id"]
    assert (response.status_code, response.text) == (201, f'{{"id":{post}}}')
    stored = await make.row("SELECT title, slug, description, user_id, status_id, moderation, board_id FROM posts")
    assert stored == {
        "title": " Dark mode ",
        "slug": "dark-mode",
        "description": "For eyes",
        "user_id": make.owner,
        "status_id": None,
        "moderation": "approved",
        "board_id": make.boards["Bug Reports"],
    }
    assert post != 77
    assert await make.rows("SELECT * FROM follows") == []
    assert await make.rows("SELECT * FROM votes") == []
    (fact,) = await make.facts("post.submitted")
    assert (fact["post_id"], fact["user_id"], fact["actor_id"]) == (post, make.owner, make.owner)


@pytest.mark.parametrize("title", [None, "", "   ", "\t\n"])
async def test_a_post_requires_a_title(astuto: Client, title: str | None) -> None:
    absent = await astuto.post("/posts", json={"board_id": 1})
    blank = await astuto.post("/posts", json={"title": title, "board_id": 1})

    assert (absent.status_code, absent.json()) == (blank.status_code, blank.json()) == (400, MISSING)


@pytest.mark.parametrize(
    ("title", "board", "messages"),
    [
        ("abc", True, ["Title is too short (minimum 4 characters)"]),
        ("😀😀😀", True, ["Title is too short (minimum 4 characters)"]),
        ("x" * 129, True, ["Title is too long (maximum 128 characters)"]),
        (False, True, ["Title is too short (minimum 4 characters)"]),
        (["Dark mode"], True, ["Title cannot be blank", "Title is too short (minimum 4 characters)"]),
        ("abc", False, ["Board is mandatory", "Title is too short (minimum 4 characters)"]),
        ("Dark mode", False, ["Board is mandatory"]),
        ("Dark mode", None, ["Board is mandatory"]),
        ("Dark mode", "abc", ["Board is mandatory"]),
        ("Dark mode", 2**64, ["Board is mandatory"]),
        ("Dark mode", [1], ["Board is mandatory"]),
    ],
)
async def test_an_invalid_post_is_rejected(
    make: Factory, astuto: Client, title: object, board: object, messages: list[str]
) -> None:
    board_id = {True: make.boards["Bug Reports"], False: 4711}[board] if isinstance(board, bool) else board

    response = await astuto.post("/posts", json={"title": title, "board_id": board_id})

    assert (response.status_code, response.json()) == (422, {"errors": messages})
    assert await make.rows("SELECT * FROM posts") == []


@pytest.mark.parametrize("title", ["abcd", "😀😀😀😀", "x" * 128, 1234])
async def test_a_title_may_have_4_to_128_characters(make: Factory, astuto: Client, title: object) -> None:
    response = await astuto.post("/posts", json={"title": title, "board_id": make.boards["Bug Reports"]})

    assert response.status_code == 201
    assert await make.value("SELECT title FROM posts") == str(title)


async def test_a_description_has_no_maximum_length(make: Factory, astuto: Client) -> None:
    board = make.boards["Bug Reports"]
    response = await astuto.post("/posts", json={"title": "Long", "board_id": board, "description": "é" * 100_000})

    assert response.status_code == 201
    assert (await astuto.get(f"/posts/{response.json()['id']}")).json()["description"] == "é" * 100_000


async def test_a_second_post_of_the_same_title_gets_another_slug(make: Factory, astuto: Client) -> None:
    body = {"title": "First post", "board_id": make.boards["Bug Reports"]}
    await astuto.post("/posts", json=body)
    await astuto.post("/posts", json=body)

    first, second = [row["slug"] for row in await make.rows("SELECT slug FROM posts ORDER BY id")]
    assert first == "first-post"
    assert re.fullmatch("first-post-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", second)


async def test_only_title_and_description_can_be_edited(make: Factory, astuto: Client, clock: TestClock) -> None:
    post = await make.post(title="Dark mode")
    before = await make.row("SELECT * FROM posts")
    clock.set(NINE)

    response = await astuto.put(
        f"/posts/{post}",
        json={
            "title": "Darker mode",
            "description": "For eyes",
            "board_id": make.boards["Bug Reports"],
            "post_status_id": make.statuses["Planned"],
            "approval_status": "rejected",
            "slug": "darker",
            "user_id": 4711,
        },
    )

    assert (response.status_code, response.json()) == (200, {"id": post})
    after = await make.row("SELECT * FROM posts")
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"title", "description", "description_short", "updated_at"}
    assert (after["title"], after["description"]) == ("Darker mode", "For eyes")


@pytest.mark.parametrize("body", [{}, {"title": ["x"]}, {"post": {"title": "Nested"}}])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_an_empty_edit_changes_nothing(
    make: Factory, astuto: Client, clock: TestClock, method: str, body: dict[str, object]
) -> None:
    post = await make.post(title="Dark mode")
    before = await make.row("SELECT * FROM posts")
    clock.set(NINE)

    response = await astuto.send_json(method, f"/posts/{post}", body)

    assert (response.status_code, response.json()) == (200, {"id": post})
    assert await make.row("SELECT * FROM posts") == before


@pytest.mark.parametrize(
    ("title", "messages"),
    [
        ("", ["Title cannot be blank", "Title is too short (minimum 4 characters)"]),
        (None, ["Title cannot be blank", "Title is too short (minimum 4 characters)"]),
        ("     ", ["Title cannot be blank"]),
        ("abc", ["Title is too short (minimum 4 characters)"]),
        ("x" * 129, ["Title is too long (maximum 128 characters)"]),
    ],
)
async def test_an_invalid_edit_is_rejected(make: Factory, astuto: Client, title: object, messages: list[str]) -> None:
    post = await make.post(title="Dark mode")

    response = await astuto.put(f"/posts/{post}", json={"title": title, "description": "Changed"})

    assert (response.status_code, response.json()) == (422, {"errors": messages})
    assert await make.row("SELECT title, description FROM posts") == {"title": "Dark mode", "description": None}


async def test_only_the_fields_of_the_request_are_validated(make: Factory, astuto: Client) -> None:
    post = await make.post(title="abc")

    response = await astuto.patch(f"/posts/{post}", json={"description": "For eyes"})
    cleared = await astuto.patch(f"/posts/{post}", json={"description": None})

    assert (response.status_code, cleared.status_code) == (200, 200)
    assert await make.row("SELECT title, description FROM posts") == {"title": "abc", "description": None}


async def test_a_post_is_deleted_with_its_votes_comments_and_replies(make: Factory, astuto: Client) -> None:
    post = await make.post(votes_by=[make.owner])
    other = await make.post()
    first = await make.comment(post)
    await make.comment(other, parent=first)

    response = await astuto.delete(f"/posts/{post}")
    again = await astuto.delete(f"/posts/{post}")

    assert (response.status_code, response.json()) == (200, {"id": post})
    assert (again.status_code, again.json()) == (404, {"errors": [f"Post with id {post} not found"]})
    assert (await astuto.get("/comments")).json() == (await astuto.get("/votes")).json() == []
    assert [row["id"] for row in (await astuto.get("/posts")).json()] == [other]
    assert await make.act(post_counters.find_mismatches) == []


async def test_moderators_may_edit_and_delete_any_post(make: Factory, astuto: Client) -> None:
    moderator = astuto.of(await make.key(await make.user(role="moderator"), "astuto"))
    post = await make.post()

    edited = await moderator.put(f"/posts/{post}", json={"title": "Changed"})
    deleted = await moderator.delete(f"/posts/{post}")

    assert (edited.json(), deleted.json()) == ({"id": post}, {"id": post})


async def test_posts_are_listed_newest_first_in_any_approval_state(
    make: Factory, astuto: Client, clock: TestClock
) -> None:
    clock.set(NINE)
    pending = await make.post(moderation="pending", title="Pending")
    same_moment = await make.post(moderation="rejected", title="Rejected")
    clock.advance(seconds=1)
    newest = await make.post()

    response = await astuto.get("/posts")

    assert [row["id"] for row in response.json()] == [newest, same_moment, pending]
    assert [row["approval_status"] for row in response.json()] == ["approved", "rejected", "pending"]
    single = [(await astuto.get(f"/posts/{post}")).json() for post in (newest, same_moment, pending)]
    assert json.dumps(response.json()) == json.dumps(single)


async def test_posts_are_filtered_by_board_and_author(make: Factory, astuto: Client) -> None:
    jane, john = await make.user(), await make.user()
    bugs, features = make.boards["Bug Reports"], make.boards["Feature Requests"]
    one = await make.post(author=jane, board=bugs)
    two = await make.post(author=john, board=bugs)
    three = await make.post(author=jane, board=features)

    async def ids(**params: object) -> list[int]:
        response = await astuto.get("/posts", params=params)
        assert response.status_code == 200
        return [row["id"] for row in response.json()]

    assert await ids(board_id=bugs) == [two, one]
    assert await ids(user_id=jane) == [three, one]
    assert await ids(board_id=bugs, user_id=jane) == [one]
    assert await ids(board_id="", user_id=" ") == [three, two, one]
    assert await ids(board_id=4711) == await ids(board_id="abc") == await ids(user_id=2**70) == []
    assert await ids(**{"board_id[]": [bugs, features], "user_id[]": [jane]}) == [three, one]
    assert await ids(post_id=one, page=3, status="x") == [three, two, one]
