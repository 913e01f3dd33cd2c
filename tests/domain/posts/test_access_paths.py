"""Whatever way a page of posts is found, it is the same page, and its total is what counting says."""

import random
from itertools import combinations
from typing import Any

import pytest

from app.adapters.database import PortalContext
from app.api.productlift import serializers
from app.domain.models import Post
from app.domain.permissions import OPERATOR
from app.domain.posts import create, filters
from app.domain.posts.create import NewPost
from app.domain.posts.filters import ALL, AccessPath, Cardinalities, PostFilter, has_own_index
from app.domain.posts.queries import MAX_STATEMENTS, PostQuery
from app.domain.sql.pagination import PageShape
from app.domain.unit_of_work import UnitOfWork
from tests.support.factory import Factory

POSTS = 60
LIMIT = 7
view = serializers.POSTS
ORDERED = ("created_at", "votes_count", "order", "title")


async def many_posts(make: Factory) -> list[PostFilter]:
    """Posts of every mixture, and filters that many, few and none of them meet."""
    chance = random.Random(7)
    common, rare, empty = [await make.category(name) for name in ("Common", "Rare", "Empty")]
    section = await make.section()
    writers = [make.owner, await make.user()]
    boards = list(make.boards.values())
    statuses = [*make.statuses.values(), None]

    def submit(work: UnitOfWork) -> None:
        for number in range(POSTS):
            wish = NewPost(
                title=f"Post {chance.randrange(1000)}",
                description=None,
                author=chance.choice(writers),
                board_id=chance.choice(boards),
                status_id=chance.choice(statuses),
                section_id=section if chance.random() < 0.3 else None,
                category_id=rare if number % 20 == 0 else common if chance.random() < 0.6 else None,
            )
            create.create_post(work, wish)

    await make.act(submit)
    await make.run("UPDATE posts SET votes_count = id % 5, position = id % 7")
    one, two = list(make.statuses.values())[:2]
    singles: list[dict[str, Any]] = [
        {"board_ids": [boards[0]]},
        {"user_ids": [writers[1]]},
        {"status_ids": [one]},
        {"status_ids": [one, two]},
        {"status_ids": []},
        {"category_ids": [common]},
        {"category_ids": [rare]},
        {"category_ids": [empty]},
        {"category_ids": [common, rare]},
        {"section_ids": [section]},
        {"section_ids": [999]},
        # Nobody's id, which some unreadable ones become.
        {"section_ids": [0]},
        {"status_ids": [0]},
        {"status_ids": [0, two]},
        {"tab_url": "roadmap"},
        {"tab_url": "nowhere"},
    ]
    pairs = [{**one, **other} for one, other in combinations(singles, 2) if not one.keys() & other.keys()]
    often = (
        {"status_ids": [one, two]},
        {"category_ids": [common]},
        {"section_ids": [section]},
        {"tab_url": "feedback"},
    )
    threes = [{**one, **other, **third} for one, other, third in combinations(often, 3)]
    return [ALL, *(PostFilter(**each) for each in (*singles, *pairs, *threes))]


@pytest.mark.parametrize("order", ORDERED)
@pytest.mark.parametrize("descending", [False, True])
async def test_every_way_finds_the_same_page(make: Factory, order: str, descending: bool) -> None:
    sorting = (order, descending)
    wanted = await many_posts(make)

    def compare(work: UnitOfWork) -> int:
        compared = 0
        for each in wanted:
            given = each.active_filters()
            names = tuple(given)
            plainly = view._page(work, given, sorting, PageShape(None, False, False), "plain", offset=0, limit=1000)
            everything = [row[0] for row in plainly]
            assert filters.total(work, given) == len(everything)
            ways: list[AccessPath] = ["plain", "gather"]
            if given and filters.load_cardinalities(work, given) is not None:
                ways.append("walk")
            ways += [name for name in names if has_own_index((name,), order)]
            for way in ways:
                for offset in (0, 5, 40):
                    expected = everything[offset : offset + LIMIT]
                    from_the_end = max(0, len(everything) - offset - LIMIT)
                    left = min(LIMIT, max(0, len(everything) - offset))
                    for shown, rows in (
                        (PageShape(None, offset == 0, False), (offset, LIMIT)),
                        (PageShape(None, offset == 0, True), (offset, LIMIT)),
                        (PageShape(None, from_the_end == 0, True, True), (from_the_end, left)),
                    ):
                        page = view._page(work, given, sorting, shown, way, offset=rows[0], limit=rows[1])
                        assert [row[0] for row in page] == expected, (names, way, offset, shown)
                        compared += 1
        return compared

    assert await make.server.database.read(compare, PortalContext(make.portal, OPERATOR)) > 1000


