"""Every access path finds the same page of posts, and the stored counts give its total."""

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
from app.domain.posts.queries import PostQuery
from app.domain.row_query import MAX_STATEMENTS
from app.domain.sql.pagination import PageShape
from app.domain.unit_of_work import UnitOfWork
from tests.support.factory import Factory

POSTS = 60
LIMIT = 7
query = serializers.POSTS
ORDERED = ("created_at", "votes_count", "order", "title")


async def many_posts(make: Factory) -> list[PostFilter]:
    """Posts of every mixture, and filters that many, few and none of them meet."""
    rng = random.Random(7)
    common, rare, empty = [await make.category(name) for name in ("Common", "Rare", "Empty")]
    red, blue = await make.tag("Red"), await make.tag("Blue")
    section = await make.section()
    writers = [make.owner, await make.user()]
    boards = list(make.boards.values())
    statuses = [*make.statuses.values(), None]

    def submit(work: UnitOfWork) -> None:
        for number in range(POSTS):
            new_post = NewPost(
                title=f"Post {rng.randrange(1000)}",
                description=None,
                author=rng.choice(writers),
                board_id=rng.choice(boards),
                status_id=rng.choice(statuses),
                section_id=section if rng.random() < 0.3 else None,
                category_id=rare if number % 20 == 0 else common if rng.random() < 0.6 else None,
                tag_ids=rng.choice(([], [red], [blue], [red, blue])),
            )
            create.create_post(work, new_post)

    await make.act(submit)
    await make.run(
        "INSERT INTO votes (portal_id, post_id, user_id, created_at, updated_at) "
        "SELECT portal_id, id, :user, created_at, created_at FROM posts WHERE id % 4 = 0",
        user=writers[1],
    )
    await make.run(
        "INSERT INTO follows (portal_id, post_id, user_id, created_at) "
        "SELECT portal_id, id, :user, created_at FROM posts WHERE id % 3 = 0",
        user=writers[1],
    )
    await make.run("UPDATE posts SET votes_count = id % 5, position = id % 7")
    await make.run("UPDATE posts SET moderation = 'pending' WHERE id % 6 = 0")
    await make.run("UPDATE posts SET published = false WHERE id % 8 = 0")
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
        # An id that no row has; dialects use it for unreadable ids.
        {"section_ids": [0]},
        {"status_ids": [0]},
        {"status_ids": [0, two]},
        {"tab_url": "roadmap"},
        {"tab_url": "nowhere"},
        {"tag_ids": [red]},
        {"tag_ids": [red, blue]},
        {"tag_ids": [0]},
        {"title": "POST 1"},
        {"title": "Post %"},
        {"public": True},
    ]
    pairs = [{**one, **other} for one, other in combinations(singles, 2) if not one.keys() & other.keys()]
    often = (
        {"status_ids": [one, two]},
        {"category_ids": [common]},
        {"section_ids": [section]},
        {"tab_url": "feedback"},
    )
    often += ({"public": True},)
    threes = [{**one, **other, **third} for one, other, third in combinations(often, 3)]
    own: list[dict[str, Any]] = [{"voter_id": writers[1]}, {"follower_id": writers[1]}]
    own += [{**one, **other} for one in own for other in ({"category_ids": [common]}, {"status_ids": [statuses[0]]})]
    return [ALL, *(PostFilter(**each) for each in (*singles, *pairs, *threes, *own))]


