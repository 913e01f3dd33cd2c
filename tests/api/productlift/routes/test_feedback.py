"""The inbox of feedback in ProductLift's dialect. docs/contracts/productlift.md, section 9.12."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from app.domain.sql.text_limits import MIN_TEXT_BYTES
from tests.conftest import TestClock
from tests.support.clients import Client, status_and_json
from tests.support.database_dump import changed, snapshot
from tests.support.factory import Factory
from tests.support.productlift import DELETED, UNKNOWN_UUID, invalid, unknown

MONDAY = datetime(2026, 1, 12, 9, 30, tzinfo=UTC)
AT = "2026-01-12T09:30:00Z"


def expected(feedback: int, title: str, **others: Any) -> dict[str, Any]:
    """New feedback of Monday, with `others` replaced."""
    whole = {
        "id": feedback,
        "key": str(feedback),
        "title": title,
        "description": "",
        "status": "new",
        "user": None,
        "post_id": None,
        "created_at": AT,
        "updated_at": AT,
    }
    assert others.keys() <= whole.keys()
    return whole | others


async def test_feedback_is_created_and_listed(make: Factory, productlift: Client, clock: TestClock) -> None:
    clock.set(MONDAY)
    jane, post = await make.user(name="Jane Roe"), await make.post()
    uuid, code = await make.uuid(jane), await make.code(post)
    user = (await productlift.get(f"/users/{uuid}")).json()["data"]
    texts = {"title": " Too slow ", "description": "I *wait* for a minute.\n\nEach time."}

    short = await productlift.post("/feedback", json={"title": "ab"})
    whole = await productlift.post("/feedback", json={**texts, "user_id": uuid.upper(), "post_id": code})
    by_number = await productlift.post("/feedback", data={"title": "ab", "description": "", "post_id": str(post)})

    of_jane = expected(2, "Too slow", description=texts["description"], user=user, post_id=code)
    assert status_and_json(short) == (200, {"data": expected(1, "ab")})
    assert status_and_json(whole) == (200, {"data": of_jane})
    assert list(whole.json()["data"]) == list(of_jane)
    assert status_and_json(by_number) == (200, {"data": expected(3, "ab", post_id=code)})
    rows = [expected(3, "ab", post_id=code), of_jane, expected(1, "ab")]
    page = {"data": rows, "hasMore": False, "total": 3, "skip": 0, "limit": 10}
    listed = await productlift.get("/feedback")
    assert status_and_json(listed) == (200, page)
    assert list(listed.json()) == list(page)
    assert await make.facts("post.created") == await make.facts("feedback.created") == []


@pytest.mark.parametrize("verb", ["POST", "PATCH", "PUT"])
@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({"title": "a"}, {"title": "The title must be at least 2 characters."}),
        ({"title": "a" * 181}, {"title": "The title must not be greater than 180 characters."}),
        (
            {"title": 77, "description": "a\0b", "post_id": 7.5},
            {
                "title": "The title must be a string.",
                "description": "The description must be a string.",
                "post_id": "The post id must be a string.",
            },
        ),
    ],
)
async def test_invalid_feedback_is_rejected(
    verb: str, sent: dict[str, Any], errors: dict[str, str], make: Factory, productlift: Client
) -> None:
    path = "/feedback" if verb == "POST" else f"/feedback/{await make.feedback()}"
    before = await snapshot(make.server.database)

    assert status_and_json(await productlift.request(verb, path, json=sent)) == invalid(**errors)
    assert changed(before, await snapshot(make.server.database)) == set()


async def test_feedback_requires_a_title_and_a_well_formed_user(make: Factory, productlift: Client) -> None:
    response = await productlift.post("/feedback", json={"title": "", "user_id": "Jane", "post_id": "zzzzzz"})

    assert status_and_json(response) == invalid(
        title="The title field is required.", user_id="The user id must be a valid UUID."
    )


async def test_an_unknown_user_or_post_is_a_404_and_creates_nothing(make: Factory, productlift: Client) -> None:
    gone = await make.uuid(await make.user())
    await productlift.delete(f"/users/{gone}")
    feedback, post = await make.feedback(), await make.code(await make.post())
    before = await snapshot(make.server.database)

    for uuid in (UNKNOWN_UUID, gone, gone.upper()):
        sent = {"title": "Too slow", "user_id": uuid, "post_id": "zzzzzz"}
        assert status_and_json(await productlift.post("/feedback", json=sent)) == unknown("User", uuid)
    for key in ("zzzzzz", "987654301", post.swapcase() if post.swapcase() != post else "zzzzzy", "9" * 30, "a b"):
        sent = {"title": "Too slow", "post_id": key}
        assert status_and_json(await productlift.post("/feedback", json=sent)) == unknown("Post", key)
        assert status_and_json(await productlift.patch(f"/feedback/{feedback}", json=sent)) == unknown("Post", key)
    assert changed(before, await snapshot(make.server.database)) == set()


async def test_only_the_fields_that_are_sent_are_changed(make: Factory, productlift: Client, clock: TestClock) -> None:
    clock.set(MONDAY)
    post = await make.post()
    code = await make.code(post)
    feedback = await make.feedback(description="I wait.", post=post)
    path = f"/feedback/{feedback}"
    before = expected(feedback, "Too slow", description="I wait.", post_id=code)
    clock.advance(minutes=1)

    for sent in ({}, {"title": None, "status": None}, {"title": "Too slow", "status": "new", "post_id": code}):
        assert status_and_json(await productlift.patch(path, json=sent)) == (200, {"data": before})
    reviewed = await productlift.patch(path, json={"status": "reviewed"})
    after = before | {"status": "reviewed", "updated_at": "2026-01-12T09:31:00Z"}
    assert status_and_json(reviewed) == (200, {"data": after})
    changes = {"title": "Slow", "description": "", "post_id": None, "user_id": UNKNOWN_UUID}
    emptied = await productlift.put(path, json=changes)
    after |= {"title": "Slow", "description": "", "post_id": None}
    assert status_and_json(emptied) == (200, {"data": after})
    back = await productlift.patch(path, json={"post_id": str(post), "status": "archived"})
    assert status_and_json(back) == (200, {"data": after | {"post_id": code, "status": "archived"}})


@pytest.mark.parametrize("verb", ["GET", "POST", "PATCH"])
async def test_an_unknown_status_is_rejected(verb: str, make: Factory, productlift: Client) -> None:
    path = f"/feedback/{await make.feedback()}" if verb == "PATCH" else "/feedback"

    for status in ("done", "New", 1, ["new"]):
        response = await productlift.send_json(verb, path, {"title": "Too slow", "status": status})
        # A client can't choose the status of new feedback.
        if verb == "POST":
            assert response.json()["data"]["status"] == "new"
        else:
            assert status_and_json(response) == invalid(status="The selected status is invalid.")


@pytest.mark.parametrize("named", ["987654", "0", "abc", "1x", "%00", "9" * 20])
async def test_the_404_contains_unknown_feedback_as_sent(named: str, make: Factory, productlift: Client) -> None:
    await make.feedback()

    for verb in ("PATCH", "PUT", "DELETE"):
        response = await productlift.send_json(verb, f"/feedback/{named}", {"title": "x", "post_id": "zzzzzz"})
        assert status_and_json(response) == unknown("Feedback", named.replace("%00", "\0"))


async def test_feedback_is_deleted_once(make: Factory, productlift: Client) -> None:
    kept, gone = await make.feedback(), await make.feedback()

    assert status_and_json(await productlift.delete(f"/feedback/{gone}")) == DELETED
    assert status_and_json(await productlift.delete(f"/feedback/{gone}")) == unknown("Feedback", gone)
    assert await make.rows("SELECT id FROM feedback") == [{"id": kept}]


async def test_a_page_of_feedback_is_filtered_by_status(make: Factory, productlift: Client) -> None:
    ids = [await make.feedback() for _ in range(5)]
    for feedback in ids[::2]:
        await productlift.patch(f"/feedback/{feedback}", json={"status": "archived"})

    async def page(query: str) -> tuple[list[int], dict[str, Any]]:
        response = (await productlift.get(f"/feedback?{query}")).json()
        return [row["id"] for row in response.pop("data")], response

    newest = ids[::-1]
    assert await page("limit=2&skip=1") == (newest[1:3], {"hasMore": True, "total": 5, "skip": 1, "limit": 2})
    assert await page("skip=-3&limit=5") == (newest, {"hasMore": False, "total": 5, "skip": 0, "limit": 5})
    archived = {"hasMore": False, "total": 3, "skip": 0, "limit": 10}
    assert await page("status=archived") == (newest[::2], archived)
    assert await page("status=archived&limit=2") == (newest[:4:2], archived | {"hasMore": True, "limit": 2})
    assert await page("status=reviewed") == ([], {"hasMore": False, "total": 0, "skip": 0, "limit": 10})
    # From this row on, pages are read in another way.
    assert await page("skip=1000") == ([], {"hasMore": False, "total": 5, "skip": 1000, "limit": 10})


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("limit=0", {"limit": "The limit must be at least 1."}),
        ("limit=101", {"limit": "The limit must not be greater than 100."}),
        ("limit=x&skip=x", {"limit": "The limit must be an integer.", "skip": "The skip must be an integer."}),
    ],
)
async def test_an_invalid_page_of_feedback_is_rejected(query: str, errors: dict[str, str], productlift: Client) -> None:
    assert status_and_json(await productlift.get(f"/feedback?{query}")) == invalid(**errors)


async def test_pages_with_long_texts_have_the_same_bytes(make: Factory, productlift: Client) -> None:
    long = 'Ü "quoted"\n\x01' * 30_000
    texts = ("short", long, "x" * MIN_TEXT_BYTES, long[1:], "", long[2:])
    ids = [await make.feedback(description=text) for text in texts]

    for query, rows in (("limit=50", texts[::-1]), ("limit=2&skip=1", texts[3:5][::-1]), ("status=new", texts[::-1])):
        listed = await productlift.get(f"/feedback?{query}")
        assert [row["description"] for row in listed.json()["data"]] == list(rows)
        assert listed.json()["total"] == len(ids)
        assert listed.content == orjson.dumps(listed.json())
    assert "etag" not in (await productlift.get("/feedback?limit=50")).headers
    changed_row = await productlift.patch(f"/feedback/{ids[0]}", json={"description": long})
    assert changed_row.json()["data"]["description"] == long


@pytest.mark.parametrize("with_data", [True, False])
async def test_feedback_stays_when_its_user_is_deleted(with_data: bool, make: Factory, productlift: Client) -> None:
    jane = await make.user(name="Jane Roe")
    uuid = await make.uuid(jane)
    feedback = await make.feedback(user=jane)
    before = (await productlift.get("/feedback")).json()["data"][0]
    assert before["user"]["name"] == "Jane Roe"

    await productlift.send_json("DELETE", f"/users/{uuid}", {"delete_all_data": with_data})

    (row,) = (await productlift.get("/feedback")).json()["data"]
    if with_data:
        assert row == before | {"user": None}
    else:
        assert (row["id"], row["user"]["id"], row["user"]["name"]) == (feedback, uuid, "[User Deleted]")


async def test_feedback_stays_when_its_post_is_deleted(make: Factory, productlift: Client, astuto: Client) -> None:
    posts = [await make.post() for _ in range(2)]
    for post in posts:
        await make.feedback(post=post)
    before = (await productlift.get("/feedback")).json()["data"]

    await productlift.delete(f"/posts/{posts[1]}")
    await astuto.delete(f"/posts/{posts[0]}")

    assert (await productlift.get("/feedback")).json()["data"] == [row | {"post_id": None} for row in before]


async def test_single_feedback_is_not_shown(make: Factory, productlift: Client) -> None:
    response = await productlift.get(f"/feedback/{await make.feedback()}")

    assert (response.status_code, response.headers["allow"]) == (405, "PUT, PATCH, DELETE")
