"""What follows a change of a user's address or password, whoever made it."""

from typing import Final

from sqlalchemy import case, null, update

from app.domain.events import Event
from app.domain.models import EventRow, User
from app.domain.sql.statement import Statement, row_in_portal
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import one_time_tokens, sessions, sign_in_requests

_UNCONFIRM: Final = Statement(
    update(User)
    .where(row_in_portal(User))
    .values(
        email_confirmed_at=None,
        # Whoever signed up has shown that the account is theirs, and did not enter the new address there.
        signed_up_at=case((User.email_confirmed_at.is_(None), User.signed_up_at), else_=null()),
    )
)
_FORGET_BODY: Final = Statement(update(EventRow).where(row_in_portal(EventRow)).values(body=None))


def record_email_change(work: UnitOfWork, user_id: int, *, old: str | None, new: str) -> None:
    """The new address is not confirmed; all sessions and links end. Records user.email_changed with both addresses."""
    work.execute(_UNCONFIRM, id=user_id)
    end_sign_ins(work, user_id)
    body = {"old_email": old, "new_email": new}
    work.record(Event("user.email_changed", subject_id=user_id, user_id=user_id, body=body))


def forget_addresses(work: UnitOfWork, event_id: int) -> None:
    """Remove the addresses from a stored event, such as user.email_changed, once the emails about it are made.

    Events are kept for weeks, and the user may be deleted meanwhile.
    """
    work.execute(_FORGET_BODY, id=event_id)


def record_password_change(work: UnitOfWork, user_id: int) -> None:
    """All sessions and links end. Records user.password_changed."""
    end_sign_ins(work, user_id)
    work.record(Event("user.password_changed", subject_id=user_id, user_id=user_id))


def end_sign_ins(work: UnitOfWork, user_id: int) -> None:
    """End all sessions of the user but the actor's own one, and all links and codes that were mailed to the user."""
    one_time_tokens.end_all(work, user_id)
    sign_in_requests.end_all(work, user_id)
    sessions.end_all(work, user_id, kept=work.actor.session_id)
