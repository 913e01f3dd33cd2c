"""All posts of the portal or a tab in one response. docs/contracts/productlift.md, section 9.8."""

from typing import Any

import pytest

from app.domain.posts import create, update
from app.domain.posts.create import NewPost
from app.domain.unit_of_work import UnitOfWork
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import UNKNOWN_TAB, invalid, unknown


async def list_titles(productlift: Client, **params: Any) -> list[str]:
    response = await productlift.get("/posts/all", params=params)
    assert response.status_code == 200
    assert list(response.json()) == ["data"]
    return [post["title"] for post in response.json()["data"]]


async def make_posts(make: Factory) -> None:
    """Posts on two tabs and on none; their manual order is not that of their creation."""
    for title, status in (("a", "Planned"), ("b", "New"), ("c", "Planned"), ("d", None), ("e", "In Progress")):
        await make.post(title=title, status=status)
    ids = {row["title"]: row["id"] for row in await make.rows("SELECT id, title FROM posts")}
    for place, title in enumerate(("e", "b", "a")):
        await make.act(lambda work, post=ids[title], place=place: update.set_position(work, post, place))


async def test_all_posts_are_listed_in_their_manual_order(make: Factory, productlift: Client) -> None:
    await make_posts(make)
    await make.post(title="f", moderation="rejected")

    response = await productlift.get("/posts/all")

    page = (await productlift.get("/posts", params={"order_by": "order", "limit": 100})).json()["data"]
    assert status_and_json(response) == (200, {"data": page})
    assert [post["title"] for post in page] == ["e", "b", "a", "c", "d", "f"]


async def test_the_posts_of_a_tab_are_listed_by_its_number_or_url_key(make: Factory, productlift: Client) -> None:
    await make_posts(make)
    roadmap = make.tabs["roadmap"]

    for tab in ("roadmap", roadmap, f" {roadmap} "):
        assert await list_titles(productlift, tab=tab) == ["e", "a", "c"], tab
    assert await list_titles(productlift, tab="changelog") == []
    assert await list_titles(productlift, tab="") == ["e", "b", "a", "c", "d"]
    response = await productlift.send_json("GET", "/posts/all", {"tab": roadmap})
    assert [post["title"] for post in response.json()["data"]] == ["e", "a", "c"]


@pytest.mark.parametrize("tab", ["nowhere", "Roadmap", "0", "99", str(10**30), "-1", "é"])
async def test_an_unknown_tab_returns_404(make: Factory, productlift: Client, tab: str) -> None:
    await make.post(status="Planned")

    assert status_and_json(await productlift.get("/posts/all", params={"tab": tab})) == UNKNOWN_TAB


@pytest.mark.parametrize("tab", [True, 1.5, ["roadmap"], {"a": 1}, "a\0b"])
async def test_a_tab_that_is_no_text_and_no_number_is_invalid(productlift: Client, tab: object) -> None:
    response = await productlift.send_json("GET", "/posts/all", {"tab": tab})

    assert status_and_json(response) == invalid(tab="The tab must be a string.")


async def test_a_portal_without_posts_has_an_empty_list(make: Factory, productlift: Client) -> None:
    assert status_and_json(await productlift.get("/posts/all")) == (200, {"data": []})


async def test_more_than_a_thousand_posts_are_streamed(make: Factory, productlift: Client) -> None:
    def fill(work: UnitOfWork) -> None:
        for number in range(1001):
            new_post = NewPost(title=f"Post {number}", description=None, author=make.owner)
            create.create_post(work, new_post)

    await make.act(fill)

    response = await productlift.get("/posts/all")

    titles = [post["title"] for post in response.json()["data"]]
    assert response.headers["content-type"] == "application/json"
    assert "content-length" not in response.headers
    assert titles == [f"Post {number}" for number in range(1001)]
    await make.run("DELETE FROM posts WHERE title = 'Post 1000'")
    response = await productlift.get("/posts/all")
    assert "content-length" in response.headers
    assert [post["title"] for post in response.json()["data"]] == titles[:-1]


async def test_the_fixed_word_wins_only_for_get(make: Factory, productlift: Client) -> None:
    for method in ("PATCH", "PUT", "DELETE"):
        assert status_and_json(await productlift.send_json(method, "/posts/all", {})) == unknown("Post", "all")
    assert status_and_json(await productlift.get("/posts/all/votes")) == unknown("Post", "all")
    wrong = await productlift.post("/posts/all")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, PUT, PATCH, DELETE")


async def test_a_post_with_the_code_of_a_fixed_word_is_found_by_its_number(make: Factory, productlift: Client) -> None:
    post = await make.post(title="Imported")
    await make.run("UPDATE posts SET code = 'search'")

    assert (await productlift.get(f"/posts/{post}")).json()["data"]["id"] == "search"
    assert (await productlift.get("/posts/search")).json().get("data", {}).get("id") != "search"
    assert (await productlift.put("/posts/search/toggle-publish")).json()["data"]["id"] == "search"