async def test_the_numbers_that_choose_the_way_are_the_kept_ones(make: Factory) -> None:
    wanted = await many_posts(make)

    def counted(work: UnitOfWork, given: dict[str, Any]) -> int:
        return len(
            view._page(work, given, ("title", True), PageShape(None, True, False), "plain", offset=0, limit=1000)
        )

    def compare(work: UnitOfWork) -> None:
        for each in wanted:
            given = each.active_filters()
            known = filters.load_cardinalities(work, given)
            asks_for_what_is_not_kept = {"user_id", "category_ids"} & given.keys() or given.keys() > {"board_id"}
            assert (known is None) == bool(asks_for_what_is_not_kept), given
            if known is not None:
                alone = {name: counted(work, {name: value}) for name, value in given.items()}
                assert known == Cardinalities(POSTS, alone, counted(work, given)), given

    await make.server.database.read(compare, PortalContext(make.portal, OPERATOR))


@pytest.mark.parametrize(
    ("portal", "each", "meet", "reach", "order", "way"),
    [
        (100_000, {}, 100_000, 20, "votes_count", "plain"),
        (100_000, {"category_id": 10_000}, 10_000, 20, "votes_count", "walk"),
        (100_000, {"category_id": 30}, 30, 20, "votes_count", "gather"),
        (100_000, {"category_id": 0}, 0, 20, "votes_count", "gather"),
        (100_000, {"category_id": 10_000, "tab_url": 30_000}, 3_000, 20, "votes_count", "walk"),
        (100_000, {"category_id": 10_000, "tab_url": 30}, 3, 20, "votes_count", "gather"),
        # As many are passed over as would be gathered: passing over is cheaper.
        (100_000, {"category_id": 10_000, "tab_url": 2_000}, 1_000, 20, "votes_count", "walk"),
        # Both are common, but hardly ever together: a walk would not end.
        (100_000, {"category_id": 10_000, "tab_url": 30_000}, 3, 20, "votes_count", "gather"),
        # So far down, gathering is no dearer.
        (100_000, {"category_id": 10_000}, 10_000, 5_000, "votes_count", "gather"),
        # Only a filter that has the order in its own index can be walked down by itself.
        (100_000, {"category_id": 10_000, "section_id": 5_000}, 500, 20, "created_at", "section_id"),
        (100_000, {"category_id": 10_000, "section_id": 5_000}, 500, 20, "votes_count", "walk"),
        (0, {"category_id": 0}, 0, 20, "votes_count", "gather"),
    ],
)
def test_the_cheapest_way_is_gone(
    portal: int, each: dict[str, int], meet: int, reach: int, order: str, way: AccessPath
) -> None:
    assert Cardinalities(portal, each, meet).access_path(order, reach) == way


async def test_pages_beyond_the_middle_meet_those_above_it(make: Factory) -> None:
    def copy(work: UnitOfWork) -> None:
        for number in range(2_105):
            create.create_post(work, NewPost(title=f"Post {number:04}", description=None, author=make.owner))

    await make.act(copy)
    seen: list[int] = []

    def read(work: UnitOfWork) -> None:
        for offset in range(0, 2_300, 100):
            page = serializers.POSTS.page_with_total(
                work, ALL, order="created_at", descending=True, offset=offset, limit=100
            )
            assert page.total == 2_105
            seen.extend(row[0] for row in page.rows)

    await make.server.database.read(read, PortalContext(make.portal, OPERATOR))

    assert len(seen) == 2_105
    assert seen == sorted(seen, reverse=True)


async def test_no_more_shapes_are_kept_than_there_is_room_for(make: Factory) -> None:
    post = await make.post()
    view = PostQuery((Post.id, Post.title))

    def read(work: UnitOfWork) -> None:
        for number in range(MAX_STATEMENTS + 50):
            # No client can ask for so many, but for most of them.
            shape = PageShape(number + 1, True, False)
            rows = view._page(work, {}, ("created_at", True), shape, "plain", offset=0, limit=number + 1)
            assert [row[0] for row in rows] == [post]

    await make.server.database.read(read, PortalContext(make.portal, OPERATOR))

    assert len(view._statements) == MAX_STATEMENTS
