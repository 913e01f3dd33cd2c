"""Categories in ProductLift's dialect. docs/contracts/productlift.md, sections 7.1 to 7.4."""

from typing import Any

import pytest

from app.domain.portals.colors import PASTELS
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import DELETED, invalid, unknown

TAKEN = invalid(name="The name has already been taken.")


async def test_categories_are_listed_by_id(make: Factory, productlift: Client) -> None:
    first = await make.category("Zebra", color="#abc")
    second = await make.category("Ant 🐜")

    listed = await productlift.get("/categories")

    categories = [
        {"id": first, "name": "Zebra", "color": "#abc"},
        {"id": second, "name": "Ant 🐜", "color": "#ABDEE6"},
    ]
    assert status_and_json(listed) == (200, {"data": categories})
    assert list(listed.json()["data"][0]) == ["id", "name", "color"]


async def test_categories_of_another_portal_are_neither_listed_nor_changed(make: Factory, productlift: Client) -> None:
    elsewhere, _ = await make.new_portal("Elsewhere", host="elsewhere.example.com", email="owner@example.com")
    await make.run("UPDATE portals SET host = 'feedback.example.com' WHERE id = :id", id=make.portal)
    theirs = await make.category("Secret", portal=elsewhere)

    assert status_and_json(await productlift.get("/categories")) == (200, {"data": []})
    assert status_and_json(await productlift.patch(f"/categories/{theirs}", json={"color": "#fff"})) == unknown(
        "Category", theirs
    )
    assert status_and_json(await productlift.delete(f"/categories/{theirs}")) == unknown("Category", theirs)
    assert status_and_json(await productlift.post("/categories", json={"name": "Secret"}))[0] == 200
    assert await make.value("SELECT color FROM categories WHERE id = :id", id=theirs) == "#ABDEE6"


async def test_a_new_category_gets_the_next_free_pastel(make: Factory, productlift: Client) -> None:
    await make.category("Used", color="#abdee6")

    first = await productlift.post("/categories", json={"name": " Speed "})
    second = await productlift.post("/categories", json={"name": "Looks", "color": ""})

    assert status_and_json(first) == (200, {"data": {"id": 2, "name": "Speed", "color": "#FFAEA5"}})
    assert status_and_json(second) == (200, {"data": {"id": 3, "name": "Looks", "color": "#FFCCB6"}})


async def test_pastels_are_reused_when_all_are_used(make: Factory, productlift: Client) -> None:
    for number in range(len(PASTELS)):
        await make.category(f"Category {number}")

    created = await productlift.post("/categories", json={"name": "One more"})

    assert created.json()["data"]["color"] == PASTELS[0]


@pytest.mark.parametrize("color", ["#fff", "#AbCdEf"])
async def test_a_color_is_stored_as_sent(color: str, productlift: Client) -> None:
    created = await productlift.post("/categories", json={"name": "Speed", "color": color})

    assert status_and_json(created) == (200, {"data": {"id": 1, "name": "Speed", "color": color}})


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({"name": "  "}, {"name": "The name field is required."}),
        ({"name": "x" * 192}, {"name": "The name must not be greater than 191 characters."}),
        ({"name": 5, "color": "blue"}, {"name": "The name must be a string.", "color": "The color format is invalid."}),
        ({"color": 7}, {"name": "The name field is required.", "color": "The color format is invalid."}),
    ],
)
async def test_an_invalid_category_is_rejected_with_every_error(
    sent: dict[str, Any], errors: dict[str, str], make: Factory, productlift: Client
) -> None:
    assert status_and_json(await productlift.post("/categories", json=sent)) == invalid(**errors)
    assert await make.rows("SELECT id FROM categories") == []


@pytest.mark.parametrize("name", ["Éclair", "éCLAIR", " ÉCLAIR "])
async def test_category_names_are_compared_without_case(name: str, make: Factory, productlift: Client) -> None:
    await make.category("Éclair")

    assert status_and_json(await productlift.post("/categories", json={"name": name})) == TAKEN
    assert await make.value("SELECT count(*) FROM categories") == 1


async def test_a_taken_name_and_an_invalid_color_are_reported_together(make: Factory, productlift: Client) -> None:
    await make.category("Speed")

    rejected = await productlift.post("/categories", json={"name": "SPEED", "color": "red"})

    assert status_and_json(rejected) == invalid(
        name="The name has already been taken.", color="The color format is invalid."
    )