@pytest.mark.parametrize("order", ORDERED)
@pytest.mark.parametrize("descending", [False, True])
async def test_every_access_path_finds_the_same_page(make: Factory, order: str, descending: bool) -> None:
    sorting = (order, descending)
    all_filters = await many_posts(make)

    def compare(work: UnitOfWork) -> int:
        compared = 0
        for each in all_filters:
            values = each.active_filters()
            names = tuple(values)
            whole_list = query._page(
                work, values, sorting, PageShape(None, False, False), "default", offset=0, limit=1000
            )
            everything = [row[0] for row in whole_list]
            assert filters.total(work, values) == len(everything)
            paths: list[AccessPath] = ["default", "sort"]
            if values and filters.estimate_cardinalities(work, values) is not None:
                paths.append("order_index")
                paths += [f"sort:{name}" for name in names if name != "public"]
            paths += [name for name in names if has_own_index((name,), order)]
            for path in paths:
                for offset in (0, 5, 40):
                    expected = everything[offset : offset + LIMIT]
                    from_the_end = max(0, len(everything) - offset - LIMIT)
                    left = min(LIMIT, max(0, len(everything) - offset))
                    shapes = [
                        (PageShape(None, offset == 0, True), (offset, LIMIT)),
                        (PageShape(None, offset == 0, False), (offset, LIMIT)),
                        (PageShape(None, from_the_end == 0, True, True), (from_the_end, left)),
                    ]
                    # Which filter finds the posts that are sorted does not depend on the shape.
                    for shape, rows in shapes[:1] if path.startswith("sort:") else shapes:
                        page = query._page(work, values, sorting, shape, path, offset=rows[0], limit=rows[1])
                        assert [row[0] for row in page] == expected, (names, path, offset, shape)
                        compared += 1
        return compared

    assert await make.server.database.read(compare, PortalContext(make.portal, OPERATOR)) > 1000


async def test_the_cardinalities_are_the_stored_counts(make: Factory) -> None:
    all_filters = await many_posts(make)

    def count(work: UnitOfWork, values: dict[str, Any]) -> int:
        return len(
            query._page(work, values, ("title", True), PageShape(None, True, False), "default", offset=0, limit=1000)
        )

    def compare(work: UnitOfWork) -> None:
        for each in all_filters:
            values = each.active_filters()
            cardinalities = filters.load_cardinalities(work, values)
            uncounted = {"user_id", "voter_id", "follower_id", "category_ids", "tag_id", "tag_ids", "title"}
            has_filter_without_counter = uncounted & values.keys() or values.keys() > {"board_id"}
            assert (cardinalities is None) == bool(has_filter_without_counter), values
            if cardinalities is not None:
                alone = {name: count(work, {name: value}) for name, value in values.items()}
                if "public" in alone:
                    # Hidden posts are subtracted from the number of posts that match all filters only.
                    alone["public"] = count(work, {"status_ids": list(make.statuses.values())})
                assert cardinalities == Cardinalities(POSTS, alone, count(work, values)), values

    await make.server.database.read(compare, PortalContext(make.portal, OPERATOR))


async def test_the_estimate_counts_the_posts_of_a_user(make: Factory) -> None:
    user, post = await make.user(), await make.post(votes_by=[make.owner])
    await make.post(author=user, votes_by=[user])
    await make.vote(post, user)
    await make.run(
        "INSERT INTO follows (portal_id, post_id, user_id, created_at) "
        "SELECT portal_id, id, :user, created_at FROM posts WHERE id = :post",
        user=user,
        post=post,
    )
    board = {"board_id": make.boards["Feature Requests"]}

    def estimate(work: UnitOfWork) -> dict[str, Cardinalities | None]:
        return {
            name: filters.estimate_cardinalities(work, values)
            for name, values in {
                "user_id": {"user_id": user},
                "voter_id": {**board, "voter_id": user},
                "follower_id": {"follower_id": user},
                "unknown": {"voter_id": 9_999_999},
                "none": {"title": "x"},
            }.items()
        }

    estimates = await make.server.database.read(estimate, PortalContext(make.portal, OPERATOR))

    followed = await make.value("SELECT count(*) FROM follows WHERE user_id = :user", user=user)
    assert estimates == {
        "user_id": Cardinalities(2, {"user_id": 1}, 1),
        "voter_id": Cardinalities(2, {"board_id": 2, "voter_id": 2}, 2),
        "follower_id": Cardinalities(2, {"follower_id": followed}, followed),
        "unknown": Cardinalities(2, {"voter_id": 0}, 0),
        "none": None,
    }


