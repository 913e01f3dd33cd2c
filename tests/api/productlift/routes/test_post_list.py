"""The list of posts in ProductLift's dialect. docs/contracts/productlift.md, section 7.15."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.posts import create
from app.domain.posts.create import NewPost
from app.domain.posts.queries import ORDERS
from app.domain.unit_of_work import UnitOfWork
from tests.conftest import TestClock
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import invalid

MONDAY = datetime(2026, 1, 12, 9, 30, tzinfo=UTC)
NONE = {"data": [], "hasMore": False, "total": 0, "skip": 0, "limit": 10}


async def titles(client: Client, query: str = "", **body: Any) -> list[str]:
    response = await client.send_json("GET", f"/posts{query}", body or None)
    assert response.status_code == 200, response.text
    return [post["title"] for post in response.json()["data"]]


async def test_a_page_of_posts_has_five_members_in_order(make: Factory, productlift: Client) -> None:
    for number in range(3):
        await make.post(title=f"Post {number}")

    page = (await productlift.get("/posts?limit=2")).json()

    assert list(page) == ["data", "hasMore", "total", "skip", "limit"]
    assert [post["title"] for post in page.pop("data")] == ["Post 2", "Post 1"]
    assert page == {"hasMore": True, "total": 3, "skip": 0, "limit": 2}


@pytest.mark.parametrize(
    ("query", "window"),
    [
        ("", {"hasMore": True, "total": 12, "skip": 0, "limit": 10}),
        ("?skip=2", {"hasMore": False, "total": 12, "skip": 2, "limit": 10}),
        ("?skip=11&limit=1", {"hasMore": False, "total": 12, "skip": 11, "limit": 1}),
        ("?skip=10&limit=1", {"hasMore": True, "total": 12, "skip": 10, "limit": 1}),
        ("?skip=12", {"hasMore": False, "total": 12, "skip": 12, "limit": 10}),
        ("?skip=9223372036854775807", {"hasMore": False, "total": 12, "skip": 9223372036854775807, "limit": 10}),
        ("?skip=-5", {"hasMore": True, "total": 12, "skip": 0, "limit": 10}),
        ("?limit=&skip=", {"hasMore": True, "total": 12, "skip": 0, "limit": 10}),
        ("?limit=%2B7", {"hasMore": True, "total": 12, "skip": 0, "limit": 7}),
        ("?limit=100", {"hasMore": False, "total": 12, "skip": 0, "limit": 100}),
    ],
)
async def test_a_page_reports_the_effective_limit_and_skip(
    query: str, window: dict[str, Any], make: Factory, productlift: Client
) -> None:
    for number in range(12):
        await make.post(title=f"Post {number:02}")

    page = (await productlift.get(f"/posts{query}")).json()

    payload = [post["title"] for post in page.pop("data")]
    newest = [f"Post {number:02}" for number in reversed(range(12))]
    assert page == window
    assert payload == newest[window["skip"] : window["skip"] + window["limit"]]


async def test_null_parameters_in_a_body_have_their_defaults(make: Factory, productlift: Client) -> None:
    await make.post()
    names = ("tab", "category", "section", "tag_id", "title", "limit", "skip", "status", "order_by", "order_direction")

    response = await productlift.send_json("GET", "/posts", dict.fromkeys(names))

    assert response.json() == (await productlift.get("/posts")).json()


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("?limit=0", {"limit": "The limit must be at least 1."}),
        ("?limit=101", {"limit": "The limit must not be greater than 100."}),
        ("?limit=ten", {"limit": "The limit must be an integer."}),
        ("?skip=abc", {"skip": "The skip must be an integer."}),
        ("?skip=99999999999999999999", {"skip": "The skip must be an integer."}),
        ("?order_by=price", {"order_by": "The selected order by is invalid."}),
        ("?order_by=Title", {"order_by": "The selected order by is invalid."}),
        ("?order_by=latest_status_change_at", {"order_by": "The selected order by is invalid."}),
        ("?order_direction=DESC", {"order_direction": "The selected order direction is invalid."}),
        ("?status[]=1&status[]=x", {"status.1": "The status.1 must be an integer."}),
        ("?status=x", {"status.0": "The status.0 must be an integer."}),
        (
            "?limit=0&skip=x&order_by=x&order_direction=x",
            {
                "limit": "The limit must be at least 1.",
                "skip": "The skip must be an integer.",
                "order_by": "The selected order by is invalid.",
                "order_direction": "The selected order direction is invalid.",
            },
        ),
    ],
)
async def test_an_invalid_parameter_of_a_list_is_rejected(
    query: str, errors: dict[str, str], productlift: Client
) -> None:
    assert status_and_json(await productlift.get(f"/posts{query}")) == invalid(**errors)


async def filled(make: Factory, productlift: Client) -> dict[str, int]:
    """Four posts over two categories, a section and three statuses; the ids by which they are filtered."""
    of = {"speed": await make.category("Speed"), "looks": await make.category("Looks"), "later": await make.section()}
    of |= make.statuses
    for title, category, section, status in (
        ("One", of["speed"], of["later"], of["New"]),
        ("Two", of["speed"], None, of["Planned"]),
        ("Three", of["looks"], of["later"], of["Planned"]),
        ("Four", None, None, of["Completed"]),
    ):
        await productlift.post(
            "/posts", json={"title": title, "category_id": category, "section_id": section, "status_id": status}
        )
    await make.post(title="Statusless")
    return of


async def test_filters_are_combined(make: Factory, productlift: Client) -> None:
    of = await filled(make, productlift)

    async def found(**body: Any) -> list[str]:
        page = (await productlift.send_json("GET", "/posts", body)).json()
        assert page["total"] == len(page["data"])
        return [post["title"] for post in page["data"]]

    assert await found(tab="roadmap") == ["Three", "Two"]
    assert await found(tab="feedback") == ["One"]
    assert await found(category=of["speed"]) == ["Two", "One"]
    assert await found(category=str(of["speed"])) == ["Two", "One"]
    assert await found(section=of["later"]) == ["Three", "One"]
    assert await found(section=str(of["later"])) == ["Three", "One"]
    assert await found(status=[of["New"]]) == ["One"]
    assert await found(status=[of["New"], str(of["Completed"]), of["New"]]) == ["Four", "One"]
    assert await found(status=of["Planned"]) == ["Three", "Two"]
    assert await found(category=of["speed"], section=of["later"]) == ["One"]
    assert await found(tab="roadmap", section=of["later"], status=[of["Planned"], of["New"]]) == ["Three"]
    assert await found(tab="roadmap", status=[of["New"]]) == []
    assert await found(status=[]) == ["Statusless", "Four", "Three", "Two", "One"]
    assert await found(status="") == ["Statusless", "Four", "Three", "Two", "One"]


async def test_posts_are_filtered_by_tags(make: Factory, productlift: Client) -> None:
    red, blue, unused = [await make.tag(name) for name in ("Red", "Blue", "Unused")]
    for title, tag_ids in (("One", [red]), ("Two", [blue]), ("Both", [red, blue]), ("None", [])):
        await productlift.post("/posts", json={"title": title, "tag_ids": tag_ids})

    async def found(**body: Any) -> list[str]:
        page = (await productlift.send_json("GET", "/posts", body)).json()
        assert page["total"] == len(page["data"])
        return [post["title"] for post in page["data"]]

    assert await found(tag_id=red) == await found(tag_id=[str(red)]) == ["Both", "One"]
    assert await found(tag_id=[red, blue, 99]) == ["Both", "Two", "One"]
    assert await found(tag_id=unused) == await found(tag_id=[99, "x", "1.5", 0]) == await found(tag_id="x") == []
    assert await found(tag_id=[]) == await found(tag_id="") == ["None", "Both", "Two", "One"]
    assert await found(tag_id=blue, order_direction="asc") == ["Two", "Both"]
    assert await found(title="O", tag_id=[red, blue], status=[make.statuses["New"]], tab="feedback") == [
        "Both",
        "Two",
        "One",
    ]
    assert await found(title="O", tag_id=blue, tab="roadmap") == []
    assert await titles(productlift, f"?tag_id[]={red}&tag_id[]={blue}&title=o") == ["Both", "Two", "One"]
    assert await titles(productlift, f"?tag_id={red}&tag_id={blue}&title=bo") == ["Both"]
    page = (await productlift.get(f"/posts?tag_id={blue}&limit=1")).json()
    assert (page["total"], page["hasMore"], page["data"][0]["title"]) == (2, True, "Both")
    page = (await productlift.get(f"/tabs/feedback/fetch?tag_id={blue}&skip=1")).json()
    assert (page["total"], page["hasMore"], page["data"][0]["title"]) == (2, False, "Two")


async def test_posts_are_found_by_a_part_of_their_title(make: Factory, productlift: Client) -> None:
    uber, zoom, second, light = "Überall dunkel", "Dark mode at 100% zoom", "DARK MODE_2", "Light mode"
    for title in (uber, zoom, second, light):
        await make.post(title=title, status="Planned" if title == zoom else None)

    async def found(**body: Any) -> list[str]:
        page = (await productlift.send_json("GET", "/posts", body)).json()
        assert page["total"] == len(page["data"])
        return [post["title"] for post in page["data"]]

    assert await found(title="") == [light, second, zoom, uber]
    assert await found(title="dark mode") == [second, zoom]
    assert await found(title=" üBERALL ") == [uber]
    assert await found(title="0%") == [zoom]
    assert await found(title="mode_") == [second]
    assert await found(title="d%k") == await found(title="d_rk") == await found(title="d*k") == []
    assert await found(title="mode", order_by="created_at", order_direction="asc") == [zoom, second, light]
    assert await found(title="mode", tab="roadmap") == [zoom]
    page = (await productlift.get("/posts?title=Mode&skip=1&limit=1")).json()
    assert (page["total"], page["hasMore"], page["data"][0]["title"]) == (3, True, second)
    page = (await productlift.get("/tabs/roadmap/fetch?title=mode")).json()
    assert (page["total"], [post["title"] for post in page["data"]]) == (1, [zoom])
    assert await titles(productlift, f"?title={'x' * 300}") == []


@pytest.mark.parametrize(
    "query",
    [
        "status[]={0}&status[]={1}",
        "status[0]={0}&status[1]={1}",
        "status={0}&status={1}",
        "status%5B%5D={0}&status%5B%5D={1}",
    ],
)
async def test_a_list_in_the_query_may_have_several_forms(query: str, make: Factory, productlift: Client) -> None:
    of = await filled(make, productlift)

    assert await titles(productlift, "?" + query.format(of["New"], of["Planned"])) == ["Three", "Two", "One"]


@pytest.mark.parametrize(
    "query",
    [
        "tab=nothing",
        "tab=Roadmap",
        "category=99",
        "category=Speed",
        "category=99999999999999999999",
        "category=-1",
        "section=99",
        "section=x",
        "status=99",
        "status=99999999999999999999",
        "status[]=98&status[]=99",
        "tag_id=99",
        "tag_id=red",
        "tag_id=99999999999999999999",
        "tag_id[]=98&tag_id[]=99",
        "title=nothing",
        "title=%25",
        "tab=nothing&category=99&section=99&status=99",
    ],
)
@pytest.mark.parametrize("order", ["", "&order_by=title"])
async def test_an_unknown_filter_value_returns_an_empty_list(
    query: str, order: str, make: Factory, productlift: Client
) -> None:
    await filled(make, productlift)

    assert status_and_json(await productlift.get(f"/posts?{query}{order}")) == (200, NONE)


async def test_every_order_has_a_default_direction(make: Factory, productlift: Client, clock: TestClock) -> None:
    clock.set(MONDAY)
    voters = [await make.user() for _ in range(3)]
    made = {}
    for title, votes in (("Banana", 1), ("Apple", 3), ("Cherry", 2)):
        clock.advance(seconds=1)
        made[title] = await make.post(title=title, votes_by=voters[:votes])
    for title, comments in (("Cherry", 2), ("Banana", 1)):
        for _ in range(comments):
            await make.comment(made[title])
    clock.advance(seconds=1)
    await productlift.patch(f"/posts/{made['Banana']}", json={"status_id": make.statuses["Planned"]})
    clock.advance(seconds=1)
    await productlift.patch(f"/posts/{made['Apple']}", json={"description": "Fruit"})
    for position, title in enumerate(("Cherry", "Apple", "Banana")):
        await make.run("UPDATE posts SET position = :at WHERE id = :id", at=position, id=made[title])

    naturally = {
        "": ["Cherry", "Apple", "Banana"],
        "title": ["Apple", "Banana", "Cherry"],
        "created_at": ["Cherry", "Apple", "Banana"],
        "updated_at": ["Apple", "Banana", "Cherry"],
        "votes_count": ["Apple", "Cherry", "Banana"],
        "comments_count": ["Cherry", "Banana", "Apple"],
        "latest_status_change": ["Banana", "Cherry", "Apple"],
        "order": ["Cherry", "Apple", "Banana"],
    }
    for order, expected in naturally.items():
        assert await titles(productlift, f"?order_by={order}") == expected
        natural, opposite = ("asc", "desc") if order in ("title", "order") else ("desc", "asc")
        assert await titles(productlift, f"?order_by={order}&order_direction={natural}") == expected
        assert await titles(productlift, f"?order_by={order}&order_direction={opposite}") == expected[::-1]


async def test_equal_posts_have_the_same_order_on_all_pages(
    make: Factory, productlift: Client, clock: TestClock
) -> None:
    clock.set(MONDAY)
    for _ in range(7):
        await make.post(title="Same")

    for order in ORDERS:
        seen = []
        for offset in range(0, 7, 2):
            page = (await productlift.get(f"/posts?order_by={order}&limit=2&skip={offset}")).json()
            seen += [post["id"] for post in page["data"]]
        assert len(set(seen)) == 7


async def test_pages_with_a_large_offset_have_the_right_rows(make: Factory, productlift: Client) -> None:
    oldest = await make.post(title="Oldest")

    def copy(work: UnitOfWork) -> None:
        for number in range(1, 1006):
            create.create_post(work, NewPost(title=f"Post {number:04}", description=None, author=make.owner))

    await make.act(copy)

    near = (await productlift.get("/posts?skip=999&limit=4&order_direction=asc")).json()
    far = (await productlift.get("/posts?skip=1002&limit=5&order_direction=asc")).json()

    assert oldest == 1
    assert [post["title"] for post in near["data"]] == ["Post 0999", "Post 1000", "Post 1001", "Post 1002"]
    assert far["data"][0] == near["data"][-1]
    assert [post["title"] for post in far["data"]] == ["Post 1002", "Post 1003", "Post 1004", "Post 1005"]
    assert (far["total"], far["hasMore"]) == (1006, False)


async def test_posts_of_every_moderation_state_are_listed(make: Factory, productlift: Client) -> None:
    for state in ("approved", "pending", "rejected"):
        await make.post(moderation=state)

    page = (await productlift.get("/posts")).json()

    assert [post["moderation_status"] for post in page["data"]] == ["rejected", "pending", "approved"]
    assert page["total"] == 3
