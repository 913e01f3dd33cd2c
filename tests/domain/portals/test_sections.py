"""Rules of sections that no API reaches, and concurrent changes that one does."""

import asyncio

import pytest

from app.domain.portals import sections
from tests.support.clients import Client
from tests.support.factory import Factory


@pytest.mark.parametrize("many", [1, 2, 4])
@pytest.mark.timeout(60)
async def test_sections_that_form_a_cycle_can_be_changed(many: int, make: Factory, productlift: Client) -> None:
    ring = [await make.section(f"Section {at}") for at in range(many)]
    above = dict(zip(ring, ring[1:] + ring[:1], strict=True))
    child = await make.section("Child", parent=ring[-1])
    for below, parent in above.items():
        await make.run("UPDATE sections SET parent_id = :parent WHERE id = :id", parent=parent, id=below)
    path, misplaced = f"/sections/{ring[0]}", {"parent_id": ["The selected parent id is invalid."]}

    children = (await productlift.get(f"/sections/{ring[-1]}/children")).json()["data"]
    named = await productlift.patch(path, json={"title": "Later"})
    kept = await productlift.patch(path, json={"parent_id": child})
    assert [one["id"] for one in children] == sorted([child, *(one for one in ring if above[one] == ring[-1])])
    assert (named.status_code, named.json()["data"]["title"]) == (200, "Later")
    assert (kept.status_code, kept.json()["errors"]) == (422, misplaced)
    assert await make.act(sections.cycles) == [ring]

    moved = await productlift.patch(path, json={"tab_id": make.tabs["roadmap"]})
    assert moved.json()["data"] == {"id": ring[0], "title": "Later", "tab_id": make.tabs["roadmap"], "parent_id": None}
    assert await make.act(sections.cycles) == []
    assert await make.rows("SELECT DISTINCT tab_id FROM sections") == [{"tab_id": make.tabs["roadmap"]}]


async def test_each_cycle_of_sections_ends_at_its_smallest_id(make: Factory) -> None:
    ids = [await make.section(f"Section {at}") for at in range(8)]
    one, two, three, four, five, six, seven, eight = ids
    parents = {one: two, two: three, three: four, four: two, five: five, seven: six, eight: seven, six: eight}
    for below, parent in parents.items():
        await make.run("UPDATE sections SET parent_id = :parent WHERE id = :id", parent=parent, id=below)
    found = [[two, three, four], [five], [six, eight, seven]]
    assert await make.act(sections.cycles) == found

    assert await make.act(sections.break_cycles) == found

    kept = {row["id"]: row["parent_id"] for row in await make.rows("SELECT id, parent_id FROM sections")}
    assert kept == parents | {two: None, five: None, six: None}
    assert await make.act(sections.cycles) == await make.act(sections.break_cycles) == []


async def test_posts_created_during_a_deletion_have_no_deleted_section(make: Factory, productlift: Client) -> None:
    section, category = await make.section(), await make.category()
    wish = {"title": "Idea", "section_id": section, "category_id": category}

    responses = await asyncio.gather(
        *(productlift.post("/posts", json=wish) for _ in range(4)),
        productlift.delete(f"/sections/{section}"),
        *(productlift.post("/posts", json=wish) for _ in range(4)),
        productlift.delete(f"/categories/{category}"),
        *(productlift.post("/posts", json=wish) for _ in range(4)),
    )

    assert {response.status_code for response in responses} == {200}
    assert await make.rows("SELECT DISTINCT section_id FROM posts") == [{"section_id": None}]
    assert await make.rows("SELECT * FROM post_categories") == []
    assert await make.wrong_counters() == []