@pytest.mark.parametrize(
    ("portal", "each", "meet", "reach", "order", "path"),
    [
        (100_000, {}, 100_000, 20, "votes_count", "default"),
        (100_000, {"category_id": 10_000}, 10_000, 20, "votes_count", "order_index"),
        (100_000, {"category_id": 30}, 30, 20, "votes_count", "sort:category_id"),
        (100_000, {"category_id": 0}, 0, 20, "votes_count", "sort:category_id"),
        (100_000, {"category_id": 10_000, "tab_url": 30_000}, 3_000, 20, "votes_count", "order_index"),
        (100_000, {"category_id": 10_000, "tab_url": 30}, 3, 20, "votes_count", "sort:tab_url"),
        # No index has the public posts.
        (100_000, {"public": 20, "tab_url": 30}, 3, 20, "votes_count", "sort:tab_url"),
        (100, {"public": 0}, 0, 20, "votes_count", "sort"),
        (100_000, {"voter_id": 5_000, "board_id": 10_000}, 500, 20, "votes_count", "order_index"),
        (100_000, {"voter_id": 50, "board_id": 10_000}, 5, 20, "votes_count", "sort:voter_id"),
        # As many posts are skipped as would be sorted: skipping is cheaper.
        (100_000, {"category_id": 10_000, "tab_url": 2_000}, 1_000, 20, "votes_count", "order_index"),
        # Both are common, but rarely together: reading the index would skip nearly all posts.
        (100_000, {"category_id": 10_000, "tab_url": 30_000}, 3, 20, "votes_count", "sort:category_id"),
        # For a page so far down, sorting costs no more.
        (100_000, {"category_id": 10_000}, 10_000, 5_000, "votes_count", "sort:category_id"),
        # Only a filter whose own index has the order is an access path.
        (100_000, {"category_id": 10_000, "section_id": 5_000}, 500, 20, "created_at", "section_id"),
        (100_000, {"category_id": 10_000, "section_id": 5_000}, 500, 20, "votes_count", "order_index"),
        (0, {"category_id": 0}, 0, 20, "votes_count", "sort:category_id"),
    ],
)
def test_the_cheapest_access_path_is_chosen(
    portal: int, each: dict[str, int], meet: int, reach: int, order: str, path: AccessPath
) -> None:
    assert Cardinalities(portal, each, meet).access_path(order, reach) == path


async def test_pages_after_the_middle_continue_the_previous_ones(make: Factory) -> None:
    def copy(work: UnitOfWork) -> None:
        for number in range(2_105):
            create.create_post(work, NewPost(title=f"Post {number:04}", description=None, author=make.owner))

    await make.act(copy)
    seen: list[int] = []

    def read(work: UnitOfWork) -> None:
        for offset in range(0, 2_300, 100):
            rows, total = serializers.POSTS.page_with_total(
                work, ALL, order="created_at", descending=True, offset=offset, limit=100
            )
            assert total == 2_105
            seen.extend(row[0] for row in rows)

    await make.server.database.read(read, PortalContext(make.portal, OPERATOR))

    assert len(seen) == 2_105
    assert seen == sorted(seen, reverse=True)


async def test_the_cache_of_statements_is_bounded(make: Factory) -> None:
    post = await make.post()
    query = PostQuery((Post.id, Post.title))

    def read(work: UnitOfWork) -> None:
        for number in range(MAX_STATEMENTS + 50):
            # More page shapes than clients can request.
            shape = PageShape(number + 1, True, False)
            rows = query._page(work, {}, ("created_at", True), shape, "default", offset=0, limit=number + 1)
            assert [row[0] for row in rows] == [post]

    await make.server.database.read(read, PortalContext(make.portal, OPERATOR))

    assert len(query._statements) == MAX_STATEMENTS