async def test_a_name_that_is_longer_in_lower_case_is_accepted(productlift: Client) -> None:
    name = "İ" * 191

    assert status_and_json(await productlift.post("/categories", json={"name": name})) == (
        200,
        {"data": {"id": 1, "name": name, "color": "#ABDEE6"}},
    )
    assert status_and_json(await productlift.post("/categories", json={"name": name})) == TAKEN


@pytest.mark.parametrize("verb", ["PATCH", "PUT"])
async def test_a_category_is_changed(verb: str, make: Factory, productlift: Client) -> None:
    category = await make.category("Speed")

    changed = await productlift.send_json(verb, f"/categories/{category}", {"name": "Pace", "color": "#00ff00"})

    assert status_and_json(changed) == (200, {"data": {"id": category, "name": "Pace", "color": "#00ff00"}})


@pytest.mark.parametrize("name", [{}, {"name": None}, {"name": ""}, {"name": "SPEED"}])
async def test_a_category_keeps_its_name_if_none_is_sent(
    name: dict[str, Any], make: Factory, productlift: Client
) -> None:
    category = await make.category("SPEED")

    changed = await productlift.patch(f"/categories/{category}", json={"color": "#123", **name})

    assert status_and_json(changed) == (200, {"data": {"id": category, "name": "SPEED", "color": "#123"}})


async def test_a_category_may_change_the_case_of_its_name(make: Factory, productlift: Client) -> None:
    category = await make.category("Speed")
    await make.category("Looks")

    own = await productlift.patch(f"/categories/{category}", json={"color": "#123", "name": "sPEED"})
    other = await productlift.patch(f"/categories/{category}", json={"color": "#456", "name": "looks"})

    assert status_and_json(own) == (200, {"data": {"id": category, "name": "sPEED", "color": "#123"}})
    assert status_and_json(other) == TAKEN
    assert await make.value("SELECT color FROM categories WHERE id = :id", id=category) == "#123"


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, {"color": "The color field is required."}),
        ({"name": "Pace"}, {"color": "The color field is required."}),
        ({"color": ""}, {"color": "The color field is required."}),
        ({"name": 1, "color": "x"}, {"name": "The name must be a string.", "color": "The color format is invalid."}),
    ],
)
async def test_an_invalid_update_of_a_category_is_rejected_with_every_error(
    sent: dict[str, Any], errors: dict[str, str], make: Factory, productlift: Client
) -> None:
    category = await make.category("Speed")

    assert status_and_json(await productlift.patch(f"/categories/{category}", json=sent)) == invalid(**errors)
    assert await make.row("SELECT name, color FROM categories") == {"name": "Speed", "color": "#ABDEE6"}


@pytest.mark.parametrize("key", ["15", "abc", "1.5", "-1", "99999999999999999999", "%00"])
async def test_the_404_contains_an_unknown_category_as_sent(key: str, make: Factory, productlift: Client) -> None:
    await make.category()
    sent = key.replace("%00", "\0")

    # The 404 comes before the errors of the input.
    assert status_and_json(await productlift.patch(f"/categories/{key}", json={})) == unknown("Category", sent)
    assert status_and_json(await productlift.delete(f"/categories/{key}")) == unknown("Category", sent)


async def test_deleting_a_category_keeps_its_posts(make: Factory, productlift: Client) -> None:
    category, other = await make.category("Speed"), await make.category("Looks")
    both = await productlift.post("/posts", json={"title": "Both", "category_id": category})
    code = both.json()["data"]["id"]
    await make.run("INSERT INTO post_categories (post_id, category_id) SELECT id, :category FROM posts", category=other)
    await make.run("UPDATE tallies SET posts = 1 WHERE kind = 'category'")
    await make.run(
        "INSERT INTO tallies (portal_id, kind, ref_id, status_id, section_id, shard, posts)"
        " SELECT portal_id, kind, :category, status_id, section_id, shard, posts FROM tallies WHERE kind = 'category'",
        category=other,
    )

    assert status_and_json(await productlift.delete(f"/categories/{category}")) == DELETED

    payload = (await productlift.get(f"/posts/{code}")).json()["data"]
    assert payload["categories"] == [{"id": other, "name": "Looks", "color": "#FFAEA5"}]
    assert payload["updated_at"] == both.json()["data"]["updated_at"]
    assert await make.wrong_counters() == []
    assert status_and_json(await productlift.delete(f"/categories/{category}")) == unknown("Category", category)
