"""Lists of long texts have the same bytes as others, but are read a few rows at a time."""

import orjson
import pytest

from app.adapters.database import PortalContext
from app.api.astuto import serializers
from app.domain.counters import audit
from app.domain.permissions import OPERATOR
from app.domain.posts.filters import PostFilter
from app.domain.sql.text_limits import MAX_PAGE_BYTES, MIN_TEXT_BYTES, TextsTooLong, max_text_bytes
from tests.support.clients import Client
from tests.support.factory import Factory

LONG = 'Ü "quoted"\n\x01' * 30_000
TEXTS = ("short", LONG, "short, too", "x" * MIN_TEXT_BYTES, LONG[1:], "", LONG[2:], "last")


async def posts_with(make: Factory, texts: tuple[str, ...]) -> list[int]:
    return [await make.post(title=f"Export of invoices {at}", description=text) for at, text in enumerate(texts)]


async def test_lists_of_posts_with_long_texts_have_the_same_bytes(
    make: Factory, astuto: Client, productlift: Client
) -> None:
    ids = await posts_with(make, TEXTS)
    category = await make.category()
    await make.run("INSERT INTO post_categories SELECT id, :category FROM posts", category=category)
    await make.run("INSERT INTO post_tags SELECT id, :tag FROM posts", tag=await make.tag())
    await make.act(audit.repair)

    for query in ("", "?limit=100", "?limit=500", "?limit=2000", "?limit=100&offset=1"):
        listed = await astuto.get(f"/posts{query}")
        expected = [(await astuto.get(f"/posts/{post}")).content for post in reversed(ids)]
        assert listed.content == b"[" + b",".join(expected[1:] if "offset" in query else expected) + b"]"
        assert "etag" not in listed.headers
    for query in (
        "limit=50",
        "limit=3&skip=2",
        "limit=50&order_by=updated_at",
        "limit=50&category={}",
        "limit=50&tag_id=1&title=iNV",
    ):
        listed = await productlift.get(f"/posts?{query.format(category)}")
        page = listed.json()
        for post in page["data"]:
            assert post == (await productlift.get(f"/posts/{post['id']}")).json()["data"]
        assert len(page["data"]) == (3 if "skip" in query else len(ids))
        assert listed.content == orjson.dumps(page)
        assert page["total"] == len(ids)
        assert page["hasMore"] is ("skip" in query)
    everything = await productlift.get("/posts/all")
    assert everything.content == orjson.dumps(everything.json())
    assert everything.json()["data"] == [(await productlift.get(f"/posts/{post}")).json()["data"] for post in ids]


async def test_lists_of_comments_with_long_texts_have_the_same_bytes(
    make: Factory, astuto: Client, productlift: Client
) -> None:
    post = await make.post(description=LONG)
    ids = [await make.comment(post, body=text or "x") for text in TEXTS]

    for query in ("", f"?post_id={post}", "?limit=2000"):
        listed = await astuto.get(f"/comments{query}")
        payload = [(await astuto.get(f"/comments/{comment}")).content for comment in reversed(ids)]
        assert listed.content == b"[" + b",".join(payload) + b"]"
    response = await productlift.get(f"/posts/{await make.code(post)}/comments")
    assert [comment["comment"] for comment in response.json()["data"]] == [text or "x" for text in TEXTS]
    assert response.content == orjson.dumps(response.json())


async def test_duplicates_with_long_texts_are_found(make: Factory, productlift: Client) -> None:
    await posts_with(make, TEXTS)

    response = await productlift.get("/posts/search_duplicates", params={"title": "Export of invoices"})

    assert response.json()["count"] == len(response.json()["posts"]) == len(TEXTS)
    assert {post["description"] for post in response.json()["posts"]} == set(TEXTS)
    assert response.content == orjson.dumps(response.json())


async def test_a_search_with_long_texts_has_the_same_rows(make: Factory, productlift: Client) -> None:
    await posts_with(make, TEXTS)

    response = await productlift.get("/posts/search", params={"query": "export invoices"})

    assert response.json()["total"] == len(response.json()["data"]) == len(TEXTS)
    assert {post["description"] for post in response.json()["data"]} == set(TEXTS)
    assert response.content == orjson.dumps(response.json())


async def test_a_page_of_short_texts_is_not_streamed_and_has_an_etag(make: Factory, astuto: Client) -> None:
    await posts_with(make, ("x" * MIN_TEXT_BYTES,) * 20)

    assert "etag" in (await astuto.get("/posts")).headers


@pytest.mark.parametrize("rows", [1, 20, 100, 1000])
async def test_a_page_is_read_at_once_only_within_its_byte_limit(make: Factory, rows: int) -> None:
    most = max_text_bytes(rows)
    post = await make.post(description="x" * most)
    standing = PortalContext(make.portal, OPERATOR)

    async def read() -> int:
        result = await make.server.database.read(
            lambda work: serializers.POSTS.page(
                work, PostFilter(), order="created_at", descending=True, offset=0, limit=rows
            ),
            standing,
            in_thread=rows > 100,
            max_text=most,
        )
        return len(result)

    assert await read() == 1
    await make.run("UPDATE posts SET description = description || 'x' WHERE id = :id", id=post)
    with pytest.raises(TextsTooLong):
        await read()
    assert rows * most <= MAX_PAGE_BYTES


async def test_a_single_post_with_a_long_text_is_returned(make: Factory, astuto: Client) -> None:
    post = await make.post(description=LONG)
    await astuto.get("/posts")

    payload = await astuto.get(f"/posts/{post}")
    written = await astuto.put(f"/posts/{post}", json={"description": LONG * 2})

    assert payload.json()["description"] == LONG
    assert written.status_code == 200
    assert (await astuto.get(f"/posts/{post}")).json()["description"] == LONG * 2
