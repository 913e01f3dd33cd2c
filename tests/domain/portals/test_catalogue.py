"""Rules about tabs, statuses, sections and categories that no API reaches, and races that one does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.domain.errors import Conflict, FieldError, Forbidden, NotFound, ValidationFailed
from app.domain.permissions import Actor
from app.domain.portals import categories, colors, sections, statuses, tabs
from app.domain.unit_of_work import UnitOfWork
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory

MODERATOR = Actor(user_id=None, role="moderator")


async def refusal(operation: Awaitable[Any], kind: type[Exception]) -> Any:
    with pytest.raises(kind) as caught:
        await operation
    return caught.value


async def order(make: Factory, table: str) -> list[int]:
    return [row["id"] for row in await make.rows(f"SELECT id FROM {table} ORDER BY position, id")]


async def test_a_tab_is_added_behind_the_others_and_edited(make: Factory) -> None:
    new = await make.act(lambda work: tabs.add(work, name="Help", url="help", kind="knowledgebase"))
    await make.act(lambda work: tabs.edit(work, new, name="Manual"))

    assert tuple(await make.act(lambda work: tabs.get(work, new))) == (new, "Manual", "help", "knowledgebase")
    assert [row[0] for row in await make.act(tabs.list_all)] == [*sorted(make.tabs.values()), new]
    assert tuple(await make.act(lambda work: tabs.by_url(work, "help"))) == (new, "Manual", "help", "knowledgebase")


async def test_a_tabs_url_is_its_own(make: Factory) -> None:
    taken = await refusal(make.act(lambda work: tabs.add(work, name="Other", url="roadmap")), ValidationFailed)
    also = await refusal(make.act(lambda work: tabs.edit(work, make.tabs["feedback"], url="roadmap")), ValidationFailed)

    assert taken.errors == also.errors == [FieldError("url", "taken")]
    assert await make.value("SELECT count(*) FROM tabs WHERE url = 'roadmap'") == 1


async def test_an_edit_that_changes_nothing_leaves_rows_alone(make: Factory) -> None:
    tab, status = make.tabs["feedback"], make.statuses["Planned"]
    category, section = await make.category(), await make.section()
    tables = ("tabs", "statuses", "categories", "sections")
    before = [await make.rows(f"SELECT * FROM {table} ORDER BY id") for table in tables]

    await make.act(lambda work: tabs.edit(work, tab, name="Feedback", url="feedback", kind="feedback"))
    await make.act(lambda work: statuses.edit(work, status, name="Planned", is_voteable=True, show_in_roadmap=True))
    await make.act(lambda work: categories.edit(work, category, name="Speed", color="#ABDEE6"))
    await make.act(lambda work: sections.edit(work, section, title="Later", tab_id=tab, parent_id=None))
    await make.act(lambda work: statuses.make_default(work, make.statuses["New"]))

    assert [await make.rows(f"SELECT * FROM {table} ORDER BY id") for table in tables] == before


async def test_tabs_statuses_and_sections_are_put_first_in_the_order_given(make: Factory) -> None:
    roots = [await make.section(f"Section {number}") for number in range(3)]
    tab_ids, status_ids = sorted(make.tabs.values()), sorted(make.statuses.values())

    await make.act(lambda work: tabs.reorder(work, tab_ids[::-1][:2]))
    await make.act(lambda work: statuses.reorder(work, [status_ids[4], status_ids[2]]))
    await make.act(lambda work: sections.reorder(work, [roots[2]]))

    assert await order(make, "tabs") == [tab_ids[2], tab_ids[1], tab_ids[0]]
    assert await order(make, "statuses") == [status_ids[at] for at in (4, 2, 0, 1, 3)]
    assert await order(make, "sections") == [roots[2], roots[0], roots[1]]


@pytest.mark.parametrize("many", [1, 2, 4])
@pytest.mark.timeout(60)
async def test_sections_that_form_a_cycle_are_changed_like_others(
    many: int, make: Factory, productlift: Client
) -> None:
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


async def test_nothing_unknown_is_put_in_order(make: Factory) -> None:
    before = await order(make, "statuses")

    for what, module in (("tab", tabs), ("status", statuses), ("section", sections)):
        unknown = await refusal(make.act(lambda work, it=module: it.reorder(work, [99])), NotFound)
        assert (unknown.resource, unknown.identifier) == (what, 99)
    assert await order(make, "statuses") == before


async def test_a_tab_in_use_can_not_be_deleted(make: Factory) -> None:
    empty = await make.act(lambda work: tabs.add(work, name="Empty", url="empty"))
    sectioned = await make.act(lambda work: tabs.add(work, name="Sectioned", url="sectioned"))
    await make.act(lambda work: sections.add(work, title="Later", tab_id=sectioned))

    for used in (make.tabs["feedback"], sectioned):
        in_use = await refusal(make.act(lambda work, tab=used: tabs.delete(work, tab)), Conflict)
        assert in_use.code == "tab.in_use"
    await make.act(lambda work: tabs.delete(work, empty))
    assert (await refusal(make.act(lambda work: tabs.delete(work, empty)), NotFound)).resource == "tab"


async def test_one_status_is_the_default(make: Factory, productlift: Client) -> None:
    await make.act(lambda work: statuses.make_default(work, make.statuses["Planned"]))

    assert await make.act(statuses.default) == make.statuses["Planned"]
    assert await make.value("SELECT count(*) FROM statuses WHERE is_default") == 1
    created = (await productlift.post("/posts", json={"title": "Idea"})).json()["data"]
    assert created["status"]["name"] == "Planned"
    await make.act(lambda work: statuses.delete(work, make.statuses["New"]))


async def test_without_a_default_a_deleted_status_leaves_none(make: Factory) -> None:
    await make.run("UPDATE statuses SET is_default = false")
    post = await make.post(status="Planned")

    await make.act(lambda work: statuses.delete(work, make.statuses["Planned"]))

    assert await make.value("SELECT status_id FROM posts WHERE id = :id", id=post) is None
    assert await make.wrong_counters() == []
    assert [row["status_id"] for row in await make.rows("SELECT status_id FROM status_changes")] == [None]


async def test_a_voteable_flag_is_kept(make: Factory, productlift: Client) -> None:
    number = await make.act(
        lambda work: statuses.add(work, name="Done", tab_id=make.tabs["changelog"], is_voteable=False)
    )
    make.statuses["Done"] = number
    post, uuid = await make.post(status="Done"), await make.uuid(make.owner)

    assert (await productlift.post(f"/posts/{post}/votes/{uuid}")).status_code == 422
    await make.act(lambda work: statuses.edit(work, number, is_voteable=True))
    assert (await productlift.post(f"/posts/{post}/votes/{uuid}")).status_code == 200


@pytest.mark.parametrize(
    "operation",
    [
        lambda work: tabs.add(work, name="a", url="a"),
        lambda work: tabs.edit(work, 1, name="a"),
        lambda work: tabs.reorder(work, []),
        lambda work: tabs.delete(work, 1),
        lambda work: statuses.add(work, name="a", tab_id=1),
        lambda work: statuses.edit(work, 1, name="a"),
        lambda work: statuses.make_default(work, 1),
        lambda work: statuses.reorder(work, []),
        lambda work: statuses.delete(work, 1),
        lambda work: sections.add(work, title="a", tab_id=1),
        lambda work: sections.edit(work, 1, title="a", tab_id=1, parent_id=None),
        lambda work: sections.reorder(work, []),
        lambda work: sections.delete(work, 1),
        lambda work: categories.add(work, name="a"),
        lambda work: categories.edit(work, 1, name="a"),
        lambda work: categories.delete(work, 1),
    ],
)
async def test_the_catalogue_is_for_administrators(operation: Callable[[UnitOfWork], Any], make: Factory) -> None:
    assert (await refusal(make.act(operation, actor=MODERATOR), Forbidden)).permission == "manage_catalogue"


async def test_of_equal_names_at_once_one_is_taken(make: Factory, productlift: Client) -> None:
    tab = make.tabs["feedback"]

    for path, sent in (
        ("/categories", {"name": "Speed"}),
        ("/statuses", {"name": "Idea", "tab_id": tab}),
        ("/users", {"email": "jane@example.com", "role": "member"}),
    ):
        responses = await asyncio.gather(*(productlift.post(path, json=sent) for _ in range(6)))
        assert sorted(response.status_code for response in responses) == [200, 422, 422, 422, 422, 422]
        assert len({str(status_and_json(response)) for response in responses if response.status_code == 422}) == 1


async def test_posts_made_while_their_status_goes_end_in_one_that_is_there(make: Factory, productlift: Client) -> None:
    going = make.statuses["Planned"]
    wish = {"title": "Idea", "status_id": going}

    responses = await asyncio.gather(
        *(productlift.post("/posts", json=wish) for _ in range(6)),
        productlift.delete(f"/statuses/{going}"),
        *(productlift.post("/posts", json=wish) for _ in range(6)),
    )

    assert {response.status_code for response in responses} == {200}
    assert await make.rows("SELECT DISTINCT status_id FROM posts") == [{"status_id": make.statuses["New"]}]
    assert await make.value("SELECT count(*) FROM posts") == 12
    assert await make.wrong_counters() == []


async def test_posts_made_while_their_section_and_category_go_stay_without(make: Factory, productlift: Client) -> None:
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


async def test_numbers_are_right_when_all_that_posts_belong_to_goes_at_once(make: Factory, productlift: Client) -> None:
    section, category = await make.section(), await make.category()
    going, other = make.statuses["Planned"], make.statuses["Completed"]
    wish = {"title": "Idea", "section_id": section, "category_id": category, "status_id": going}
    made = [(await productlift.post("/posts", json=wish)).json()["data"]["id"] for _ in range(8)]

    responses = await asyncio.gather(
        *(productlift.patch(f"/posts/{code}", json={"status_id": other}) for code in made[:4]),
        productlift.delete(f"/categories/{category}"),
        productlift.delete(f"/sections/{section}"),
        productlift.delete(f"/statuses/{going}"),
        *(productlift.delete(f"/posts/{code}") for code in made[4:6]),
        *(productlift.patch(f"/posts/{code}", json={"status_id": other}) for code in made[6:]),
    )

    assert {response.status_code for response in responses} == {200}
    assert await make.wrong_counters() == []
    assert await make.value("SELECT sum(posts) FROM tallies WHERE kind = 'status' AND status_id = :it", it=other) == 6


def test_the_next_pastel_is_the_first_of_the_least_used() -> None:
    assert colors.next_pastel([]) == colors.PASTELS[0]
    assert colors.next_pastel(["#000", colors.PASTELS[0].lower()]) == colors.PASTELS[1]
    assert colors.next_pastel([*colors.PASTELS, colors.PASTELS[0]]) == colors.PASTELS[1]
    assert len(set(colors.PASTELS)) == len(colors.PASTELS)
