"""What holds for boards, tabs, statuses, sections and categories alike."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from app.domain.errors import Forbidden, NotFound
from app.domain.permissions import Actor
from app.domain.portals import boards, categories, sections, statuses, tabs
from app.domain.unit_of_work import UnitOfWork
from tests.support.clients import Client, status_and_json
from tests.support.errors import error_from
from tests.support.factory import Factory

MODERATOR = Actor(user_id=None, role="moderator")
ORDERED = {"board": boards.reorder, "tab": tabs.reorder, "status": statuses.reorder, "section": sections.reorder}
TABLES = {"board": "boards", "tab": "tabs", "status": "statuses", "section": "sections", "category": "categories"}


async def ids_in_order(make: Factory, resource: str) -> list[int]:
    rows = await make.rows(f"SELECT id, position FROM {TABLES[resource]} ORDER BY position, id")
    assert [row["position"] for row in rows] == list(range(len(rows)))
    return [row["id"] for row in rows]


@pytest.mark.parametrize("resource", ORDERED)
async def test_ordered_entries_come_first(resource: str, make: Factory) -> None:
    for number in range(3):
        await make.section(f"Section {number}")
    ids = await ids_in_order(make, resource)

    await make.act(lambda work: ORDERED[resource](work, [ids[-1], ids[1]]))

    assert await ids_in_order(make, resource) == list(dict.fromkeys([ids[-1], ids[1], *ids]))


@pytest.mark.parametrize("resource", ORDERED)
async def test_an_unknown_entry_can_not_be_ordered(resource: str, make: Factory) -> None:
    before = await ids_in_order(make, resource)

    unknown = await error_from(make.act(lambda work: ORDERED[resource](work, [99])), NotFound)

    assert (unknown.resource, unknown.identifier) == (resource, 99)
    assert await ids_in_order(make, resource) == before


@pytest.mark.parametrize(
    ("resource", "edit"),
    [
        ("tab", lambda work, row: tabs.edit(work, row["id"], name=row["name"], url=row["url"], kind=row["type"])),
        ("category", lambda work, row: categories.edit(work, row["id"], name=row["name"], color=row["color"])),
        (
            "section",
            lambda work, row: sections.edit(
                work, row["id"], title=row["title"], tab_id=row["tab_id"], parent_id=row["parent_id"]
            ),
        ),
        ("status", lambda work, row: statuses.edit(work, row["id"], name=row["name"], is_voteable=True)),
        ("status", lambda work, row: statuses.make_default(work, row["id"])),
    ],
)
async def test_an_edit_without_a_change_leaves_the_entry_unchanged(
    resource: str, edit: Callable[[UnitOfWork, Any], None], make: Factory
) -> None:
    await make.category()
    await make.section()
    before = await make.rows(f"SELECT * FROM {TABLES[resource]} ORDER BY id")

    await make.act(lambda work: edit(work, before[0]))

    assert await make.rows(f"SELECT * FROM {TABLES[resource]} ORDER BY id") == before


@pytest.mark.parametrize(
    "operation",
    [
        lambda work: boards.edit(work, 1, name="a"),
        lambda work: boards.make_default(work, 1),
        lambda work: boards.delete(work, 1),
        lambda work: tabs.add(work, name="a", url="a"),
        lambda work: tabs.edit(work, 1, name="a"),
        lambda work: tabs.delete(work, 1),
        lambda work: statuses.add(work, name="a", tab_id=1),
        lambda work: statuses.edit(work, 1, name="a"),
        lambda work: statuses.make_default(work, 1),
        lambda work: statuses.delete(work, 1),
        lambda work: sections.add(work, title="a", tab_id=1),
        lambda work: sections.edit(work, 1, title="a", tab_id=1, parent_id=None),
        lambda work: sections.delete(work, 1),
        lambda work: categories.add(work, name="a"),
        lambda work: categories.edit(work, 1, name="a"),
        lambda work: categories.delete(work, 1),
        *(lambda work, reorder=reorder: reorder(work, []) for reorder in ORDERED.values()),
    ],
)
async def test_the_catalogue_is_changed_by_administrators_only(
    operation: Callable[[UnitOfWork], Any], make: Factory
) -> None:
    error = await error_from(make.act(operation, actor=MODERATOR), Forbidden)

    assert error.permission == "manage_catalogue"


async def test_boards_are_added_by_administrators_only(make: Factory) -> None:
    error = await error_from(make.act(lambda work: boards.add(work, name="Ideas"), actor=MODERATOR), Forbidden)

    assert error.permission == "add_board"


@pytest.mark.parametrize("path", ["/statuses", "/categories"])
async def test_one_of_several_concurrent_entries_with_one_name_succeeds(
    path: str, make: Factory, productlift: Client
) -> None:
    sent = {"name": "Idea", "tab_id": make.tabs["feedback"]}

    responses = await asyncio.gather(*(productlift.post(path, json=sent) for _ in range(6)))

    assert sorted(response.status_code for response in responses) == [200, 422, 422, 422, 422, 422]
    assert len({str(status_and_json(response)) for response in responses if response.status_code == 422}) == 1
