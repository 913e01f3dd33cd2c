"""Lists are read from an index in their order: no page sorts the portal's posts."""

import sqlite3

import pytest

from app.application import Application
from app.domain.models import Post
from app.domain.posts.filters import ALL
from app.domain.posts.queries import INDEXED, ORDERS, PostQuery
from app.domain.sql.statement import SQLITE
from tests.domain.posts.test_delete import statements_of
from tests.support.factory import Factory


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("order", sorted(ORDERS))
async def test_a_page_is_read_from_the_index_of_its_sort_order(
    make: Factory, server: Application, order: str, descending: bool
) -> None:
    if server.database.engine != SQLITE:
        # PostgreSQL sorts as few posts as a test has.
        return
    view = PostQuery((Post.id, Post.title))

    (statement,) = await statements_of(
        make, lambda work: view.page(work, ALL, order=order, descending=descending, offset=0, limit=20)
    )

    compiled = statement.compiled(SQLITE)
    path = server.settings.database_url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        values = [make.portal] * len(compiled.names)
        plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + compiled.text, values)]
    assert any("TEMP B-TREE" in step for step in plan) is (order not in INDEXED)
