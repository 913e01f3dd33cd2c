"""Events: records of changes, named in the past tense and stored in the transaction of the change.

Mail and webhook calls are made from these rows later, so an event contains what can't be looked up any more by then.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, String, bindparam, insert, literal_column, select

from app.domain.models import EventRow
from app.domain.sql.json_rows import BIGINT, TEXT, json_column, json_rows
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, insert_row


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `user_id` is the user in whose name it happened; the unit of work adds the actor and the time."""

    kind: str
    post_id: int | None = None
    subject_id: int | None = None
    user_id: int | None = None
    body: Mapping[str, Any] | None = None

    def columns(self) -> dict[str, Any]:
        """The values of the row, except those that the unit of work adds."""
        return {
            "kind": self.kind,
            "post_id": self.post_id,
            "subject_id": self.subject_id,
            "user_id": self.user_id,
            "body": None if self.body is None else json.dumps(self.body, ensure_ascii=False, default=str),
        }


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it is stored, when it is read to be delivered."""

    id: int
    kind: str
    post_id: int | None
    subject_id: int | None
    user_id: int | None
    actor_id: int | None
    """The user who acted; None is the operator."""
    body: Mapping[str, Any]
    base_url: str
    """That of the portal, as the operator configured it. Links in mail begin with it."""
    request_base_url: str
    """That of the request if there is no public URL. Only for webhook calls: the client may have chosen its host."""
    created_at: datetime


INSERT_EVENT: Final = Statement(
    insert_row(EventRow, "kind", "post_id", "subject_id", "user_id", "actor_id", "body", "base_url").inline()
)

_entry = json_rows("rows").table_valued("value", name="entries").c.value
INSERT_EVENTS: Final = Statement(
    insert(EventRow)
    .from_select(
        ["portal_id", "kind", "post_id", "subject_id", "user_id", "body", "actor_id", "base_url", "created_at"],
        select(
            PORTAL_ID,
            json_column(_entry, 0, TEXT),
            *(json_column(_entry, index, BIGINT) for index in (1, 2, 3)),
            json_column(_entry, 4, TEXT),
            bindparam("actor_id", type_=BIGINT),
            bindparam("base_url", type_=String),
            NOW,
        ),
    )
    .inline()
)
"""The parameter `rows` has the `Event.columns` of each event."""


def insert_events(kind: str, rows: Select[*tuple[Any, ...]]) -> Statement:
    """Insert an event of this kind for each row: post_id, subject_id, user_id, body.

    The database makes the bodies, so that the texts of many rows are never in memory at once.
    """
    event: tuple[ColumnElement[Any], ...] = (
        PORTAL_ID,
        literal_column(f"'{kind}'"),
        bindparam("actor_id", type_=BIGINT),
        bindparam("base_url", type_=String),
        NOW,
    )
    columns = ["post_id", "subject_id", "user_id", "body", "portal_id", "kind", "actor_id", "base_url", "created_at"]
    return Statement(insert(EventRow).from_select(columns, rows.add_columns(*event)).inline())
