"""Whom an event concerns: the recipients of its notifications.

Nobody is told of what they did themselves or of what happened in their name, and each recipient once of an event.
Blocked and deleted users, users without an address, and users who stopped all notifications are told of nothing.
Whether an address is confirmed matters when the email is sent, because it may be confirmed until then.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from sqlalchemy import ColumnElement, Select, String, and_, bindparam, func, join, literal_column, select

from app.domain.events import StoredEvent
from app.domain.models import Comment, Follow, NotificationChoice, Post, User
from app.domain.notifications.kinds import NOTIFICATION_KINDS, STAFF_ROLES, Cadence
from app.domain.notifications.mentions import find_mentions
from app.domain.posts.publishing import IS_PUBLIC
from app.domain.sql.statement import PORTAL_ID, Statement, in_list, in_portal_unindexed, row_in_portal
from app.domain.unit_of_work import Row, UnitOfWork

CHUNK: Final = 2000
"""Followers that one query reads."""
MAX_SCANNED_CHARACTERS: Final = 50_000
"""The part of a comment in which mentions are looked for."""

IS_REACHABLE: Final = and_(
    User.deleted_at.is_(None), User.blocked_at.is_(None), User.email.is_not(None), User.notifications_enabled
)
"""Whether a user gets notifications."""
IS_STAFF: Final = User.role.in_([literal_column(f"'{role}'") for role in sorted(STAFF_ROLES)])
"""Whether a user gets the kinds for staff."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A user who is told of an event, as the notification of one kind."""

    user_id: int
    kind: str
    cadence: Cadence
    """When: at_once, daily or weekly."""


def _select_users(*conditions: ColumnElement[bool], source: Any = User) -> Select[*tuple[Any, ...]]:
    """(id, cadence) of the reachable users that meet the conditions. Parameters: `kind` and its `default` cadence."""
    is_choice = and_(NotificationChoice.user_id == User.id, NotificationChoice.kind == bindparam("kind", type_=String))
    return (
        select(User.id, func.coalesce(NotificationChoice.cadence, bindparam("default", type_=String)))
        .select_from(source)
        .outerjoin(NotificationChoice, is_choice)
        .where(in_portal_unindexed(User), IS_REACHABLE, *conditions)
    )


_follows_post = (Follow.portal_id == PORTAL_ID, Follow.post_id == bindparam("post"))
_followers = join(Follow, User, User.id == Follow.user_id)
_FOLLOWERS: Final = Statement(
    _select_users(*_follows_post, Follow.user_id > bindparam("after"), source=_followers)
    .order_by(Follow.user_id)
    .limit(bindparam("limit"))
)
_FOLLOWER: Final = Statement(_select_users(*_follows_post, Follow.user_id == bindparam("user"), source=_followers))
_USER: Final = Statement(_select_users(User.id == bindparam("user")))
_MENTIONED: Final = Statement(_select_users(in_list(User.uuid, "uuids")).order_by(User.id))
_subscriber_ids = select(NotificationChoice.user_id).where(
    NotificationChoice.portal_id == PORTAL_ID,
    NotificationChoice.kind == bindparam("kind", type_=String),
    NotificationChoice.cadence != literal_column("'never'"),
)
# Nobody is told of these kinds by default, so the choices are read first, instead of every user of the portal.
_STAFF: Final = Statement(_select_users(IS_STAFF, User.id.in_(_subscriber_ids)).order_by(User.id))

_POST: Final = Statement(select(Post.user_id, IS_PUBLIC.label("is_public"), Post.moderation).where(row_in_portal(Post)))
_COMMENT: Final = Statement(
    select(func.substr(Comment.body, 1, MAX_SCANNED_CHARACTERS)).where(
        row_in_portal(Comment), Comment.internal.is_(False)
    )
)
_COMMENT_AUTHOR: Final = Statement(select(Comment.user_id).where(row_in_portal(Comment), Comment.internal.is_(False)))

_Candidates: TypeAlias = Iterator[tuple[str, Iterable[Row]]]
"""Kinds of notifications, each with (user id, cadence) of the users that it concerns, in the order of precedence."""


def find_recipients(work: UnitOfWork, event: StoredEvent) -> list[Recipient]:
    """The recipients of an event.

    A user who is concerned in several ways gets the first kind that the user did not refuse.
    """
    find_candidates = _FINDERS.get(event.kind)
    if find_candidates is None or event.post_id is None:
        return []
    recipients: dict[int, Recipient] = {}
    for kind, users in find_candidates(work, event, event.post_id):
        for user_id, cadence in users:
            if cadence != "never" and user_id not in (event.actor_id, event.user_id):
                recipients.setdefault(user_id, Recipient(user_id, kind, cast(Cadence, cadence)))
    return list(recipients.values())


def _of_comment(work: UnitOfWork, event: StoredEvent, post_id: int) -> _Candidates:
    """docs/contracts/astuto.md, section 2.4, and mentions."""
    post, body = work.fetch_one(_POST, id=post_id), work.fetch_value(_COMMENT, id=event.subject_id)
    if post is None or not post["is_public"] or body is None:
        return
    if event.body.get("official"):
        yield "post_update", _fetch_followers(work, post_id, "post_update")
    elif event.body.get("parent_id") is not None:
        parent_author = work.fetch_value(_COMMENT_AUTHOR, id=event.body["parent_id"])
        yield "reply", _fetch_users(work, _USER, "reply", user=parent_author)
    else:
        yield "comment", _fetch_users(work, _FOLLOWER, "comment", user=post["user_id"], post=post_id)
    uuids = find_mentions(body)
    if uuids:
        yield "mention", _fetch_users(work, _MENTIONED, "mention", uuids=uuids)


def _of_status_change(work: UnitOfWork, event: StoredEvent, post_id: int) -> _Candidates:
    post = work.fetch_one(_POST, id=post_id)
    if post is not None and post["is_public"] and event.subject_id is not None:
        yield "status_change", _fetch_followers(work, post_id, "status_change")


def _of_submission(work: UnitOfWork, event: StoredEvent, post_id: int) -> _Candidates:
    if event.body.get("moderation") != "pending":
        yield from _of_publication(work, event, post_id)
        return
    post = work.fetch_one(_POST, id=post_id)
    if post is not None and post["moderation"] == "pending":
        yield "pending_post", _fetch_users(work, _STAFF, "pending_post")


def _of_publication(work: UnitOfWork, event: StoredEvent, post_id: int) -> _Candidates:
    post = work.fetch_one(_POST, id=post_id)
    if post is not None and post["is_public"]:
        yield "new_post", _fetch_users(work, _STAFF, "new_post")


_FINDERS: Final[dict[str, Callable[[UnitOfWork, StoredEvent, int], _Candidates]]] = {
    "comment.written": _of_comment,
    "post.status_changed": _of_status_change,
    "post.submitted": _of_submission,
    "post.approved": _of_publication,
    "post.published": _of_publication,
}


def _fetch_users(work: UnitOfWork, statement: Statement, kind: str, **values: Any) -> Sequence[Row]:
    return work.fetch_all(statement, kind=kind, default=NOTIFICATION_KINDS[kind].default, **values)


def _fetch_followers(work: UnitOfWork, post_id: int, kind: str) -> Iterator[Row]:
    after = 0
    while True:
        rows = _fetch_users(work, _FOLLOWERS, kind, post=post_id, after=after, limit=CHUNK)
        yield from rows
        if len(rows) < CHUNK:
            return
        after = rows[-1][0]
