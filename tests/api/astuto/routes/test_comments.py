"""Comments in Astuto's dialect. docs/contracts/astuto.md, section 2.4."""

import asyncio
from datetime import UTC, datetime

import pytest

from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.factory import Factory

NINE = datetime(2026, 1, 12, 9, 30, 0, 123999, tzinfo=UTC)
WRONG = {"errors": ["Some parameters are wrong in the request. Please check the documentation."]}


async def test_a_comment_has_all_members_in_order(make: Factory, astuto: Client, clock: TestClock) -> None:
    clock.set(NINE)
    jane = await make.user(name="Jane Roe", email="jane@example.com")
    post = await make.post()
    parent = await make.comment(post)
    comment = await make.comment(post, author=jane, body="I <agree>", parent=parent, official=True)

    response = await astuto.get(f"/comments/{comment}")

    moments = '"created_at":"2026-01-12T09:30:00.123Z","updated_at":"2026-01-12T09:30:00.123Z"'
    assert (response.status_code, response.text) == (
        200,
        f'{{"id":{comment},"body":"I <agree>","post_id":{post},{moments},"is_post_update":true,'
        f'"user":{{"id":{jane},"email":"jane@example.com",{moments},"full_name":"Jane Roe"}}}}',
    )


async def test_comments_are_listed_newest_first_with_replies_and_by_post(
    make: Factory, astuto: Client, clock: TestClock
) -> None:
    one, two = await make.post(), await make.post()
    clock.set(NINE)
    first = await make.comment(one)
    reply = await make.comment(one, parent=first)
    clock.advance(seconds=-1)
    older = await make.comment(two)

    async def ids(**params: object) -> list[int]:
        response = await astuto.get("/comments", params=params)
        assert response.status_code == 200
        return [row["id"] for row in response.json()]

    assert await ids() == [reply, first, older]
    assert await ids(post_id=one) == [reply, first]
    assert await ids(post_id=one, limit=1, offset=1) == [first]
    assert await ids(**{"post_id[]": [one, two]}) == [reply, first, older]
    assert await ids(post_id="") == [reply, first, older]
    assert await ids(post_id="abc") == await ids(post_id=4711) == []
    payload = (await astuto.get("/comments")).json()[0]
    assert payload == (await astuto.get(f"/comments/{reply}")).json()


async def test_internal_comments_are_not_found(make: Factory, astuto: Client) -> None:
    post = await make.post()
    internal = await make.comment(post, internal=True)
    unknown = {"errors": [f"Comment with id {internal} not found"]}

    responses = [
        await astuto.get(f"/comments/{internal}"),
        await astuto.put(f"/comments/{internal}", json={"body": "Leaked"}),
        await astuto.put(f"/comments/{internal}/mark_as_post_update"),
        await astuto.delete(f"/comments/{internal}"),
    ]
    reply = await astuto.post("/comments", json={"post_id": post, "body": "Ha", "parent_id": internal})

    assert [(response.status_code, response.json()) for response in responses] == [(404, unknown)] * 4
    assert (reply.status_code, reply.json()) == (400, WRONG)
    assert (await astuto.get("/comments")).json() == []
    assert await make.rows("SELECT id, body FROM comments") == [{"id": internal, "body": "Well said"}]


async def test_a_new_comment_is_counted_and_adds_no_follower(make: Factory, astuto: Client, clock: TestClock) -> None:
    post = await make.post(moderation="pending")
    touched = await make.value("SELECT updated_at FROM posts")
    clock.set(NINE)

    response = await astuto.post("/comments", json={"post_id": str(post), "body": "  Well said ", "user_id": 4711})

    comment = response.json()["id"]
    assert (response.status_code, response.text) == (201, f'{{"id":{comment}}}')
    stored = await make.row("SELECT post_id, user_id, parent_id, body FROM comments")
    assert stored == {"post_id": post, "user_id": make.owner, "parent_id": None, "body": "  Well said "}
    assert await make.row("SELECT comments_count, updated_at FROM posts") == {
        "comments_count": 1,
        "updated_at": touched,
    }
    assert await make.value("SELECT comments_count FROM users") == 1
    assert await make.rows("SELECT * FROM follows") == []
    (fact,) = await make.facts("comment.written")
    assert (fact["post_id"], fact["subject_id"], fact["user_id"]) == (post, comment, make.owner)


