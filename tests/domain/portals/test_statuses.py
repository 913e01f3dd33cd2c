"""Rules of statuses that no API reaches, and concurrent changes that one does."""

import asyncio

from app.domain.portals import statuses
from tests.support.clients import Client
from tests.support.factory import Factory


async def test_one_status_is_the_default(make: Factory, productlift: Client) -> None:
    await make.act(lambda work: statuses.make_default(work, make.statuses["Planned"]))

    assert await make.act(statuses.default) == make.statuses["Planned"]
    assert await make.value("SELECT count(*) FROM statuses WHERE is_default") == 1
    created = (await productlift.post("/posts", json={"title": "Idea"})).json()["data"]
    assert created["status"]["name"] == "Planned"
    await make.act(lambda work: statuses.delete(work, make.statuses["New"]))


async def test_without_a_default_posts_of_a_deleted_status_have_none(make: Factory) -> None:
    await make.run("UPDATE statuses SET is_default = false")
    post = await make.post(status="Planned")

    await make.act(lambda work: statuses.delete(work, make.statuses["Planned"]))

    assert await make.value("SELECT status_id FROM posts WHERE id = :id", id=post) is None
    assert await make.wrong_counters() == []
    assert [row["status_id"] for row in await make.rows("SELECT status_id FROM status_changes")] == [None]


async def test_the_voteable_flag_of_a_status_is_stored(make: Factory, productlift: Client) -> None:
    number = await make.act(
        lambda work: statuses.add(work, name="Done", tab_id=make.tabs["changelog"], is_voteable=False)
    )
    make.statuses["Done"] = number
    post, uuid = await make.post(status="Done"), await make.uuid(make.owner)

    assert (await productlift.post(f"/posts/{post}/votes/{uuid}")).status_code == 422
    await make.act(lambda work: statuses.edit(work, number, is_voteable=True))
    assert (await productlift.post(f"/posts/{post}/votes/{uuid}")).status_code == 200


async def test_posts_created_during_a_deletion_have_an_existing_status(make: Factory, productlift: Client) -> None:
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


async def test_concurrent_deletions_of_references_keep_counters_correct(make: Factory, productlift: Client) -> None:
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
