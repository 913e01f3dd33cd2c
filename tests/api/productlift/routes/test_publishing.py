"""Publishing in ProductLift's dialect. docs/contracts/productlift.md, section 9.8."""

import asyncio
from datetime import UTC, datetime

from tests.conftest import TestClock
from tests.support.clients import Client, status_and_json
from tests.support.database_dump import changed, snapshot
from tests.support.factory import Factory
from tests.support.productlift import unknown

MONDAY = datetime(2026, 1, 12, 9, 30, tzinfo=UTC)


async def test_a_post_is_unpublished_and_published_again(make: Factory, productlift: Client, clock: TestClock) -> None:
    clock.set(MONDAY)
    jane = await make.user()
    post, other = await make.post(author=jane), await make.post()
    code = await make.code(post)
    before = (await productlift.get(f"/posts/{code}")).json()["data"]

    for number, published in enumerate((False, True), start=1):
        clock.advance(seconds=1)
        key = (code, post)[number - 1]
        response = await productlift.put(f"/posts/{key}/toggle-publish")

        assert status_and_json(response) == (200, {"data": {"id": code, "key": code, "published": published}})
        assert list(response.json()["data"]) == ["id", "key", "published"]
        # No member says so, and the rest stays.
        changed_at = f"2026-01-12T09:30:0{number}Z"
        assert (await productlift.get(f"/posts/{code}")).json()["data"] == before | {"updated_at": changed_at}
        kind = "post.published" if published else "post.unpublished"
        (fact,) = await make.facts(kind)
        assert (fact["post_id"], fact["subject_id"], fact["user_id"], fact["actor_id"]) == (
            post,
            None,
            jane,
            make.owner,
        )
    assert bool(await make.value("SELECT published FROM posts WHERE id = :id", id=other))


async def test_an_unknown_post_can_not_be_published(make: Factory, productlift: Client) -> None:
    await make.post()
    before = await snapshot(make.server.database)

    for key in ("nosuch", "007", "99999999999999999999"):
        assert status_and_json(await productlift.put(f"/posts/{key}/toggle-publish")) == unknown("Post", key)
    assert changed(before, await snapshot(make.server.database)) == set()


async def test_an_unpublished_post_stays_in_both_apis_and_accepts_votes(
    make: Factory, productlift: Client, astuto: Client
) -> None:
    post = await make.post(status="Planned")
    code, uuid = await make.code(post), await make.uuid(make.owner)
    of_astuto = (await astuto.get(f"/posts/{post}")).json()
    await productlift.put(f"/posts/{code}/toggle-publish")
    now = await make.value("SELECT updated_at FROM posts")

    (listed,) = (await productlift.get("/posts")).json()["data"]
    assert listed["id"] == code
    assert [row["id"] for row in (await productlift.get("/posts/all")).json()["data"]] == [code]
    (shown,) = (await astuto.get("/posts")).json()
    assert {**shown, "updated_at": ""} == {**of_astuto, "updated_at": ""}
    assert (await productlift.post(f"/posts/{code}/votes/{uuid}")).status_code == 200
    assert (await productlift.post(f"/posts/{code}/anonymous_votes/earum")).status_code == 200
    assert (await astuto.post("/comments", json={"post_id": post, "body": "Hear, hear"})).status_code == 201
    assert await make.value("SELECT updated_at FROM posts") == now


async def test_concurrent_toggles_all_count(make: Factory, productlift: Client) -> None:
    post = await make.post()

    responses = await asyncio.gather(*(productlift.put(f"/posts/{post}/toggle-publish") for _ in range(5)))

    states = sorted(response.json()["data"]["published"] for response in responses)
    assert states == [False, False, False, True, True]
    assert not await make.value("SELECT published FROM posts")
    assert (len(await make.facts("post.unpublished")), len(await make.facts("post.published"))) == (3, 2)
