"""Deliveries: one row for each email and each webhook call."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Boolean, literal_column, select
from sqlalchemy.types import TypeEngine

from app.domain.models import Delivery
from app.domain.sql.json_rows import BIGINT, TEXT, encode_rows, json_column, json_rows
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, upsert
from app.domain.sql.timestamps import Timestamp
from app.domain.unit_of_work import UnitOfWork

MAX_RESPONSE_CHARACTERS: Final = 64 * 1024
"""How much of the response of a webhook is read and stored."""


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """An email or a webhook call, to be made as soon as possible.

    `kind` is a kind of email (`app.domain.notifications.kinds`) or the dialect's name of the event. `payload` is JSON;
    if it contains a token or a secret it is encrypted, and emptied after the delivery.
    """

    channel: Literal["email", "webhook"]
    kind: str
    event_id: int | None = None
    webhook_id: int | None = None
    user_id: int | None = None
    """The recipient of an email."""
    post_id: int | None = None
    payload: str | None = None
    is_encrypted: bool = False
    dedup_key: str | None = None


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that this worker has claimed, with the number of this attempt, from 1.

    `earlier_attempts` of them were made before it was repeated on demand.
    """

    id: int
    portal_id: int
    uuid: str
    claim: str
    channel: str
    kind: str
    event_id: int | None
    webhook_id: int | None
    user_id: int | None
    post_id: int | None
    payload: str | None
    is_encrypted: bool
    attempts: int
    created_at: Timestamp
    earlier_attempts: int = 0

    @property
    def attempts_since_repeat(self) -> int:
        """The attempts that count towards the limit, with this one."""
        return self.attempts - self.earlier_attempts


_entry = json_rows("rows").table_valued("value", name="entries").c.value
_COLUMNS: Final[tuple[tuple[str, TypeEngine[Any]], ...]] = (
    ("uuid", TEXT),
    ("channel", TEXT),
    ("kind", TEXT),
    ("event_id", BIGINT),
    ("webhook_id", BIGINT),
    ("user_id", BIGINT),
    ("post_id", BIGINT),
    ("payload", TEXT),
    ("is_encrypted", Boolean()),
    ("dedup_key", TEXT),
)
_INSERT: Final = Statement(
    upsert(Delivery)
    .from_select(
        ["portal_id", "due_at", "created_at", *(name for name, _ in _COLUMNS)],
        # Without a WHERE, SQLite takes ON for the beginning of the condition of a join.
        select(
            PORTAL_ID, NOW, NOW, *(json_column(_entry, index, type_) for index, (_, type_) in enumerate(_COLUMNS))
        ).where(literal_column("true")),
    )
    .on_conflict_do_nothing(index_elements=["dedup_key"])
    .inline()
)


def add_all(work: UnitOfWork, deliveries: Sequence[NewDelivery]) -> None:
    """Store the deliveries, due now, in the order in which they are given.

    A delivery whose `dedup_key` another one has, also a finished one, is left out.
    """
    rows: list[tuple[Any, ...]] = [
        (str(uuid.uuid4()), *(getattr(delivery, name) for name, _ in _COLUMNS[1:])) for delivery in deliveries
    ]
    if rows:
        work.execute(_INSERT, rows=encode_rows(rows))