@pytest.mark.parametrize(
    ("sent", "official"),
    [
        (True, True),
        ("yes", True),
        (1, True),
        (0.0, True),
        (False, False),
        ("off", False),
        ("FALSE", False),
        ("0", False),
        ("", False),
        (None, False),
        ([True], False),
    ],
)
async def test_is_post_update_is_converted_to_a_boolean(
    make: Factory, astuto: Client, sent: object, official: bool
) -> None:
    post = await make.post()

    response = await astuto.post("/comments", json={"post_id": post, "body": "New", "is_post_update": sent})

    assert response.status_code == 201
    assert (await astuto.get(f"/comments/{response.json()['id']}")).json()["is_post_update"] is official


async def test_a_parent_may_belong_to_another_post_at_any_depth(make: Factory, astuto: Client) -> None:
    one, two = await make.post(), await make.post()
    parent = await make.comment(one)

    child = await astuto.post("/comments", json={"post_id": two, "body": "Child", "parent_id": f"{parent}"})
    grandchild = await astuto.post(
        "/comments", json={"post_id": one, "body": "Grandchild", "parent_id": child.json()["id"]}
    )

    assert (child.status_code, grandchild.status_code) == (201, 201)
    parents = await make.rows("SELECT parent_id FROM comments ORDER BY id")
    assert [row["parent_id"] for row in parents] == [None, parent, child.json()["id"]]


@pytest.mark.parametrize("parent", [4711, "abc", 0, -3, False, 2**63, 10**30, f"{10**30}"])
async def test_an_unknown_parent_is_rejected(make: Factory, astuto: Client, parent: object) -> None:
    post = await make.post()

    response = await astuto.post("/comments", json={"post_id": post, "body": "Child", "parent_id": parent})

    assert (response.status_code, response.json()) == (400, WRONG)
    assert await make.row("SELECT comments_count FROM posts") == {"comments_count": 0}
    assert await make.rows("SELECT * FROM comments") == []


@pytest.mark.parametrize("parent", [None, "", " ", [1], {"a": 1}])
async def test_a_blank_parent_is_ignored(make: Factory, astuto: Client, parent: object) -> None:
    post = await make.post()

    response = await astuto.post("/comments", json={"post_id": post, "body": "Child", "parent_id": parent})

    assert response.status_code == 201


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({}, ["Post is mandatory", "Body cannot be blank"]),
        ({"post_id": None, "body": None}, ["Post is mandatory", "Body cannot be blank"]),
        ({"post_id": 4711, "body": "Well said"}, ["Post is mandatory"]),
        ({"post_id": "abc", "body": "Well said"}, ["Post is mandatory"]),
        ({"post_id": 10**30, "body": "Well said"}, ["Post is mandatory"]),
        ({"post_id": "known", "body": " \n\t"}, ["Body cannot be blank"]),
        ({"post_id": "known", "body": ["x"]}, ["Body cannot be blank"]),
        ({"post_id": "known", "parent_id": 4711}, ["Body cannot be blank"]),
    ],
)
async def test_an_invalid_comment_is_rejected(
    make: Factory, astuto: Client, body: dict[str, object], messages: list[str]
) -> None:
    post = await make.post()
    if body.get("post_id") == "known":
        body = {**body, "post_id": post}

    response = await astuto.post("/comments", json=body)

    assert (response.status_code, response.json()) == (422, {"errors": messages})
    assert await make.row("SELECT comments_count FROM posts") == {"comments_count": 0}


