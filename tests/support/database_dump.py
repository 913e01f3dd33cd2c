"""All rows of every table, to compare a database before and after, or two databases."""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Table, select

from app.adapters.database import NO_PORTAL, Database, PortalContext
from app.domain.models import Base
from app.domain.models.base import UtcTimestamp
from app.domain.permissions import OPERATOR
from app.domain.sql.statement import PORTAL_ID, Statement
from app.domain.sql.timestamps import to_datetime
from app.domain.unit_of_work import UnitOfWork

Rows = dict[str, list[dict[str, Any]]]

_TABLES: list[Table] = Base.metadata.sorted_tables
_EVERYTHING = {
    table.name: Statement(select(table).order_by(*table.primary_key.columns), across_portals=True) for table in _TABLES
}
_PORTALS, _POSTS = (Base.metadata.tables[name] for name in ("portals", "posts"))
_OF_POSTS = [Base.metadata.tables[name] for name in ("post_categories", "post_tags")]
"""Tables whose rows belong to the portal of their post."""


def _is_of_portal(table: Table) -> ColumnElement[bool]:
    if table is _PORTALS:
        return _PORTALS.c.id == PORTAL_ID
    if table in _OF_POSTS:
        return table.c.post_id.in_(select(_POSTS.c.id).where(_POSTS.c.portal_id == PORTAL_ID))
    return table.c.portal_id == PORTAL_ID


# Of a snapshot, all columns but one: a background job stores the last use of a key at any time.
_COLUMNS = {table: [column for column in table.c if column.name != "last_used_at"] for table in _TABLES}
_SNAPSHOT = {
    table.name: Statement(select(*_COLUMNS[table]).order_by(*table.primary_key.columns), across_portals=True)
    for table in _TABLES
}
_OF_PORTAL = {
    table.name: Statement(select(*_COLUMNS[table]).where(_is_of_portal(table)).order_by(*table.primary_key.columns))
    for table in _TABLES
    if "portal_id" in table.c or table in (_PORTALS, *_OF_POSTS)
}
# Columns with an id and without a foreign key: events outlive their rows.
_PLAIN_IDS = {
    ("facts", "post_id"): "posts",
    ("facts", "user_id"): "users",
    ("facts", "actor_id"): "users",
    ("tallies", "status_id"): "statuses",
    ("tallies", "section_id"): "sections",
}
_SUBJECTS = {"vote": "votes", "user": "users", "comment": "comments", "post": "statuses"}
_TALLIED = {"board": "boards", "category": "categories"}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_RANDOM = {
    ("posts", "code"),
    ("portals", "guid"),
    ("users", "uuid"),
    ("widgets", "uuid"),
    ("api_keys", "digest"),
    ("api_keys", "prefix"),
}


async def dump_database(database: Database) -> Rows:
    """Every row of every table by the table's name, in the order of the primary key; equal on both engines."""

    def read(work: Any) -> Rows:
        return {table.name: [_row(table, row) for row in work.fetch_all(_EVERYTHING[table.name])] for table in _TABLES}

    return await database.read(read, NO_PORTAL)


async def snapshot(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """As `dump_database` without the last use of keys, in rows of the driver: only for a comparison by `changed`."""
    return await database.read(lambda work: _tuples(work, _SNAPSHOT), NO_PORTAL)


async def of_portal(database: Database, portal_id: int) -> dict[str, list[tuple[Any, ...]]]:
    """As `snapshot`, but only the rows of one portal."""
    return await database.read(lambda work: _tuples(work, _OF_PORTAL), PortalContext(portal_id, OPERATOR))


def _tuples(work: UnitOfWork, queries: Mapping[str, Statement]) -> dict[str, list[tuple[Any, ...]]]:
    return {name: [tuple(row) for row in work.fetch_all(query)] for name, query in queries.items()}


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """The names of the tables whose rows differ."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def normalize(rows: Rows) -> Rows:
    """The rows without random values: ids become positions in the table, codes and UUIDs a constant, tallies a sum.

    Gaps between ids, which PostgreSQL leaves after a failed insert, and the shards, which depend on ids, disappear.
    """
    places = {
        name: {row["id"]: f"{name} {place}" for place, row in enumerate(table)}
        for name, table in rows.items()
        if table and "id" in table[0]
    }
    normalized: Rows = {}
    for table in _TABLES:
        table_rows = [_normalize_row(table, row, places) for row in rows[table.name]]
        normalized[table.name] = _sum_shards(table_rows) if table.name == "tallies" else table_rows
    return normalized


def _row(table: Table, row: Any) -> dict[str, Any]:
    values = {}
    for column in table.columns:
        value = row[column.name]
        if value is not None and isinstance(column.type, Boolean):
            value = bool(value)
        if value is not None and isinstance(column.type, UtcTimestamp):
            value = to_datetime(value)
        values[column.name] = value
    return values


def _normalize_row(table: Table, row: Mapping[str, Any], places: Mapping[str, Mapping[int, str]]) -> dict[str, Any]:
    values = dict(row)
    for column in table.columns:
        value = row[column.name]
        if value is None:
            continue
        target = next((key.column.table.name for key in column.foreign_keys), _PLAIN_IDS.get((table.name, column.name)))
        if (table.name, column.name) == ("facts", "subject_id"):
            target = _SUBJECTS[row["kind"].partition(".")[0]]
        if table.name == "tallies" and column.name != "portal_id":
            # 0 is the id of no row.
            target = _TALLIED.get(row["kind"]) if column.name == "ref_id" else target
            target = target if value else None
        if column.name == "id":
            target = table.name
        if target is not None:
            # The row of an event may be deleted.
            values[column.name] = places.get(target, {}).get(value, f"{target} gone")
        elif (table.name, column.name) in _RANDOM:
            values[column.name] = "random"
        elif column.name == "slug":
            values[column.name] = _UUID.sub("uuid", value)
    return values


def _sum_shards(tallies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add up the shards; a sum of 0 is left out, as if it had no row."""
    sums: dict[tuple[Any, ...], int] = {}
    for tally in tallies:
        key = tuple((name, value) for name, value in tally.items() if name not in ("shard", "posts"))
        sums[key] = sums.get(key, 0) + tally["posts"]
    return [dict(key) | {"posts": posts} for key, posts in sorted(sums.items(), key=str) if posts]
