"""All rows of every table: to see that nothing changed, or that two databases say the same."""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Boolean, Table, select

from app.adapters.database import NO_PORTAL, Database, PortalContext
from app.domain.models import Base
from app.domain.models.base import UtcTimestamp
from app.domain.permissions import OPERATOR
from app.domain.sql.statement import PORTAL_ID, Statement
from app.domain.sql.timestamps import to_datetime

Rows = dict[str, list[dict[str, Any]]]

_TABLES: list[Table] = Base.metadata.sorted_tables
_EVERYTHING = {
    table.name: Statement(select(table).order_by(*table.primary_key.columns), across_portals=True) for table in _TABLES
}
_POSTS = Base.metadata.tables["posts"]
_OF_PORTAL = {
    table.name: Statement(select(table).where(table.c.portal_id == PORTAL_ID).order_by(*table.primary_key.columns))
    for table in _TABLES
    if "portal_id" in table.c
} | {
    "portals": Statement(
        select(Base.metadata.tables["portals"]).where(Base.metadata.tables["portals"].c.id == PORTAL_ID)
    ),
    "post_categories": Statement(
        select(Base.metadata.tables["post_categories"])
        .where(
            Base.metadata.tables["post_categories"].c.post_id.in_(
                select(_POSTS.c.id).where(_POSTS.c.portal_id == PORTAL_ID)
            )
        )
        .order_by(*Base.metadata.tables["post_categories"].primary_key.columns)
    ),
}
# Columns that hold an id without being a foreign key: facts outlive what they speak of.
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
_RANDOM = {("posts", "code"), ("portals", "guid"), ("users", "uuid"), ("api_keys", "digest"), ("api_keys", "prefix")}


async def everything(database: Database) -> Rows:
    """Every row of every table by the table's name, in the order of the primary key; equal on both engines."""

    def read(work: Any) -> Rows:
        return {table.name: [_row(table, row) for row in work.fetch_all(_EVERYTHING[table.name])] for table in _TABLES}

    return await database.read(read, NO_PORTAL)


async def snapshot(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """As `everything`, but as the driver gives the rows: quick, and only good to see whether something `changed`."""
    return await database.read(
        lambda work: {name: [tuple(row) for row in work.fetch_all(query)] for name, query in _EVERYTHING.items()},
        NO_PORTAL,
    )


async def of_portal(database: Database, portal_id: int) -> dict[str, list[tuple[Any, ...]]]:
    """As `snapshot`, but only what belongs to one portal."""
    return await database.read(
        lambda work: {name: [tuple(row) for row in work.fetch_all(query)] for name, query in _OF_PORTAL.items()},
        PortalContext(portal_id, OPERATOR),
    )


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """The names of the tables whose rows differ."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def likened(rows: Rows) -> Rows:
    """The same without what chance made: ids become places in their table, codes and UUIDs a word, tallies their sum.

    Gaps between ids, which PostgreSQL leaves behind a refused insert, are gone, and the shards that hang on ids.
    """
    places = {
        name: {row["id"]: f"{name} {place}" for place, row in enumerate(table)}
        for name, table in rows.items()
        if table and "id" in table[0]
    }
    like: Rows = {}
    for table in _TABLES:
        shown = [_likened(table, row, places) for row in rows[table.name]]
        like[table.name] = _summed(shown) if table.name == "tallies" else shown
    return like


def _row(table: Table, row: Any) -> dict[str, Any]:
    shown = {}
    for column in table.columns:
        value = row[column.name]
        if value is not None and isinstance(column.type, Boolean):
            value = bool(value)
        if value is not None and isinstance(column.type, UtcTimestamp):
            value = to_datetime(value)
        shown[column.name] = value
    return shown


def _likened(table: Table, row: Mapping[str, Any], places: Mapping[str, Mapping[int, str]]) -> dict[str, Any]:
    shown = dict(row)
    for column in table.columns:
        value = row[column.name]
        if value is None:
            continue
        target = next((key.column.table.name for key in column.foreign_keys), _PLAIN_IDS.get((table.name, column.name)))
        if (table.name, column.name) == ("facts", "subject_id"):
            target = _SUBJECTS[row["kind"].partition(".")[0]]
        if table.name == "tallies" and column.name != "portal_id":
            # 0 is nobody's id.
            target = _TALLIED.get(row["kind"]) if column.name == "ref_id" else target
            target = target if value else None
        if column.name == "id":
            target = table.name
        if target is not None:
            # What a fact speaks of may be gone.
            shown[column.name] = places.get(target, {}).get(value, f"{target} gone")
        elif (table.name, column.name) in _RANDOM:
            shown[column.name] = "random"
        elif column.name == "slug":
            shown[column.name] = _UUID.sub("uuid", value)
    return shown


def _summed(tallies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Numbers of nothing are as good as none."""
    sums: dict[tuple[Any, ...], int] = {}
    for tally in tallies:
        key = tuple((name, value) for name, value in tally.items() if name not in ("shard", "posts"))
        sums[key] = sums.get(key, 0) + tally["posts"]
    return [dict(key) | {"posts": posts} for key, posts in sorted(sums.items(), key=str) if posts]
