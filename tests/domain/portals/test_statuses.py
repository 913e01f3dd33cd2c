"""Rules of statuses that no API reaches, and concurrent changes that one does."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from app.domain.errors import Forbidden, NotFound
from app.domain.permissions import Actor
from app.domain.portals import statuses
from app.domain.unit_of_work import UnitOfWork
from tests.support.clients import Client, status_and_json
from tests.support.errors import error_from
from tests.support.factory import Factory

MODERATOR = Actor(user_id=None, role="moderator")


async def ids_in_order(make: Factory) -> list[int]:
    return [row["id"] for row in await make.rows("SELECT id FROM statuses ORDER BY position, id")]


async def test_an_edit_that_changes_nothing_leaves_the_status_as_it_is(make: Factory) -> None:
    planned, new = make.statuses["Planned"], make.statuses["New"]
    before = await make.rows("SELECT * FROM statuses ORDER BY id")

    await make.act(lambda work: statuses.edit(work, planned, name="Planned", is_voteable=True, show_in_roadmap=True))
    await make.act(lambda work: statuses.make_default(work, new))

    assert await make.rows("SELECT * FROM statuses ORDER BY id") == before


async def test_statuses_are_put_first_in_the_order_given(make: Factory) -> None:
    ids = sorted(make.statuses.values())

    await make.act(lambda work: statuses.reorder(work, [ids[4], ids[2]]))

    assert await ids_in_order(make) == [ids[index] for index in (4, 2, 0, 1, 3)]


async def test_an_unknown_status_can_not_be_ordered(make: Factory) -> None:
    before = await make.rows("SELECT id, position FROM statuses ORDER BY id")

    unknown = await error_from(make.act(lambda work: statuses.reorder(work, [99])), NotFound)

    assert (unknown.resource, unknown.identifier) == ("status", 99)
    assert await make.rows("SELECT id, position FROM statuses ORDER BY id") == before


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
        lambda work: statuses.add(work, name="a", tab_id=1),
        lambda work: statuses.edit(work, 1, name="a"),
        lambda work: statuses.make_default(work, 1),
        lambda work: statuses.reorder(work, []),
        lambda work: statuses.delete(work, 1),
    ],
)
async def test_statuses_are_changed_by_administrators_only(
    operation: Callable[[UnitOfWork], Any], make: Factory
) -> None:
    error = await error_from(make.act(operation, actor=MODERATOR), Forbidden)

    assert error.permission == "manage_catalogue"


async def test_of_statuses_with_one_name_created_at_the_same_time_one_succeeds(
    make: Factory, productlift: Client
) -> None:
    sent = {"name": "Idea", "tab_id": make.tabs["feedback"]}

    responses = await asyncio.gather(*(productlift.post("/statuses", json=sent) for _ in range(6)))

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
