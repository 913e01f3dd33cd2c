"""The search for posts in ProductLift's dialect. docs/contracts/productlift.md, section 9.8."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import invalid

PATH = "/posts/search"


def empty(*, skip: int = 0, limit: int = 10) -> tuple[int, dict[str, Any]]:
    return 200, {"data": [], "hasMore": False, "total": 0, "skip": skip, "limit": limit}


async def codes(make: Factory, posts: Sequence[int]) -> list[str]:
    return [await make.code(post) for post in posts]


async def test_posts_are_found_by_title_and_description_in_a_page_of_posts(make: Factory, productlift: Client) -> None:
    described = await make.post(title="Colors", description="A **dark** mode for the night")
    titled = await make.post(title="Dark mode")
    await make.post(title="Dark mode", moderation="rejected")
    pending = await make.post(title="A dark mode, please", moderation="pending")
    await make.post(title="Darkness")

    by_query = await productlift.get(PATH, params={"query": "dark mo"})
    by_body = await productlift.send_json("GET", PATH, {"query": " DARK mode ", "limit": 2, "skip": 1})

    page = by_query.json()
    assert by_query.status_code == 200
    assert list(page) == ["data", "hasMore", "total", "skip", "limit"]
    assert [post["id"] for post in page["data"]] == await codes(make, [titled, pending, described])
    assert page["data"][0] == (await productlift.get(f"/posts/{await make.code(titled)}")).json()["data"]
    assert (page["hasMore"], page["total"], page["skip"], page["limit"]) == (False, 3, 0, 10)
    assert [post["id"] for post in by_body.json()["data"]] == await codes(make, [pending, described])
    assert by_body.json()["total"] == 3


async def test_a_new_post_is_found_at_once(make: Factory, productlift: Client) -> None:
    for word in ("zebra", "giraffe"):
        created = await productlift.post("/posts", json={"title": "An animal", "description": f"Such as a {word}"})
        found = await productlift.get(PATH, params={"query": word})
        assert [post["id"] for post in found.json()["data"]] == [created.json()["data"]["id"]]


async def test_the_tab_is_named_by_id_or_url_key(make: Factory, productlift: Client) -> None:
    planned = await make.post(title="Dark mode", status="Planned")
    await make.post(title="Dark mode", status="New")
    await make.post(title="Dark mode")
    (code,) = await codes(make, [planned])

    for tab in ("roadmap", str(make.tabs["roadmap"]), make.tabs["roadmap"]):
        response = await productlift.send_json("GET", PATH, {"query": "dark", "tab": tab})
        assert [post["id"] for post in response.json()["data"]] == [code], tab
        assert response.json()["total"] == 1
    for unknown in ("nowhere", "987654321", "9" * 30, " "):
        response = await productlift.send_json("GET", PATH, {"query": "dark", "tab": unknown, "skip": 2})
        assert response.json()["total"] == (3 if unknown == " " else 0)


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, {"query": "The query field is required."}),
        ({"query": " "}, {"query": "The query field is required."}),
        ({"query": "a"}, {"query": "The query must be at least 2 characters."}),
        ({"query": "x" * 181}, {"query": "The query must not be greater than 180 characters."}),
        ({"query": 12}, {"query": "The query must be a string."}),
        ({"query": "dark", "tab": ["roadmap"]}, {"tab": "The tab must be a string."}),
        ({"query": "dark", "limit": 0}, {"limit": "The limit must be at least 1."}),
        ({"query": "dark", "limit": 101}, {"limit": "The limit must not be greater than 100."}),
        ({"query": "dark", "skip": "x"}, {"skip": "The skip must be an integer."}),
    ],
)
async def test_an_invalid_search_is_rejected(sent: Any, errors: dict[str, str], productlift: Client) -> None:
    assert status_and_json(await productlift.send_json("GET", PATH, sent)) == invalid(**errors)


async def test_a_page_past_the_end_is_empty(make: Factory, productlift: Client) -> None:
    await make.post(title="Dark mode")

    for skip in (1, 2**40, -3):
        page = (await productlift.get(PATH, params={"query": "dark", "skip": skip, "limit": 5})).json()
        assert (len(page["data"]), page["total"], page["hasMore"]) == (int(skip < 0), 1, False)
        assert page["skip"] == max(0, skip)


async def test_a_code_is_no_word_of_a_post(make: Factory, productlift: Client) -> None:
    (code,) = await codes(make, [await make.post(title="Dark mode")])

    assert status_and_json(await productlift.get(PATH, params={"query": code})) == empty()


async def test_another_portals_posts_are_not_found(make: Factory, productlift: Client) -> None:
    elsewhere, boss = await make.new_portal("Elsewhere", host="other.example.com", email="o@example.com")
    await make.run("UPDATE portals SET host = 'feedback.example.com' WHERE id = :id", id=make.portal)
    await make.post(title="Dark mode", author=boss, portal=elsewhere)

    assert status_and_json(await productlift.get(PATH, params={"query": "Dark mode"})) == empty()


async def test_other_methods_address_a_post_of_that_name(productlift: Client) -> None:
    unknown = (404, {"message": "No query results for model [App\\Post] search"})

    assert status_and_json(await productlift.patch(PATH, json={})) == unknown
    assert status_and_json(await productlift.delete(PATH)) == unknown