async def test_a_body_has_no_maximum_length_and_numbers_become_text(make: Factory, astuto: Client) -> None:
    post = await make.post()

    long = await astuto.post("/comments", json={"post_id": post, "body": "é" * 100_000})
    number = await astuto.post("/comments", json={"post_id": post, "body": 12.5})
    flag = await astuto.post("/comments", json={"post_id": post, "body": False})

    payload = [
        (await astuto.get(f"/comments/{response.json()['id']}")).json()["body"] for response in (long, number, flag)
    ]
    assert payload == ["é" * 100_000, "12.5", "f"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_only_the_body_can_be_edited(make: Factory, astuto: Client, clock: TestClock, method: str) -> None:
    post, other = await make.post(), await make.post()
    comment = await make.comment(post)
    before = await make.row("SELECT * FROM comments")
    clock.set(NINE)

    response = await astuto.send_json(
        method, f"/comments/{comment}", {"body": "Changed", "post_id": other, "is_post_update": True, "user_id": 7}
    )

    assert (response.status_code, response.json()) == (200, {"id": comment})
    after = await make.row("SELECT * FROM comments")
    assert {name for name in after if after[name] != before[name]} == {"body", "updated_at"}
    assert after["body"] == "Changed"


@pytest.mark.parametrize("body", [None, "", "  "])
async def test_a_blank_body_is_rejected(make: Factory, astuto: Client, body: str | None) -> None:
    comment = await make.comment(await make.post())

    response = await astuto.put(f"/comments/{comment}", json={"body": body})

    assert (response.status_code, response.json()) == (422, {"errors": ["Body cannot be blank"]})
    assert await make.value("SELECT body FROM comments") == "Well said"


async def test_marking_a_post_update_is_idempotent(make: Factory, astuto: Client, clock: TestClock) -> None:
    comment = await make.comment(await make.post())

    async def flip(how: str) -> tuple[int, object, bool, str]:
        clock.advance(hours=1)
        response = await astuto.put(f"/comments/{comment}/{how}")
        payload = (await astuto.get(f"/comments/{comment}")).json()
        return response.status_code, response.json(), payload["is_post_update"], payload["updated_at"]

    marked, marked_again = await flip("mark_as_post_update"), await flip("mark_as_post_update")
    unmarked, unmarked_again = await flip("unmark_as_post_update"), await flip("unmark_as_post_update")

    assert marked[:3] == (200, {"id": comment}, True)
    assert marked_again == marked
    assert unmarked[:3] == (200, {"id": comment}, False)
    assert unmarked_again == unmarked
    assert unmarked[3] > marked[3]


async def test_replies_are_deleted_with_their_comment_on_any_post(make: Factory, astuto: Client) -> None:
    jane = await make.user()
    one, two = await make.post(), await make.post()
    first = await make.comment(one, author=jane)
    reply = await make.comment(two, parent=first, author=jane)
    await make.comment(two, parent=reply)
    stays = await make.comment(two)

    response = await astuto.delete(f"/comments/{first}")
    again = await astuto.delete(f"/comments/{first}")

    assert (response.status_code, response.json()) == (200, {"id": first})
    assert (again.status_code, again.json()) == (404, {"errors": [f"Comment with id {first} not found"]})
    assert [row["id"] for row in (await astuto.get("/comments")).json()] == [stays]
    counts = await make.rows("SELECT id, comments_count FROM posts ORDER BY id")
    assert counts == [{"id": one, "comments_count": 0}, {"id": two, "comments_count": 1}]
    people = await make.rows("SELECT id, comments_count FROM users ORDER BY id")
    assert people == [{"id": make.owner, "comments_count": 1}, {"id": jane, "comments_count": 0}]


async def test_a_comment_on_a_concurrently_deleted_post_is_rejected(make: Factory, astuto: Client) -> None:
    post = await make.post()
    comment = {"post_id": post, "body": "Late"}

    responses = await asyncio.gather(
        *(astuto.post("/comments", json=comment) for _ in range(4)),
        astuto.delete(f"/posts/{post}"),
        *(astuto.post("/comments", json=comment) for _ in range(4)),
    )

    refused = [response for response in responses if response.status_code == 422]
    assert {response.status_code for response in responses} <= {200, 201, 422}
    assert {response.text for response in refused} <= {'{"errors":["Post is mandatory"]}'}
    assert await make.value("SELECT comments_count FROM users") == 0
