"""Rules of moderation: the state of a new post; approve, reject, set; lists of unapproved posts."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Select, bindparam, literal_column, select, update

from app.domain.errors import Conflict, FieldError, ValidationFailed
from app.domain.events import Event
from app.domain.models import Post
from app.domain.models.posts import MODERATION_STATES
from app.domain.permissions import ROLE_RANK, Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, in_list, in_portal_unindexed, row_in_portal
from app.domain.unit_of_work import Row, UnitOfWork

_EVENT_KINDS: Final = {"approved": "post.approved", "rejected": "post.rejected"}

_STATE: Final = Statement(
    select(Post.moderation, Post.user_id).where(row_in_portal(Post, "post")).with_for_update(key_share=True)
)
_SET: Final = Statement(
    update(Post).where(row_in_portal(Post, "post")).values(moderation=bindparam("state"), updated_at=NOW)
)


def initial_state(requested: str | None, *, policy: str, author_role: str | None) -> str:
    """The moderation state of a new post: the requested one, or by the portal's policy if that is None.

    A post without author (`author_role` None) is pending under `anonymous` and `always`; a post of a plain user is
    pending under `always`; a post of a moderator or a higher role never is.
    """
    if requested is not None:
        return requested
    if author_role is None:
        return "approved" if policy == "never" else "pending"
    return "pending" if policy == "always" and ROLE_RANK[author_role] < ROLE_RANK["moderator"] else "approved"


def submission_body(state: str) -> dict[str, str] | None:
    """The body of post.submitted, because the state may change before the event is read; None for approved."""
    return None if state == "approved" else {"moderation": state}


def approve(work: UnitOfWork, post_id: int) -> None:
    """Approve a pending post. Raises Forbidden, NotFound("post"), Conflict("post.not_pending").

    Records post.approved. Of two concurrent decisions, the second one raises.
    """
    _review(work, post_id, "approved")


def reject(work: UnitOfWork, post_id: int) -> None:
    """Reject a pending post. Raises as `approve`; records post.rejected."""
    _review(work, post_id, "rejected")


def set(work: UnitOfWork, post_id: int, state: str) -> bool:  # noqa: A001 - called as moderation.set
    """Set the moderation state of a post, whatever it was; return whether it changed.

    Raises Forbidden, NotFound("post"), ValidationFailed for an unknown state. Records post.approved or post.rejected.
    """
    work.authorize(Permission.MODERATE)
    if state not in MODERATION_STATES:
        raise ValidationFailed([FieldError("moderation", "invalid")])
    before, author_id = work.require_row(_STATE, "post", post_id, post=post_id)
    if before == state:
        return False
    _set_state(work, post_id, state, author_id)
    return True


def _review(work: UnitOfWork, post_id: int, state: str) -> None:
    work.authorize(Permission.MODERATE)
    before, author_id = work.require_row(_STATE, "post", post_id, post=post_id)
    if before != "pending":
        raise Conflict("post.not_pending")
    _set_state(work, post_id, state, author_id)


def _set_state(work: UnitOfWork, post_id: int, state: str, author_id: int | None) -> None:
    work.execute(_SET, post=post_id, state=state)
    if state in _EVENT_KINDS:
        work.record(Event(_EVENT_KINDS[state], post_id=post_id, user_id=author_id))


_COLUMNS = (Post.id, Post.code, Post.title, Post.moderation, Post.created_at)
_NEWEST_FIRST = (Post.created_at.desc(), Post.id.desc())


def _select(state: str, *columns: Any) -> Select[*tuple[Any, ...]]:
    # The state is a literal, because the partial index of unapproved posts can't serve a parameter.
    return select(*columns).where(Post.portal_id == PORTAL_ID, Post.moderation == literal_column(f"'{state}'"))


_BY_IDS: Final = Statement(
    select(*_COLUMNS).where(in_portal_unindexed(Post), in_list(Post.id, "ids"), Post.moderation == bindparam("state"))
)
_LISTS: Final = {
    state: Statement(
        _select(state, *_COLUMNS).order_by(*_NEWEST_FIRST).limit(bindparam("limit")).offset(bindparam("offset"))
    )
    for state in ("pending", "rejected")
}
_IDS: Final = {state: Statement(_select(state, Post.id).order_by(*_NEWEST_FIRST)) for state in _LISTS}


def page(work: UnitOfWork, state: str, *, offset: int, limit: int) -> Sequence[Row]:
    """(id, code, title, moderation, created_at) of the posts that are `pending` or `rejected`, newest first."""
    work.authorize(Permission.READ)
    return work.fetch_all(_LISTS[state], offset=offset, limit=limit)


def ids(work: UnitOfWork, state: str) -> list[int]:
    """The ids of all posts that are `pending` or `rejected`, newest first."""
    work.authorize(Permission.READ)
    return [row[0] for row in work.fetch_all(_IDS[state])]


def by_ids(work: UnitOfWork, state: str, post_ids: Sequence[int]) -> list[Row]:
    """The rows of `page` of these posts, in this order, without those that have another state by now."""
    work.authorize(Permission.READ)
    rows_by_id = {row[0]: row for row in work.fetch_all(_BY_IDS, ids=list(post_ids), state=state)}
    return [rows_by_id[post_id] for post_id in post_ids if post_id in rows_by_id]
