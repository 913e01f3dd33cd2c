"""What a stolen session must not be enough for, such as another key of the account: a recent sign-in as well."""

from datetime import timedelta
from typing import Final

from sqlalchemy import select

from app.domain.errors import Conflict
from app.domain.models import Session
from app.domain.sql.statement import Statement, row_in_portal
from app.domain.sql.timestamps import to_datetime
from app.domain.unit_of_work import UnitOfWork

MAX_AGE: Final = timedelta(minutes=10)

_CREATED_AT: Final = Statement(select(Session.created_at).where(row_in_portal(Session)))


def require(work: UnitOfWork) -> None:
    """Raise Conflict("sign_in.too_old") unless the actor's session began within MAX_AGE.

    Whoever shows the password, a passkey or a code again gets a new session. An actor without a session, such as the
    operator, is not asked.
    """
    if work.actor.session_id is not None and not is_recent(work):
        raise Conflict("sign_in.too_old")


def is_recent(work: UnitOfWork) -> bool:
    """Whether the actor's session began within MAX_AGE."""
    session_id = work.actor.session_id
    created_at = None if session_id is None else work.fetch_value(_CREATED_AT, id=session_id)
    return created_at is not None and work.now - to_datetime(created_at) <= MAX_AGE
