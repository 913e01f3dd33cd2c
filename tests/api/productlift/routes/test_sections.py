"""Sections in ProductLift's dialect. docs/contracts/productlift.md, section 9.5."""

from typing import Any

import pytest

from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import DELETED, UNKNOWN_TAB, invalid, unknown


def section(number: int, title: str, tab: int, parent: int | None = None) -> dict[str, Any]:
    return {"id": number, "title": title, "tab_id": tab, "parent_id": parent}


async def test_sections_are_listed_by_level(make: Factory, productlift: Client) -> None:
    tab = make.tabs["feedback"]
    first, second = await make.section("First"), await make.section("Second")
    below = await make.section("Below", parent=first)
    deep = await make.section("Deep", parent=below)

    roots = await productlift.get("/sections")

    assert status_and_json(roots) == (200, {"data": [section(first, "First", tab), section(second, "Second", tab)]})
    assert list(roots.json()["data"][0]) == ["id", "title", "tab_id", "parent_id"]
    assert status_and_json(await productlift.get(f"/sections/{first}/children")) == (
        200,
        {"data": [section(below, "Below", tab, first)]},
    )
    assert status_and_json(await productlift.get(f"/sections/{below}/children")) == (
        200,
        {"data": [section(deep, "Deep", tab, below)]},
    )
    assert status_and_json(await productlift.get(f"/sections/{second}/children")) == (200, {"data": []})


async def test_a_section_is_added_at_the_root_or_below_another(make: Factory, productlift: Client) -> None:
    tab = make.tabs["roadmap"]

    root = await productlift.post("/sections", json={"title": "Root", "tab_id": tab, "parent_id": ""})
    below = await productlift.post("/sections", json={"title": "Below", "tab_id": tab, "parent_id": 1})

    assert status_and_json(root) == (200, {"data": section(1, "Root", tab)})
    assert status_and_json(below) == (200, {"data": section(2, "Below", tab, 1)})


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, {"title": "The title field is required.", "tab_id": "The tab id field is required."}),
        ({"title": 7, "tab_id": 1}, {"title": "The title must be a string."}),
        ({"title": "x" * 192, "tab_id": 1}, {"title": "The title must not be greater than 191 characters."}),
        ({"title": "x", "tab_id": "roadmap"}, {"tab_id": "The tab id must be an integer."}),
        ({"title": "x", "tab_id": 1, "parent_id": "a"}, {"parent_id": "The parent id must be an integer."}),
    ],
)
async def test_an_invalid_new_section_is_rejected(
    sent: dict[str, Any], errors: dict[str, str], make: Factory, productlift: Client
) -> None:
    assert status_and_json(await productlift.post("/sections", json=sent)) == invalid(**errors)
    assert await make.rows("SELECT id FROM sections") == []


async def test_a_section_requires_an_existing_tab_and_parent(make: Factory, productlift: Client) -> None:
    tab = make.tabs["feedback"]
    here = await make.section()

    assert status_and_json(await productlift.post("/sections", json={"title": "x", "tab_id": 99})) == UNKNOWN_TAB
    assert status_and_json(
        await productlift.post("/sections", json={"title": "x", "tab_id": tab, "parent_id": 99})
    ) == unknown("Section", 99)
    elsewhere = {"title": "x", "tab_id": make.tabs["roadmap"], "parent_id": here}
    assert status_and_json(await productlift.post("/sections", json=elsewhere)) == invalid(
        parent_id="The selected parent id is invalid."
    )
    assert await make.value("SELECT count(*) FROM sections") == 1


@pytest.mark.parametrize("verb", ["PATCH", "PUT"])
async def test_a_section_update_keeps_fields_that_are_not_sent(verb: str, make: Factory, productlift: Client) -> None:
    tab = make.tabs["feedback"]
    root = await make.section("Root")
    below = await make.section("Below", parent=root)

    renamed = await productlift.send_json(verb, f"/sections/{below}", {"title": "Other", "tab_id": None})
    kept = await productlift.send_json(verb, f"/sections/{below}", {"title": ""})
    freed = await productlift.send_json(verb, f"/sections/{below}", {"parent_id": None})
    nested = await productlift.send_json(verb, f"/sections/{root}", {"parent_id": below})

    assert status_and_json(renamed) == (200, {"data": section(below, "Other", tab, root)})
    assert status_and_json(kept) == (200, {"data": section(below, "Other", tab, root)})
    assert status_and_json(freed) == (200, {"data": section(below, "Other", tab)})
    assert status_and_json(nested) == (200, {"data": section(root, "Root", tab, below)})


async def test_a_section_moves_to_another_tab_with_its_descendants(make: Factory, productlift: Client) -> None:
    roadmap = make.tabs["roadmap"]
    root = await make.section("Root")
    middle = await make.section("Middle", parent=root)
    deep = await make.section("Deep", parent=await make.section("Lower", parent=middle))

    moved = await productlift.patch(f"/sections/{middle}", json={"tab_id": roadmap})

    assert status_and_json(moved) == (200, {"data": section(middle, "Middle", roadmap)})
    assert await make.value("SELECT tab_id FROM sections WHERE id = :id", id=deep) == roadmap
    assert await make.value("SELECT tab_id FROM sections WHERE id = :id", id=root) == make.tabs["feedback"]


async def test_a_section_can_not_be_its_own_ancestor(make: Factory, productlift: Client) -> None:
    root = await make.section("Root")
    below = await make.section("Below", parent=await make.section("Middle", parent=root))
    circle = invalid(parent_id="The selected parent id is invalid.")

    assert status_and_json(await productlift.patch(f"/sections/{root}", json={"parent_id": root})) == circle
    assert status_and_json(await productlift.patch(f"/sections/{root}", json={"parent_id": below})) == circle
    assert status_and_json(await productlift.patch(f"/sections/{root}", json={"parent_id": 99})) == unknown(
        "Section", 99
    )


@pytest.mark.parametrize("named", ["99", "abc"])
async def test_the_404_contains_an_unknown_section_as_sent(named: str, productlift: Client) -> None:
    assert status_and_json(await productlift.get(f"/sections/{named}/children")) == unknown("Section", named)
    assert status_and_json(await productlift.patch(f"/sections/{named}", json={"title": 1})) == unknown(
        "Section", named
    )
    assert status_and_json(await productlift.delete(f"/sections/{named}")) == unknown("Section", named)


async def test_deleting_a_section_keeps_its_posts_and_children(make: Factory, productlift: Client) -> None:
    tab = make.tabs["feedback"]
    root = await make.section("Root")
    below = await make.section("Below", parent=root)
    created = (await productlift.post("/posts", json={"title": "In it", "section_id": root})).json()["data"]

    assert status_and_json(await productlift.delete(f"/sections/{root}")) == DELETED

    payload = (await productlift.get(f"/posts/{created['id']}")).json()["data"]
    assert (created["section_id"], payload) == (root, created | {"section_id": None})
    assert status_and_json(await productlift.get("/sections")) == (200, {"data": [section(below, "Below", tab)]})
    assert await make.wrong_counters() == []
