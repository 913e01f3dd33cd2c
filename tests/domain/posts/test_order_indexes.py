"""Lists are read from an index in their order: no page sorts the portal's posts."""

import sqlite3
from typing import Any

import pytest

from app.adapters.database import Operation
from app.application import Application
from app.domain.models import Post, Vote
from app.domain.posts import filters as post_filters
from app.domain.posts.filters import ALL, PostFilter
from app.domain.posts.queries import INDEXED, ORDERS, PostQuery
from app.domain.posts.reply_queries import VoteQuery
from app.domain.sql.statement import SQLITE
from tests.domain.posts.test_delete import statements_of
from tests.support.factory import Factory


async def explain(make: Factory, server: Application, operation: Operation[Any]) -> list[str]:
    """The steps of SQLite's plan for the only statement of the operation."""
    (statement,) = await statements_of(make, operation)
    compiled = statement.compiled(SQLITE)
    path = server.settings.database_url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        values = [make.portal] * len(compiled.names)
        return [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + compiled.text, values)]


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("order", sorted(ORDERS))
async def test_a_page_is_read_from_the_index_of_its_sort_order(
    make: Factory, server: Application, order: str, descending: bool
) -> None:
    if server.database.engine != SQLITE:
        # PostgreSQL sorts as few posts as a test has.
        return
    view = PostQuery((Post.id, Post.title))

    plan = await explain(
        make, server, lambda work: view.page(work, ALL, order=order, descending=descending, offset=0, limit=20)
    )

    assert any("TEMP B-TREE" in step for step in plan) is (order not in INDEXED)


@pytest.mark.parametrize("anonymous", [True, False])
async def test_the_ids_of_a_deep_page_of_votes_are_read_from_the_index_alone(
    make: Factory, server: Application, anonymous: bool
) -> None:
    if server.database.engine != SQLITE:
        return
    view = VoteQuery((Vote.id,), anonymous=anonymous)

    pages = [
        await explain(make, server, lambda work: view.page(work, offset=2000, limit=20)),
        await explain(make, server, lambda work: view.ids(work, offset=0, limit=2**62)),
    ]

    for plan in pages:
        assert any("COVERING INDEX ix_votes_newest" in step for step in plan), plan


@pytest.mark.parametrize("filters", [{}, {"tab_url": "roadmap"}, {"status_ids": [1]}, {"category_ids": [1]}])
async def test_hidden_posts_are_counted_in_the_indexes_that_have_only_these(
    make: Factory, server: Application, filters: dict[str, Any]
) -> None:
    if server.database.engine != SQLITE:
        return
    values = PostFilter(**filters, public=True).active_filters()

    plan = await explain(make, server, lambda work: post_filters.total(work, values))

    searches = [step for step in plan if " posts " in step]
    assert [step.partition(" (")[0] for step in searches] == [
        "SEARCH posts USING INDEX ix_posts_moderated",
        "SEARCH posts USING INDEX ix_posts_moderated",
        "SEARCH posts USING INDEX ix_posts_unpublished",
    ]
    assert searches[0].endswith("(portal_id=? AND moderation=?)")
