"""Pagination, and long lists. docs/contracts/astuto.md, section 1.8."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest

from app.application import Application
from tests.support.clients import Client
from tests.support.factory import Factory

WRONG = {"errors": ["Some parameters are wrong in the request. Please check the documentation."]}
LISTS = {"/posts": 20, "/comments": 100, "/votes": 100, "/users": 100}


async def insert_rows(make: Factory, path: str, count: int) -> None:
    """Insert this many rows of one kind, all with the same time."""
    post = await make.post()
    if path in ("/users", "/votes"):
        await make.run(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
            " INSERT INTO users (portal_id, uuid, name, created_at, updated_at)"
            " SELECT portal_id, CAST(i AS VARCHAR(36)), 'User', created_at, updated_at FROM users, n WHERE id = :owner",
            count=count,
            owner=make.owner,
        )
    if path == "/votes":
        await make.run(
            "INSERT INTO votes (portal_id, post_id, user_id, created_at, updated_at)"
            " SELECT portal_id, :post, id, created_at, updated_at FROM users WHERE id <> :owner",
            post=post,
            owner=make.owner,
        )
    if path == "/comments":
        await make.run(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
            " INSERT INTO comments (portal_id, post_id, user_id, body, created_at, updated_at)"
            " SELECT portal_id, id, user_id, 'Well said', created_at, updated_at FROM posts, n",
            count=count,
        )
    if path == "/posts":
        await make.run(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
            " INSERT INTO posts (portal_id, board_id, code, slug, title, status_changed_at, created_at, updated_at)"
            " SELECT portal_id, board_id, substr(CAST(1000000 + i AS VARCHAR(7)), 2), CAST(i AS VARCHAR(9)), 'Post',"
            " created_at, created_at, created_at FROM posts, n",
            count=count - 1,
        )


async def ids(client: Client, path: str, **params: Any) -> list[int]:
    response = await client.get(path, params=params)
    assert response.status_code == 200, response.text
    return [row["id"] for row in response.json()]


@pytest.mark.parametrize("path", LISTS)
async def test_each_list_has_a_default_limit_and_no_maximum(make: Factory, astuto: Client, path: str) -> None:
    await insert_rows(make, path, 130)
    everything = await ids(astuto, path, limit=1000)

    assert everything == sorted(everything, reverse=True)
    assert len(everything) == (131 if path == "/users" else 130)
    assert await ids(astuto, path) == everything[: LISTS[path]]
    for limit in (1000000, 2**31, 2**63 - 1):
        assert await ids(astuto, path, limit=limit) == everything


@pytest.mark.parametrize("path", LISTS)
async def test_a_streamed_response_has_the_same_rows_as_pages(make: Factory, astuto: Client, path: str) -> None:
    await insert_rows(make, path, 1300)

    streamed = await astuto.get(path, params={"limit": 5000})
    pages = [await astuto.get(path, params={"limit": 700, "offset": offset}) for offset in (0, 700, 1400)]
    later = await astuto.get(path, params={"limit": 5000, "offset": 1200})

    whole = [row for page in pages for row in page.json()]
    assert streamed.json() == whole
    assert len(whole) == (1301 if path == "/users" else 1300)
    assert later.json() == whole[1200:]
    assert streamed.headers["content-type"] == "application/json; charset=utf-8"
    assert streamed.headers["cache-control"] == "max-age=0, private, must-revalidate"
    assert "etag" not in streamed.headers
    assert "etag" in later.headers


@pytest.mark.parametrize("path", ["/comments", "/votes"])
async def test_long_lists_are_filtered(make: Factory, astuto: Client, path: str) -> None:
    await insert_rows(make, path, 1100)
    post = await make.post()
    if path == "/votes":
        await make.vote(post, make.owner)
    else:
        await make.comment(post)

    first = (await astuto.get(path, params={"limit": 1})).json()[0]
    others = await astuto.get(path, params={"limit": 5000, "post_id": await make.value("SELECT min(id) FROM posts")})

    assert first["post_id"] == post
    assert len(others.json()) == 1100
    assert await ids(astuto, path, limit=5000, post_id=post) == [first["id"]]


async def test_internal_comments_are_not_in_long_lists(make: Factory, astuto: Client) -> None:
    await insert_rows(make, "/comments", 1100)
    await make.run("UPDATE comments SET internal = true WHERE id % 2 = 0")

    assert len(await ids(astuto, "/comments", limit=5000)) == 550
    await make.run("UPDATE comments SET internal = false WHERE id > 10")
    long = await ids(astuto, "/comments", limit=5000)
    assert (len(long), [comment for comment in long if comment <= 10]) == (1095, [9, 7, 5, 3, 1])


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"limit": 0}, 0),
        ({"limit": "+2"}, 2),
        ({"limit": " 2"}, 2),
        ({"limit": "0x2"}, 2),
        ({"limit": ""}, 3),
        ({"limit": "null"}, 3),
        ({"offset": 3}, 0),
        ({"offset": 2**63 - 1}, 0),
        ({"offset": "abc"}, 3),
        ({"offset": ""}, 3),
        ({"offset": "2abc"}, 1),
        ({"offset": 1, "limit": 1}, 1),
        ({"page": 2, "per_page": 1}, 3),
    ],
)
async def test_limit_and_offset_select_the_rows_of_a_list(
    make: Factory, astuto: Client, path: str, params: dict[str, object], expected: int
) -> None:
    await insert_rows(make, path, 2 if path == "/users" else 3)

    assert len(await ids(astuto, path, **params)) == expected


@pytest.mark.parametrize("path", LISTS)
async def test_limit_and_offset_may_be_in_a_body(make: Factory, astuto: Client, path: str) -> None:
    await insert_rows(make, path, 5)

    response = await astuto.send_json("GET", path, {"limit": 2, "offset": None})
    null = await astuto.send_json("GET", path, {"limit": None})

    assert len(response.json()) == 2
    assert len(null.json()) >= 5


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "query",
    ["limit=-1", "limit=abc", "limit=2.7", "limit=2abc", "limit[]=2", f"limit={2**63}", "offset=-1", f"offset={2**64}"],
)
async def test_an_invalid_limit_or_offset_is_rejected(astuto: Client, path: str, query: str) -> None:
    response = await astuto.get(f"{path}?{query}")

    assert (response.status_code, response.json()) == (400, WRONG)


@pytest.mark.parametrize("path", ["/posts", "/comments", "/votes"])
async def test_an_object_as_a_filter_matches_nothing(make: Factory, astuto: Client, path: str) -> None:
    post = await make.post(votes_by=[make.owner], board=make.boards["Bug Reports"], author=make.owner)
    await make.comment(post)
    filters = {"board_id": make.boards["Bug Reports"], "user_id": make.owner} if path == "/posts" else {"post_id": post}

    for name, value in filters.items():
        some = await astuto.get(path, params={name: value})
        none = [
            await astuto.get(path, params={f"{name}[x]": value}),
            await astuto.get(path, params={f"{name}[][x]": value}),
            await astuto.request("GET", path, data={f"{name}[x]": value}),
            await astuto.request("GET", path, files={f"{name}[x]": (None, str(value))}),
            await astuto.request("GET", path, files={name: ("a.txt", str(value))}),
            await astuto.send_json("GET", path, {name: {"x": value}}),
            await astuto.send_json("GET", path, {name: [[value]]}),
        ]

        assert len(some.json()) == 1
        assert [(response.status_code, response.json()) for response in none] == [(200, [])] * len(none)


async def test_boards_and_statuses_ignore_limit_and_offset(astuto: Client) -> None:
    assert len(await ids(astuto, "/boards", limit=-1, offset="x")) == 2
    assert len(await ids(astuto, "/post_statuses", limit="abc", offset=-5)) == 5


async def test_a_row_deleted_while_a_response_is_streamed_is_omitted(
    make: Factory, astuto: Client, server: Application
) -> None:
    await insert_rows(make, "/comments", 1500)
    before = await ids(astuto, "/comments", limit=5000)
    written: list[bytes] = []

    async def receive() -> dict[str, Any]:
        # A request without a body, whose client stays.
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.body":
            if not written:
                await make.run("DELETE FROM comments WHERE id <= :id", id=before[-300])
            written.append(message["body"])

    await server(
        {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "path": "/api/v1/comments",
            "query_string": b"limit=5000",
            "headers": [(b"authorization", f"Bearer {astuto.token}".encode())],
            "client": ("192.0.2.1", 40000),
        },
        receive,
        send,
    )

    assert [row["id"] for row in json.loads(b"".join(written))] == before[:-300]
    assert len(written) > 4
