"""Rules of tabs that no API reaches."""

from collections.abc import Callable
from typing import Any

import pytest

from app.domain.errors import Conflict, FieldError, Forbidden, NotFound, ValidationFailed
from app.domain.permissions import Actor
from app.domain.portals import sections, tabs
from app.domain.unit_of_work import UnitOfWork
from tests.support.errors import error_from
from tests.support.factory import Factory

MODERATOR = Actor(user_id=None, role="moderator")


async def ids_in_order(make: Factory) -> list[int]:
    return [row["id"] for row in await make.rows("SELECT id FROM tabs ORDER BY position, id")]


async def test_a_tab_is_added_behind_the_others_and_edited(make: Factory) -> None:
    new = await make.act(lambda work: tabs.add(work, name="Help", url="help", kind="knowledgebase"))
    await make.act(lambda work: tabs.edit(work, new, name="Manual"))

    assert tuple(await make.act(lambda work: tabs.get(work, new))) == (new, "Manual", "help", "knowledgebase")
    assert [row[0] for row in await make.act(tabs.list_all)] == [*sorted(make.tabs.values()), new]
    assert tuple(await make.act(lambda work: tabs.by_url(work, "help"))) == (new, "Manual", "help", "knowledgebase")


async def test_a_tabs_url_is_its_own(make: Factory) -> None:
    taken = await error_from(make.act(lambda work: tabs.add(work, name="Other", url="roadmap")), ValidationFailed)
    also = await error_from(
        make.act(lambda work: tabs.edit(work, make.tabs["feedback"], url="roadmap")), ValidationFailed
    )

    assert taken.errors == also.errors == [FieldError("url", "taken")]
    assert await make.value("SELECT count(*) FROM tabs WHERE url = 'roadmap'") == 1


async def test_an_edit_that_changes_nothing_leaves_the_tab_as_it_is(make: Factory) -> None:
    before = await make.rows("SELECT * FROM tabs ORDER BY id")

    await make.act(
        lambda work: tabs.edit(work, make.tabs["feedback"], name="Feedback", url="feedback", kind="feedback")
    )

    assert await make.rows("SELECT * FROM tabs ORDER BY id") == before


async def test_tabs_are_put_first_in_the_order_given(make: Factory) -> None:
    ids = sorted(make.tabs.values())

    await make.act(lambda work: tabs.reorder(work, ids[::-1][:2]))

    assert await ids_in_order(make) == [ids[2], ids[1], ids[0]]


async def test_an_unknown_tab_can_not_be_ordered(make: Factory) -> None:
    before = await make.rows("SELECT id, position FROM tabs ORDER BY id")

    unknown = await error_from(make.act(lambda work: tabs.reorder(work, [99])), NotFound)

    assert (unknown.resource, unknown.identifier) == ("tab", 99)
    assert await make.rows("SELECT id, position FROM tabs ORDER BY id") == before


async def test_a_tab_in_use_can_not_be_deleted(make: Factory) -> None:
    empty = await make.act(lambda work: tabs.add(work, name="Empty", url="empty"))
    sectioned = await make.act(lambda work: tabs.add(work, name="Sectioned", url="sectioned"))
    await make.act(lambda work: sections.add(work, title="Later", tab_id=sectioned))

    for used in (make.tabs["feedback"], sectioned):
        in_use = await error_from(make.act(lambda work, tab=used: tabs.delete(work, tab)), Conflict)
        assert in_use.code == "tab.in_use"
    await make.act(lambda work: tabs.delete(work, empty))
    assert (await error_from(make.act(lambda work: tabs.delete(work, empty)), NotFound)).resource == "tab"


@pytest.mark.parametrize(
    "operation",
    [
        lambda work: tabs.add(work, name="a", url="a"),
        lambda work: tabs.edit(work, 1, name="a"),
        lambda work: tabs.reorder(work, []),
        lambda work: tabs.delete(work, 1),
    ],
)
async def test_tabs_are_changed_by_administrators_only(operation: Callable[[UnitOfWork], Any], make: Factory) -> None:
    error = await error_from(make.act(operation, actor=MODERATOR), Forbidden)

    assert error.permission == "manage_catalogue"
