"""Notifications that wait for the next digest of their recipient."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, Literal

from sqlalchemy import String, bindparam, delete, insert, select

from app.domain.events import StoredEvent
from app.domain.models import DigestItem
from app.domain.models.base import UtcTimestamp
from app.domain.notifications.recipients import Recipient
from app.domain.notifications.schedule import next_digest
from app.domain.sql.json_rows import BIGINT, TEXT, encode_rows, json_column, json_rows
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, in_portal_unindexed
from app.domain.unit_of_work import UnitOfWork

MAX_ITEMS: Final = 100
"""Items of one digest; more are sent as several."""
MAX_BATCH: Final = 500
"""Due items whose users get their digests in one transaction."""

_entry = json_rows("rows").table_valued("value", name="entries").c.value
_ADD: Final = Statement(
    insert(DigestItem)
    .from_select(
        ["portal_id", "user_id", "kind", "event_id", "post_id", "subject_id", "cadence", "due_at", "created_at"],
        select(
            PORTAL_ID,
            json_column(_entry, 0, BIGINT),
            json_column(_entry, 1, TEXT),
            *(bindparam(name, type_=BIGINT) for name in ("event", "post", "subject")),
            bindparam("cadence", type_=String),
            bindparam("due_at", type_=UtcTimestamp),
            NOW,
        ),
    )
    .inline()
)
_PORTALS: Final = Statement(
    select(DigestItem.portal_id).where(DigestItem.due_at <= NOW).distinct(),
    across_portals=True,
)
_is_due = DigestItem.due_at <= NOW
_due_users = (
    select(DigestItem.user_id)
    .where(in_portal_unindexed(DigestItem), _is_due)
    .order_by(DigestItem.due_at, DigestItem.user_id)
    .limit(MAX_BATCH)
)
_TAKE: Final = Statement(
    delete(DigestItem)
    .where(in_portal_unindexed(DigestItem), _is_due, DigestItem.user_id.in_(_due_users))
    .returning(DigestItem.user_id, DigestItem.id, DigestItem.kind, DigestItem.post_id, DigestItem.subject_id)
)


@dataclass(frozen=True, slots=True)
class Digest:
    """The items of a digest that is due, oldest first: kind, post id, and id of the comment or status."""

    user_id: int
    items: Sequence[tuple[str, int, int | None]]


def add_items(work: UnitOfWork, event: StoredEvent, recipients: Iterable[Recipient]) -> None:
    """Add the event to the next digest of each recipient whose cadence is daily or weekly."""
    rows: dict[Literal["daily", "weekly"], list[tuple[int, str]]] = {"daily": [], "weekly": []}
    for recipient in recipients:
        if recipient.cadence in ("daily", "weekly"):
            rows[recipient.cadence].append((recipient.user_id, recipient.kind))
    ids = {"event": event.id, "post": event.post_id, "subject": event.subject_id}
    for cadence, users in rows.items():
        if users:
            due_at = next_digest(cadence, work.now)
            work.execute(_ADD, rows=encode_rows(users), cadence=cadence, due_at=due_at, **ids)


def portals_with_due(work: UnitOfWork) -> list[int]:
    """The portals that have due items."""
    return [row[0] for row in work.fetch_all(_PORTALS)]


def take_due(work: UnitOfWork) -> list[Digest]:
    """The due digests of the users of the first MAX_BATCH due items; empty if there are none left.

    The items are deleted, so no other worker makes these digests.
    """
    # Two workers that delete the same items in different orders would wait for each other.
    work.lock_portal()
    digests: list[Digest] = []
    rows: Sequence[Any] = sorted(work.fetch_all(_TAKE), key=lambda row: (row["user_id"], row["id"]))
    for user_id, rows_of_user in groupby(rows, key=lambda row: int(row["user_id"])):
        items = [(row["kind"], row["post_id"], row["subject_id"]) for row in rows_of_user]
        digests += [Digest(user_id, items[start : start + MAX_ITEMS]) for start in range(0, len(items), MAX_ITEMS)]
    return digests
