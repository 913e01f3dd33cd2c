"""Statements for the counters in the rows of posts and users, such as the votes of a post. They keep `updated_at`.

The database adds to the stored number, so that concurrent changes both count.
"""

from typing import Any

from sqlalchemy import Update, bindparam, select, update

from app.domain.sql.json_rows import BIGINT, json_column, json_rows
from app.domain.sql.statement import Statement, in_portal_unindexed, row_in_portal


def add_step(counter: Any) -> Update:
    """An UPDATE that adds the parameter `step` to the counter of the row `id`."""
    model = counter.class_
    return update(model).where(row_in_portal(model)).values({counter: counter + bindparam("step")})


def add_counts(counter: Any) -> Statement:
    """Adds to the counters of many rows; the parameter `rows` is `encode_rows([(id, number), …])`."""
    model = counter.class_
    entry = json_rows("rows").table_valued("value", name="entries").c.value
    row_id, number = (json_column(entry, index, BIGINT) for index in (0, 1))
    counts = select(row_id.label("id"), number.label("number")).subquery("counts")
    this = (in_portal_unindexed(model), model.id == counts.c.id)
    return Statement(update(model).where(*this).values({counter: counter + counts.c.number}))
