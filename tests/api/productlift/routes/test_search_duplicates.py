"""The search for duplicates in ProductLift's dialect. docs/contracts/productlift.md, section 7.8."""

from typing import Any

import pytest

from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import invalid

NONE = (200, {"count": 0, "posts": []})
PATH = "/posts/search_duplicates"


async def test_duplicates_are_returned_outside_of_data(make: Factory, productlift: Client) -> None:
    likely = await make.post(title="Dark mode for the dashboard", description="Black please")
    await make.post(title="Export to spreadsheet")
    await make.post(title="Dark mode for the dashboards", moderation="rejected")
    code = await make.code(likely)
    expected = (
        200,
        {"count": 1, "posts": [{"id": code, "title": "Dark mode for the dashboard", "description": "Black please"}]},
    )

    by_body = await productlift.send_json("GET", PATH, {"title": "DARK mode for dashbord", "description": "At night"})
    by_query = await productlift.get(PATH, params={"title": "dark mode dashboard"})

    assert status_and_json(by_body) == status_and_json(by_query) == expected
    assert list(by_body.json()) == ["count", "posts"]
    assert list(by_body.json()["posts"][0]) == ["id", "title", "description"]


async def test_a_post_without_a_description_has_an_empty_string(make: Factory, productlift: Client) -> None:
    await make.post(title="Dark mode")

    result = await productlift.get(PATH, params={"title": "Dark mode"})

    assert result.json()["posts"][0]["description"] == ""


async def test_at_most_ten_duplicates_are_listed(make: Factory, productlift: Client) -> None:
    for _ in range(12):
        await make.post(title="Dark mode")

    result = (await productlift.get(PATH, params={"title": "Dark mode"})).json()

    assert (result["count"], len(result["posts"])) == (10, 10)


@pytest.mark.parametrize("sent", [None, {}, {"title": ""}, {"title": None, "description": " "}, {"title": "??"}])
async def test_without_usable_input_nothing_is_found(sent: Any, make: Factory, productlift: Client) -> None:
    await make.post(title="Dark mode")

    assert status_and_json(await productlift.send_json("GET", PATH, sent)) == NONE


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({"title": "a"}, {"title": "The title must be at least 2 characters."}),
        ({"title": "x" * 181}, {"title": "The title must not be greater than 180 characters."}),
        ({"title": 12}, {"title": "The title must be a string."}),
        (
            {"title": "a", "description": []},
            {
                "title": "The title must be at least 2 characters.",
                "description": "The description must be a string.",
            },
        ),
    ],
)
async def test_an_invalid_search_is_rejected(sent: Any, errors: dict[str, str], productlift: Client) -> None:
    assert status_and_json(await productlift.send_json("GET", PATH, sent)) == invalid(**errors)


async def test_another_portals_posts_are_not_found(make: Factory, productlift: Client) -> None:
    elsewhere, boss = await make.new_portal("Elsewhere", host="other.example.com", email="o@example.com")
    await make.run("UPDATE portals SET host = 'feedback.example.com' WHERE id = :id", id=make.portal)
    await make.post(title="Dark mode", author=boss, portal=elsewhere)

    assert status_and_json(await productlift.get(PATH, params={"title": "Dark mode"})) == NONE
