"""The deletion that follows an event is found by an index, however many events are later."""

import sqlite3

import pytest

from app.domain.posts import update
from app.domain.sql.statement import POSTGRESQL, SQLITE, Statement
from app.domain.webhooks import deletions
from tests.support.factory import Factory


@pytest.mark.parametrize(
    ("statement", "index"),
    [(deletions._OF_POST, "ix_facts_post_deleted"), (deletions._OF_COMMENT, "ix_facts_comment_deleted")],
)
async def test_a_deletion_is_found_by_its_index(statement: Statement, index: str, make: Factory) -> None:
    server = make.server
    if server.database.engine == POSTGRESQL:
        await make.run(
            "INSERT INTO facts (portal_id, kind, post_id, subject_id, created_at) "
            "SELECT 1, CASE WHEN n % 20 = 0 THEN 'post.deleted' WHEN n % 20 = 1 THEN 'comment.deleted' "
            "ELSE 'vote.cast' END, n, n, now() FROM generate_series(1, 5000) AS n"
        )
        compiled = statement.compiled(POSTGRESQL)
        query = compiled.text
        for number, name in reversed(list(enumerate(compiled.names, 1))):
            query = query.replace(f"${number}", {"portal": str(make.portal), "id": "40", "after": "1"}[name])
        plan = "\n".join(str(row["QUERY PLAN"]) for row in await make.rows(f"EXPLAIN {query}"))
    else:
        compiled = statement.compiled(SQLITE)
        path = server.settings.database_url.removeprefix("sqlite:///")
        with sqlite3.connect(path) as connection:
            rows = connection.execute("EXPLAIN QUERY PLAN " + compiled.text, [1] * len(compiled.names))
            plan = "\n".join(row[3] for row in rows)

    assert index in plan
    assert "TEMP B-TREE" not in plan


async def test_only_a_later_deletion_of_this_post_is_found(make: Factory) -> None:
    first, second = await make.post(title="First"), await make.post(title="Second")
    for post in (first, second):
        await make.act(lambda work, post=post: update.delete(work, post))
    event = await make.value("SELECT id FROM facts WHERE kind = 'post.deleted' AND post_id = :post", post=second)

    def find(post: int, after: int) -> object:
        return make.act(lambda work: deletions.find_deleted_post(work, post, after=after) is not None)

    assert [await find(second, event - 1), await find(second, event), await find(first, 0)] == [True, False, True]  # type: ignore[misc]
