"""Events for which no mail and no webhook call has been made yet, and how they are expanded to deliveries."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from sqlalchemy import BigInteger, func, literal, literal_column, select, update

from app.domain.events import StoredEvent
from app.domain.models import EventRow, Portal
from app.domain.models.events import ACCOUNT_EVENTS
from app.domain.outbox import deliveries
from app.domain.outbox.deliveries import NewDelivery
from app.domain.sql import timestamps
from app.domain.sql.statement import NOW, PORTAL_ID, POSTGRESQL, Statement, in_list, in_portal_unindexed
from app.domain.unit_of_work import Row, UnitOfWork

Expand: TypeAlias = Callable[[UnitOfWork, StoredEvent], Sequence[NewDelivery]]
"""The deliveries of an event in its portal."""

MAX_EVENTS: Final = 100
"""Events that one transaction expands."""
MAX_DELIVERIES: Final = 1000
"""After so many deliveries the other events are left to the next transaction. One event may have more."""
MAX_CHARACTERS: Final = 16 * 1024 * 1024
"""After so much content the other events are left to the next transaction, because it is kept in memory."""
MAX_SECONDS: Final = 0.5
"""After so long the other events are left to the next transaction, because SQLite has a single writer."""

MAX_COUNTED: Final = 100_000
"""Counting reads one index entry for each pending event, so it stops at this number."""

_PENDING: Final = Statement(
    select(func.count()).select_from(
        select(literal(1).label("one")).where(EventRow.expanded_at.is_(None)).limit(MAX_COUNTED).subquery()
    ),
    across_portals=True,
)


_NEWEST: Final = Statement(
    select(EventRow.created_at).order_by(EventRow.id.desc()).limit(1),
    across_portals=True,
)
_CLOCK: Final = Statement(select(func.clock_timestamp()), across_portals=True)


def newest_timestamp(work: UnitOfWork) -> datetime | None:
    """The time of the newest event of all portals, or None."""
    row = work.fetch_one(_NEWEST)
    return None if row is None else timestamps.to_datetime(row[0])


def database_time(work: UnitOfWork) -> datetime | None:
    """The clock of the PostgreSQL server; None for SQLite, which uses the clock of this process."""
    return timestamps.to_datetime(work.fetch_value(_CLOCK)) if work.engine == POSTGRESQL else None


def pending_count(work: UnitOfWork) -> int:
    """The number of pending events of all portals, at most MAX_COUNTED."""
    return int(work.fetch_value(_PENDING))


@dataclass(frozen=True, slots=True)
class WaitingPortal:
    """A portal with pending events."""

    id: int
    host: str | None
    is_only: bool
    """Whether the server has no other portal."""


_is_pending = EventRow.expanded_at.is_(None)
# Not EXISTS, for which PostgreSQL may read all pending events. This reads one index entry for each portal.
_first_pending = (
    select(EventRow.id)
    .where(EventRow.portal_id == Portal.id, _is_pending)
    .order_by(EventRow.id)
    .limit(literal_column("1"))
    .scalar_subquery()
)
_is_only = select(func.count()).select_from(Portal).scalar_subquery() == 1
_PORTALS: Final = Statement(
    select(Portal.id, Portal.host, _is_only).where(_first_pending.is_not(None)).order_by(Portal.id),
    across_portals=True,
)
_LOCK_KEY: Final = 0x6561_7273_0000_0000
"""The key of the lock of portal 0; that of a portal is as much higher as its id."""
_TRY_LOCK: Final = Statement(
    select(func.pg_try_advisory_xact_lock(literal_column(str(_LOCK_KEY), BigInteger) + PORTAL_ID))
)
_COLUMNS: Final = (
    EventRow.id,
    EventRow.kind,
    EventRow.post_id,
    EventRow.subject_id,
    EventRow.user_id,
    EventRow.actor_id,
    EventRow.body,
    EventRow.base_url,
    EventRow.created_at,
)
_next = select(*_COLUMNS).where(_is_pending).order_by(EventRow.id).limit(literal_column(str(MAX_EVENTS)))
_NEXT: Final = Statement(_next.where(EventRow.portal_id == PORTAL_ID))
# With constants as in the condition of the index `ix_facts_account`. On SQLite the portal would choose another index.
_NEXT_OF_ACCOUNTS: Final = Statement(
    _next.where(
        in_portal_unindexed(EventRow), EventRow.kind.in_([literal_column(f"'{kind}'") for kind in ACCOUNT_EVENTS])
    )
)
_LOCK: Final = Statement(
    select(EventRow.id)
    .where(in_portal_unindexed(EventRow), in_list(EventRow.id, "events"), _is_pending)
    .order_by(EventRow.id)
    .with_for_update(key_share=True)
)
_MARK: Final = Statement(
    update(EventRow).where(in_portal_unindexed(EventRow), in_list(EventRow.id, "events")).values(expanded_at=NOW)
)


def find_portals(work: UnitOfWork) -> list[WaitingPortal]:
    """The portals with pending events."""
    return [WaitingPortal(int(portal_id), host, bool(is_only)) for portal_id, host, is_only in work.fetch_all(_PORTALS)]


def list_next(work: UnitOfWork, *, base_url: str, is_public: bool = False) -> list[StoredEvent]:
    """The portal's next pending events, at most MAX_EVENTS: those about accounts first, then the oldest. It only reads.

    On PostgreSQL, none while another transaction lists or expands events of the portal, so that not every worker does
    the same work. `base_url` is that of the portal. `is_public`: it is the public URL, so the address of the request of
    an event is not needed.
    """
    if not _try_lock(work):
        return []
    rows = {row["id"]: row for statement in (_NEXT_OF_ACCOUNTS, _NEXT) for row in work.fetch_all(statement)}
    return [
        _to_event(row, base_url, (None if is_public else row["base_url"]) or base_url)
        for row in list(rows.values())[:MAX_EVENTS]
    ]


def expand_each(
    work: UnitOfWork,
    waiting: Sequence[StoredEvent],
    expand: Expand,
    *,
    last: int | None = None,
    max_seconds: float = MAX_SECONDS,
) -> Iterator[tuple[StoredEvent, Sequence[NewDelivery]]]:
    """Call `expand` for the events one after the other, until there is enough for one transaction.

    It ends after the event `last`, and once it has taken `max_seconds`, but always expands one event.
    """
    started = time.monotonic()
    count = characters = 0
    for event in waiting:
        new = expand(work, event)
        yield event, new
        count += len(new)
        characters += sum(len(delivery.payload or "") for delivery in new)
        is_enough = count >= MAX_DELIVERIES or characters >= MAX_CHARACTERS
        if is_enough or event.id == last or time.monotonic() - started >= max_seconds:
            return


def store_deliveries(
    work: UnitOfWork,
    waiting: Sequence[StoredEvent],
    expand: Expand,
    *,
    last: int | None = None,
    max_seconds: float = MAX_SECONDS,
) -> int:
    """Store the deliveries of listed events, unless another worker has stored them since, and return how many events.

    The caller repeats it with the pending events until there is none. `expand` may write, too. It ends as
    `expand_each`.
    """
    # Other workers need not list these events now. The lock of the rows decides, whether or not this one is taken.
    _try_lock(work)
    pending = {event_id for (event_id,) in work.fetch_all(_LOCK, events=[event.id for event in waiting])}
    expanded: list[int] = []
    still_waiting = [event for event in waiting if event.id in pending]
    for event, new in expand_each(work, still_waiting, expand, last=last, max_seconds=max_seconds):
        deliveries.add_all(work, new)
        expanded.append(event.id)
    if expanded:
        work.execute(_MARK, events=expanded)
    return len(expanded)


def _try_lock(work: UnitOfWork) -> bool:
    return work.engine != POSTGRESQL or bool(work.fetch_value(_TRY_LOCK))


def _to_event(row: Row, base_url: str, request_base_url: str) -> StoredEvent:
    return StoredEvent(
        id=row["id"],
        kind=row["kind"],
        post_id=row["post_id"],
        subject_id=row["subject_id"],
        user_id=row["user_id"],
        actor_id=row["actor_id"],
        body=json.loads(row["body"]) if row["body"] else {},
        base_url=base_url,
        request_base_url=request_base_url,
        created_at=timestamps.to_datetime(row["created_at"]),
    )
