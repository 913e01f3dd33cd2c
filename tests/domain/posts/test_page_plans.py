"""The lists of the pages read their posts from the index that has the fewest, without statistics, on SQLite."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import fields
from itertools import product
from typing import Any

import pytest

from app.adapters.database import Operation, PortalContext
from app.application import Application
from app.domain.permissions import VISITOR, Actor
from app.domain.portals import overviews
from app.domain.posts import filters as post_filters
from app.domain.posts import own_comments, post_page, visible_posts
from app.domain.posts.filters import ALL, Cardinalities, PostFilter
from app.domain.posts.visible_posts import PostList, list_page
from app.domain.sql.statement import SQLITE, Statement
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import sessions, sign_in_requests
from tests.support.counting import Counting
from tests.support.factory import Factory

pytestmark = pytest.mark.only_on("sqlite")

OFTEN, RARELY, PORTAL = 10_000, 10, 100_000
TEAM = Actor(1, "owner")
ACTORS = (VISITOR, Actor(7, "user"), TEAM)
ORDERS = {"top": "ix_posts_votes", "newest": "ix_posts_newest", "trending": "ix_posts_newest"}
"""The index of each order; after the trending posts follow the newest."""
LARGE_TABLES = ("posts", "votes", "comments", "follows", "users", "status_changes", "sessions", "sign_in_requests")


async def explain(make: Factory, actor: Actor, operation: Operation[Any]) -> list[str]:
    """The steps of SQLite's plans for all statements of the operation."""

    def run(work: UnitOfWork) -> list[Statement]:
        counting = Counting(work._connection)
        work._connection = counting
        operation(work)
        return counting.statements

    statements = await make.server.database.read(run, PortalContext(make.portal, actor))
    with sqlite3.connect(make.server.settings.database_url.removeprefix("sqlite:///")) as connection:
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchall()
        return [step for statement in statements for step in explain_statement(connection, statement)]


def explain_statement(connection: sqlite3.Connection, statement: Statement) -> list[str]:
    compiled = statement.compiled(SQLITE)
    rows = connection.execute(f"EXPLAIN QUERY PLAN {compiled.text}", ["[1]"] * len(compiled.names))
    return [row[3] for row in rows]


def count_posts(monkeypatch: pytest.MonkeyPatch, counts: Mapping[str, int]) -> None:
    """Let each filter match this number of posts of a large portal."""

    def estimate(work: UnitOfWork, filters: dict[str, Any]) -> Cardinalities:
        del work
        each = {name: counts[name] for name in filters if name in counts}
        share = 1.0
        for count in each.values():
            share *= count / PORTAL
        return Cardinalities(PORTAL, each, round(PORTAL * share))

    monkeypatch.setattr(post_filters, "estimate_cardinalities", estimate)


FILTERS: dict[str, PostFilter] = {
    "board_id": PostFilter(board_ids=[1]),
    "status_id": PostFilter(status_ids=[1]),
    "category_id": PostFilter(category_ids=[1]),
    "user_id": PostFilter(user_ids=[1]),
    "voter_id": PostFilter(voter_id=1),
    "follower_id": PostFilter(follower_id=1),
}
INDEXES = {
    "board_id": "SEARCH posts USING INDEX ix_posts_board (board_id=?)",
    "status_id": "SEARCH posts USING INDEX ix_posts_status (status_id=?)",
    "category_id": "SEARCH post_categories USING COVERING INDEX ix_post_categories_category_id (category_id=?)",
    "user_id": "SEARCH posts USING INDEX ix_posts_user (user_id=?)",
    "voter_id": "SEARCH votes USING INDEX ix_votes_user_id (user_id=?)",
    "follower_id": "SEARCH follows USING INDEX ix_follows_user_id (user_id=?)",
}


def combine(one: str, other: str) -> PostFilter:
    return PostFilter(
        **{each.name: getattr(FILTERS[one], each.name) or getattr(FILTERS[other], each.name) for each in fields(ALL)}
    )


async def test_the_rarest_filter_finds_the_posts(make: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    for rare, other, order in product(FILTERS, FILTERS, ORDERS):
        if rare == other:
            continue
        count_posts(monkeypatch, {rare: RARELY, other: OFTEN})

        def read(work: UnitOfWork, rare: str = rare, other: str = other, order: str = order) -> PostList:
            return list_page(work, combine(rare, other), order=order, offset=0)

        plan = await explain(make, TEAM, read)

        assert INDEXES[rare] in plan, (rare, other, order, plan)
        assert INDEXES[other] not in plan, (rare, other, order, plan)


async def test_a_frequent_filter_is_checked_in_the_order_of_the_list(
    make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for actor, name, (order, index) in product(ACTORS, FILTERS, ORDERS.items()):
        count_posts(monkeypatch, {name: OFTEN})
        steps = [f"SEARCH posts USING INDEX {index} (portal_id=?)"]
        if order != "top" and name not in ("category_id", "voter_id", "follower_id"):
            # This index has the posts of the filter in the order of the list.
            steps.append(INDEXES[name])

        def read(work: UnitOfWork, name: str = name, order: str = order) -> PostList:
            return list_page(work, FILTERS[name], order=order, offset=0)

        plan = await explain(make, actor, read)

        assert any(step in plan for step in steps), (actor, name, order, plan)
        # Only the votes of the last days are counted and sorted.
        assert (order == "trending") or not any("TEMP B-TREE" in step for step in plan), (actor, name, order, plan)


@pytest.mark.parametrize("actor", ACTORS)
async def test_no_page_reads_all_rows_of_a_large_table(make: Factory, actor: Actor) -> None:
    for _ in range(2):
        await make.post(status="Completed", votes_by=[make.owner])
    await make.post(status="Planned")
    code = await make.value("SELECT code FROM posts WHERE id = 1")
    lists: dict[str, Callable[[UnitOfWork], PostList]] = {
        f"{order}, {offset}": lambda work, order=order, offset=offset: list_page(work, ALL, order=order, offset=offset)  # type: ignore[misc]
        for order in ("top", "newest", "trending", "status")
        for offset in (0, 20)
    }
    operations: dict[str, Operation[Any]] = {
        **lists,
        "roadmap": overviews.roadmap,
        "tab": lambda work: overviews.page_of_tab(work, make.tabs["roadmap"], order="top", offset=0),
        "changelog": lambda work: overviews.list_announcements(work, offset=0),
        "chunk of the sitemap": lambda work: overviews.list_chunk(work, after=0),
        "post": lambda work: post_page.find_by_code(work, code),
        "session": lambda work: sessions.find(work, "token"),
    }
    if actor.user_id is not None:
        operations["own comments"] = lambda work: own_comments.list_page(work, offset=0)
        for mine in ("posted", "voted", "followed"):
            operations[mine] = lambda work, mine=mine: list_page(  # type: ignore[misc]
                work, visible_posts.restrict_to_own(work, ALL, mine), order="newest", offset=0
            )

    for name, operation in operations.items():
        plan = await explain(make, actor, operation)

        scans = [step for step in plan if step.removeprefix("SCAN ").split()[0] in LARGE_TABLES]
        assert plan
        assert not scans, (name, scans)


async def test_a_request_for_a_sign_in_is_found_by_the_browser(make: Factory, server: Application) -> None:
    with sqlite3.connect(server.settings.database_url.removeprefix("sqlite:///")) as connection:
        plan = explain_statement(connection, sign_in_requests._BY_BROWSER)

    assert "SEARCH sign_in_requests USING INDEX ix_sign_in_requests_browser (browser_digest=?)" in plan
