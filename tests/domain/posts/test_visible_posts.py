"""Which posts the pages show to whom, and in which order."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import pytest
from sqlalchemy import bindparam, select

from app.adapters.database import PortalContext
from app.domain.errors import Forbidden
from app.domain.models import Post, Vote
from app.domain.models.posts import MODERATION_STATES
from app.domain.permissions import VISITOR, Actor
from app.domain.portals import overviews, portals
from app.domain.posts import create, post_page, update, visible_posts
from app.domain.posts.create import NewPost
from app.domain.posts.filters import ALL, PostFilter
from app.domain.posts.follows import INSERT_FOLLOW
from app.domain.posts.post_page import PostPage
from app.domain.posts.update import PostUpdate
from app.domain.posts.visible_posts import MAX_MATCHES, TRENDING_PERIOD, Label, PostSummary, list_page
from app.domain.search import post_index
from app.domain.sql.statement import PORTAL_ID, Statement, insert_row
from app.domain.unit_of_work import UnitOfWork
from tests.conftest import TestClock
from tests.support.counting import Counting
from tests.support.factory import Factory

ORDERS = ("trending", "top", "newest", "status")
Query = Callable[[UnitOfWork], set[int]]


@dataclass(frozen=True)
class Case:
    """A post of the matrix."""

    portal: int
    author: int
    state: str
    is_published: bool


async def make_cases(make: Factory, portals_and_authors: list[tuple[int, int]]) -> dict[int, Case]:
    """A post of each author in each state, published or not, with a status that is on the roadmap or the changelog."""
    cases = {}
    for (portal, author), state, is_published in product(portals_and_authors, MODERATION_STATES, (True, False)):
        statuses = {
            row["name"]: row["id"]
            for row in await make.rows("SELECT id, name FROM statuses WHERE portal_id = :p", p=portal)
        }
        for status in ("Planned", "Completed"):
            new_post = NewPost(
                title="Dark mode", description=None, author=author, status_id=statuses[status], moderation=state
            )
            post = await make.act(lambda work, new_post=new_post: create.create_post(work, new_post).id, portal=portal)  # type: ignore[misc]
            cases[post] = Case(portal, author, state, is_published)
            await make.run("UPDATE posts SET published = :p WHERE id = :id", p=is_published, id=post)
    return cases


def ids_of(posts: list[PostSummary]) -> set[int]:
    return {post.id for post in posts}


def list_ids(filters: PostFilter, order: str) -> Query:
    def query(work: UnitOfWork) -> set[int]:
        page = list_page(work, filters, order=order, offset=0, limit=100)
        assert not page.has_more
        return ids_of(page.posts)

    return query


def find_each(work: UnitOfWork, find: Callable[[UnitOfWork, str], PostPage | None], keys: list[str]) -> set[int]:
    return {page.post.id for key in keys if (page := find(work, key)) is not None}


async def test_every_query_shows_a_post_to_those_who_may_see_it(make: Factory) -> None:
    author, stranger = await make.user(), await make.user()
    other_portal, other_owner = await make.new_portal("Other", host="other.example.com", email="a@example.com")
    await make.run("UPDATE portals SET host = 'one.example.com' WHERE id = :id", id=make.portal)
    cases = await make_cases(make, [(make.portal, author), (make.portal, stranger), (other_portal, other_owner)])
    for portal in (make.portal, other_portal):
        await make.act(post_index.index_new_posts, portal=portal)
    # Each post has an anonymous vote, for the order of trending posts.
    await make.run(
        "INSERT INTO votes (portal_id, post_id, anonymous_id, created_at, updated_at) "
        "SELECT portal_id, id, 'a', created_at, created_at FROM posts"
    )
    keys = await make.rows("SELECT code, slug FROM posts")
    codes, slugs = [key["code"] for key in keys], [key["slug"] for key in keys]
    viewers = {
        "visitor": VISITOR,
        "author": Actor(author, "user"),
        **{role: Actor(9_999_999, role) for role in ("user", "moderator", "admin", "owner")},
    }
    statuses = make.statuses
    filters = {
        "all": ALL,
        "board": PostFilter(board_ids=list(make.boards.values())),
        "default board": PostFilter(board_ids=[make.boards["Feature Requests"]]),
        "statuses": PostFilter(status_ids=[statuses["Planned"], statuses["Completed"]]),
        "board and statuses": PostFilter(
            board_ids=[make.boards["Feature Requests"]], status_ids=[statuses["Planned"], statuses["Completed"]]
        ),
    }
    queries: dict[str, Query] = {
        **{f"{name}, {order}": list_ids(each, order) for (name, each), order in product(filters.items(), ORDERS)},
        "by code": lambda work: find_each(work, post_page.find_by_code, codes),
        # Another portal has posts with the same slugs.
        "by slug": lambda work: find_each(work, post_page.find_by_slug, slugs),
        "roadmap and changelog": lambda work: {
            *(post.id for column in overviews.roadmap(work) for post in column.posts),
            *(item.post.id for item in overviews.list_announcements(work, offset=0, limit=100)[0]),
        },
    }

    def is_public(case: Case) -> bool:
        return case.portal == make.portal and case.state == "approved" and case.is_published

    for is_private in (False, True):
        await make.act(lambda work, on=is_private: portals.update_setting(work, setting="is_private", value=on))  # type: ignore[misc]
        public = {post for post, case in cases.items() if is_public(case)}
        of_portal = {post for post, case in cases.items() if case.portal == make.portal}
        for name, actor in viewers.items():
            own = {post for post in of_portal if cases[post].author == actor.user_id}
            team = actor.role in ("moderator", "admin", "owner")
            expected = of_portal if team else (set() if is_private and name == "visitor" else public) | own
            context = PortalContext(make.portal, actor)
            for query_name, query in queries.items():
                found = await make.server.database.read(query, context, snapshot=True)
                assert found == expected, (name, is_private, query_name)
            searched = await make.server.database.read(
                lambda work: ids_of(visible_posts.search_page(work, "dark", ALL, offset=0, limit=100).posts),
                context,
                snapshot=True,
            )
            assert searched == (of_portal if team else expected & public), (name, is_private)
            sitemap = await make.server.database.read(
                lambda work: {row["id"] for row in overviews.list_chunk(work, after=0)}, context
            )
            assert sitemap == (set() if is_private else public)


@dataclass(frozen=True)
class Mixture:
    """Posts and votes of every mixture."""

    user: int
    """Has posted, voted for and followed some."""
    category: int
    old_votes: set[int]


async def make_many(make: Factory, clock: TestClock) -> Mixture:
    rng = random.Random(3)
    user, other = await make.user(), await make.user()
    category = await make.category()
    boards, statuses = list(make.boards.values()), [*make.statuses.values(), None]

    def submit(work: UnitOfWork) -> None:
        for number in range(60):
            new_post = NewPost(
                title=f"Post {number}",
                description=None,
                author=rng.choice([user, other]),
                board_id=rng.choice(boards),
                status_id=rng.choice(statuses),
                category_id=category if rng.random() < 0.5 else None,
            )
            create.create_post(work, new_post)

    def respond(work: UnitOfWork) -> None:
        for row in work.fetch_all(POST_IDS):
            post = row[0]
            for number in range(rng.randrange(4)):
                name = f"{work.now}{number}"
                work.execute(INSERT_VOTE, post_id=post, user_id=None, anonymous_id=name)
            if rng.random() < 0.2 and not work.fetch_all(VOTES_OF_USER, post=post, user=user):
                work.execute(INSERT_VOTE, post_id=post, user_id=user, anonymous_id=None)
            if rng.random() < 0.2:
                work.execute(INSERT_FOLLOW, post_id=post, user_id=user)

    await make.act(submit)
    await make.act(respond)
    old_votes = {row["id"] for row in await make.rows("SELECT id FROM votes")}
    clock.advance(days=TRENDING_PERIOD.days + 1)
    await make.act(respond)
    await make.run("UPDATE posts SET votes_count = (SELECT count(*) FROM votes WHERE post_id = posts.id)")
    await make.run("UPDATE posts SET moderation = 'pending' WHERE id % 6 = 0")
    await make.run("UPDATE posts SET published = false WHERE id % 8 = 0")
    for post in range(1, 60, 7):
        await make.act(lambda work, post=post: update.change_status(work, post, make.statuses["New"], user_id=None))  # type: ignore[misc]
        clock.advance(seconds=1)
    return Mixture(user, category, old_votes)


POST_IDS = Statement(select(Post.id).where(Post.portal_id == PORTAL_ID).order_by(Post.id))
VOTES_OF_USER = Statement(
    select(Vote.id).where(
        Vote.portal_id == PORTAL_ID, Vote.post_id == bindparam("post"), Vote.user_id == bindparam("user")
    )
)
INSERT_VOTE = Statement(insert_row(Vote, "post_id", "user_id", "anonymous_id").inline())


async def sort_all(make: Factory, mixture: Mixture) -> dict[str, list[dict[str, Any]]]:
    """All posts in each order, as a plain program sorts them."""
    posts = [dict(row) for row in await make.rows("SELECT * FROM posts")]
    votes = await make.rows("SELECT id, post_id, user_id FROM votes")
    follows = await make.rows("SELECT post_id FROM follows WHERE user_id = :u", u=mixture.user)
    labels = await make.rows("SELECT post_id FROM post_categories WHERE category_id = :c", c=mixture.category)
    for post in posts:
        post["recent"] = sum(vote["post_id"] == post["id"] and vote["id"] not in mixture.old_votes for vote in votes)
        post["voted"] = any((vote["post_id"], vote["user_id"]) == (post["id"], mixture.user) for vote in votes)
        post["followed"] = any(row["post_id"] == post["id"] for row in follows)
        post["labelled"] = any(row["post_id"] == post["id"] for row in labels)
    keys: dict[str, Callable[[dict[str, Any]], Any]] = {
        "trending": lambda post: (post["recent"], post["id"]),
        "top": lambda post: (post["votes_count"], post["id"]),
        "newest": lambda post: (post["created_at"], post["id"]),
        "status": lambda post: (post["status_changed_at"], post["id"]),
    }
    return {order: sorted(posts, key=key, reverse=True) for order, key in keys.items()}


@pytest.mark.parametrize("order", ORDERS)
async def test_lists_are_filtered_sorted_and_cut_into_pages(make: Factory, clock: TestClock, order: str) -> None:
    mixture = await make_many(make, clock)
    ordered = (await sort_all(make, mixture))[order]
    board, (new, planned, *_) = make.boards["Bug Reports"], make.statuses.values()
    category, user = mixture.category, mixture.user
    conditions: dict[str, tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]] = {
        "board": ({"board_ids": [board]}, lambda post: post["board_id"] == board),
        "status": ({"status_ids": [new]}, lambda post: post["status_id"] == new),
        "statuses": ({"status_ids": [new, planned]}, lambda post: post["status_id"] in (new, planned)),
        "category": ({"category_ids": [category]}, lambda post: post["labelled"]),
        "posted": ({"mine": "posted"}, lambda post: post["user_id"] == user),
        "voted": ({"mine": "voted"}, lambda post: post["voted"]),
        "followed": ({"mine": "followed"}, lambda post: post["followed"]),
    }
    compatible = [
        names
        for count in range(3)
        for names in combinations(conditions, count)
        if names != ("status", "statuses") and len({"posted", "voted", "followed"} & set(names)) < 2
    ]

    def check(work: UnitOfWork) -> None:
        for names in compatible:
            values: dict[str, Any] = {key: value for name in names for key, value in conditions[name][0].items()}
            mine = values.pop("mine", None)
            filters = PostFilter(**values)
            filters = filters if mine is None else visible_posts.restrict_to_own(work, filters, mine)
            expected = [
                post["id"]
                for post in ordered
                if all(conditions[name][1](post) for name in names)
                and ((post["moderation"] == "approved" and post["published"]) or post["user_id"] == user)
            ]
            for offset, limit in ((0, 7), (5, 7), (0, 100), (40, 20), (200, 7)):
                page = list_page(work, filters, order=order, offset=offset, limit=limit)
                assert [post.id for post in page.posts] == expected[offset : offset + limit], (names, offset)
                assert page.has_more == (len(expected) > offset + limit)
                assert [post.has_voted for post in page.posts] == [
                    next(row["voted"] for row in ordered if row["id"] == post.id) for post in page.posts
                ]

    await make.server.database.read(check, PortalContext(make.portal, Actor(user, "user")), snapshot=True)


async def test_a_long_list_ends_after_a_number_of_posts(make: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visible_posts, "MAX_LISTED", 4)
    for _ in range(5):
        await make.post(title="Dark mode", votes_by=[make.owner])
    await make.act(post_index.index_new_posts)

    def read(work: UnitOfWork) -> dict[str, list[tuple[int, bool, bool]]]:
        own = visible_posts.restrict_to_own(work, ALL, "voted")
        queries: dict[str, Callable[[int], visible_posts.PostList]] = {
            **{
                order: lambda offset, order=order: list_page(work, ALL, order=order, offset=offset, limit=2)  # type: ignore[misc]
                for order in ORDERS
            },
            "search": lambda offset: visible_posts.search_page(work, "dark", ALL, offset=offset, limit=2),
            "own": lambda offset: list_page(work, own, order="top", offset=offset, limit=2),
        }
        return {
            name: [(len(page.posts), page.has_more, page.is_cut) for page in map(query, (0, 2, 4))]
            for name, query in queries.items()
        }

    context = PortalContext(make.portal, Actor(make.owner, "owner"))
    pages = await make.server.database.read(read, context, snapshot=True)

    assert pages.pop("own") == [(2, True, False), (2, True, False), (1, False, False)]
    for name, found in pages.items():
        assert found == [(2, True, False), (2, False, True), (0, False, False)], name


async def test_a_search_applies_the_filters_and_ranks_the_best_first(make: Factory) -> None:
    user = await make.user()
    board = make.boards["Bug Reports"]
    dark = await make.post(title="Dark mode", author=user)
    theme = await make.post(title="Dark theme in a mode of its own for the night", board=board, votes_by=[user])
    await make.post(title="Export", board=board)
    await make.act(post_index.index_new_posts)

    def find(work: UnitOfWork) -> list[list[int]]:
        own = visible_posts.restrict_to_own(work, ALL, "voted")
        searches = [(ALL, 0, 20), (PostFilter(board_ids=[board]), 0, 20), (own, 0, 20), (ALL, 1, 1), (ALL, 0, 1)]
        pages = [
            visible_posts.search_page(work, "dark mode", each, offset=offset, limit=limit)
            for each, offset, limit in searches
        ]
        assert [page.has_more for page in pages] == [False, False, False, False, True]
        return [[post.id for post in page.posts] for page in pages]

    context = PortalContext(make.portal, Actor(user, "user"))
    found = await make.server.database.read(find, context, snapshot=True)

    assert found == [[dark, theme], [theme], [theme], [theme], [dark]]


async def test_a_search_says_if_its_filters_were_applied_to_the_best_matches_only(make: Factory) -> None:
    board, planned = make.boards["Bug Reports"], make.statuses["Planned"]

    def create_all(work: UnitOfWork) -> list[int]:
        return [
            create.create_post(
                work,
                NewPost(
                    title="Export" if number else "A way to export that is worse than all others",
                    description=None,
                    author=make.owner,
                    board_id=None if number else board,
                    status_id=None if number else planned,
                ),
            ).id
            for number in range(MAX_MATCHES + 1)
        ]

    worst = (await make.act(create_all))[0]
    while await make.act(post_index.index_new_posts):
        pass

    def find(work: UnitOfWork) -> list[tuple[list[int], bool]]:
        by_board, by_status = PostFilter(board_ids=[board]), PostFilter(status_ids=[planned])
        pages = [
            visible_posts.search_page(work, text, filters, offset=0)
            for text, filters in (("export", by_board), ("export", by_status), ("export worse", by_board))
        ]
        return [([post.id for post in page.posts], page.is_limited) for page in pages]

    context = PortalContext(make.portal, VISITOR)
    found = await make.server.database.read(find, context, snapshot=True)

    assert found == [([], True), ([worst], False), ([worst], False)]


async def test_own_posts_are_found_in_every_state_and_those_of_others_are_not(make: Factory) -> None:
    jane = await make.user()
    own = {state: await make.post(title="Dark mode", author=jane, moderation=state) for state in MODERATION_STATES}
    hidden = await make.post(title="Dark mode", moderation="pending", votes_by=[jane])
    await make.act(post_index.index_new_posts)

    def find(work: UnitOfWork) -> list[set[int]]:
        filters = [ALL, *(visible_posts.restrict_to_own(work, ALL, kind) for kind in ("posted", "voted", "followed"))]
        return [ids_of(visible_posts.search_page(work, "dark", each, offset=0).posts) for each in filters]

    async def search(actor: Actor) -> list[set[int]]:
        return await make.server.database.read(find, PortalContext(make.portal, actor), snapshot=True)

    assert await search(Actor(jane, "user")) == [{own["approved"]}, {*own.values()}, set(), set()]
    assert (await search(Actor(make.owner, "owner")))[0] == {*own.values(), hidden}


async def test_a_row_has_what_its_page_shows(make: Factory) -> None:
    user = await make.user(name="jane@example.com")
    speed, looks = await make.category("Speed", color="#112233"), await make.category("Looks")
    post = await make.post(
        title="Dark mode", description="<p>At <b>night</b></p>", author=user, status="Planned", votes_by=[make.owner]
    )
    changes = PostUpdate(category_ids=[looks, speed])
    await make.act(lambda work: update.update_post(work, post, changes))
    await make.comment(post)
    device = "device:" + "a" * 64
    await make.anonymous_vote(post, device)

    async def read(actor: Actor, device: str | None) -> PostSummary:
        page = await make.server.database.read(
            lambda work: list_page(work, ALL, order="newest", offset=0, device=device),
            PortalContext(make.portal, actor),
        )
        (only,) = page.posts
        return only

    row = await read(VISITOR, device)
    assert (row.id, row.title, row.excerpt, row.author) == (post, "Dark mode", "At night", "jane")
    assert (row.board, row.board_slug, row.votes_count, row.comments_count) == (
        "Feature Requests", "feature-requests", 2, 1,
    )  # fmt: skip
    assert row.status == Label(make.statuses["Planned"], "Planned", "#0096ff")
    assert row.category == Label(speed, "Speed", "#112233")
    assert (row.moderation, row.is_published, row.is_voteable, row.is_own, row.has_voted) == (
        "approved", True, True, False, True,
    )  # fmt: skip
    assert not (await read(VISITOR, "device:b")).has_voted
    assert (await read(Actor(make.owner, "owner"), None)).has_voted
    author = await read(Actor(user, "user"), device)
    assert (author.is_own, author.has_voted) == (True, False)


async def test_a_list_takes_the_same_statements_for_one_and_many_posts(make: Factory) -> None:
    user = await make.user()
    counts = []
    for number in (1, 30):
        for _ in range(number):
            await make.post(votes_by=[make.owner])

        def count(work: UnitOfWork) -> list[int]:
            connection = Counting(work._connection)
            counted = UnitOfWork(connection, portal_id=work.portal_id, actor=work.actor, now=work.now)
            lengths = []
            for order in ("newest", "trending"):
                list_page(counted, ALL, order=order, offset=0)
                lengths.append(len(connection.statements))
            return lengths

        counts.append(await make.server.database.read(count, PortalContext(make.portal, Actor(user, "user"))))

    assert counts[0][0] == counts[1][0] == 2
    assert counts == [[2, 6], [2, 5]]


async def test_visitors_have_no_posts_of_their_own(make: Factory) -> None:
    with pytest.raises(Forbidden):
        await make.act(lambda work: visible_posts.restrict_to_own(work, ALL, "posted"), actor=VISITOR)
