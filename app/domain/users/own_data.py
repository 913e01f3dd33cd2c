"""The data of a user as the user may take it along."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Select, bindparam, case, literal_column, or_, select

from app.domain.models import (
    ApiKey,
    Attachment,
    Board,
    Comment,
    Feedback,
    Follow,
    Identity,
    IdentityProvider,
    NotificationChoice,
    Passkey,
    Post,
    Session,
    Status,
    User,
    Vote,
)
from app.domain.permissions import Permission
from app.domain.posts.publishing import IS_PUBLIC
from app.domain.sql.statement import Statement, in_portal_unindexed, row_in_portal
from app.domain.sql.timestamps import format_micros
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users.attributes import PERSONAL_ATTRIBUTES

CHUNK: Final = 200
"""Rows that one statement reads."""
MAX_CHARACTERS: Final = 20_000_000
"""The texts of an export, after which it ends."""

_PROFILE_NAMES: Final = (
    "uuid", "email", "name", "role", "locale", "picture", "created_at", "email_confirmed_at", "notifications_enabled",
    "recap", "posts_count", "votes_count", "comments_count", *PERSONAL_ATTRIBUTES,
)  # fmt: skip
_PROFILE: Final = Statement(
    select(*(getattr(User, name) for name in _PROFILE_NAMES)).where(row_in_portal(User), User.deleted_at.is_(None))
)
_user: Final = bindparam("user", type_=BigInteger)
# The user may have voted for a post that is hidden by now.
_TITLE: Final = case((or_(IS_PUBLIC, Post.user_id == _user), Post.title))


def _of_user(table: Any, *columns: Any, key: Any) -> Select[Any]:
    """Columns of the user's rows, in the order of the key, the first column, after the parameter `after`."""
    rows = select(key.label("key"), *columns).select_from(table)
    mine = (in_portal_unindexed(table), table.user_id == _user, key > bindparam("after"))
    return rows.where(*mine).order_by(key).limit(literal_column(str(CHUNK)))


def _with_post(rows: Select[Any], post_id: Any) -> Select[Any]:
    return rows.join(Post, Post.id == post_id)


_POST_CODE: Final = Post.code.label("post")
_FILES: Final = (
    select(
        Attachment.id.label("key"), _POST_CODE, Attachment.kind, Attachment.name, Attachment.original_name,
        Attachment.media_type, Attachment.size, Attachment.created_at,
    )
    .join(Post, Post.id == Attachment.post_id)
    .where(in_portal_unindexed(Attachment), Post.user_id == _user, Attachment.id > bindparam("after"))
    .order_by(Attachment.id)
    .limit(literal_column(str(CHUNK)))
)  # fmt: skip
"""The pictures and attachments of the user's posts."""
_PARTS: Final[Mapping[str, Statement]] = {
    "posts": Statement(
        _of_user(
            Post, Post.code, Post.title, Post.description, Board.name.label("board"), Status.name.label("status"),
            Post.moderation, Post.published, Post.votes_count, Post.created_at, Post.updated_at, key=Post.id,
        )
        .join(Board, Board.id == Post.board_id)
        .outerjoin(Status, Status.id == Post.status_id)
    ),
    "files": Statement(_FILES),
    "votes": Statement(
        _with_post(_of_user(Vote, _POST_CODE, _TITLE.label("title"), Vote.created_at, key=Vote.id), Vote.post_id)
    ),
    "comments": Statement(
        _with_post(
            _of_user(
                Comment, _POST_CODE, _TITLE.label("title"), Comment.body, Comment.official, Comment.internal,
                Comment.created_at, Comment.updated_at, key=Comment.id,
            ),
            Comment.post_id,
        )
    ),
    "feedback": Statement(
        _of_user(
            Feedback, Feedback.title, Feedback.description, Feedback.status, _POST_CODE, Feedback.created_at,
            Feedback.updated_at, key=Feedback.id,
        ).outerjoin(Post, Post.id == Feedback.post_id)
    ),
    "follows": Statement(
        _with_post(
            _of_user(Follow, _POST_CODE, _TITLE.label("title"), Follow.created_at, key=Follow.post_id), Follow.post_id
        )
    ),
    "sessions": Statement(
        _of_user(
            Session, Session.method, Session.user_agent, Session.created_at, Session.last_used_at, Session.expires_at,
            key=Session.id,
        )
    ),
    "passkeys": Statement(
        _of_user(Passkey, Passkey.name, Passkey.created_at, Passkey.last_used_at, key=Passkey.id)
    ),
    "identities": Statement(
        _of_user(
            Identity, IdentityProvider.name.label("provider"), Identity.subject, Identity.created_at,
            Identity.last_used_at, key=Identity.id,
        ).join(IdentityProvider, IdentityProvider.id == Identity.provider_id)
    ),
    "api_keys": Statement(
        _of_user(
            ApiKey, ApiKey.dialect, ApiKey.prefix, ApiKey.name, ApiKey.created_at, ApiKey.last_used_at,
            ApiKey.expires_at, ApiKey.revoked_at, key=ApiKey.id,
        )
    ),
}  # fmt: skip
"""The lists, each with its key first, which is not exported. None has a secret or a digest."""
_CHOICES: Final = Statement(
    select(NotificationChoice.kind, NotificationChoice.cadence)
    .where(in_portal_unindexed(NotificationChoice), NotificationChoice.user_id == _user)
    .order_by(NotificationChoice.kind)
)
_TIMES: Final = ("created_at", "updated_at", "last_used_at", "expires_at", "revoked_at", "email_confirmed_at")
_FLAGS: Final = ("published", "official", "internal", "notifications_enabled")


def export_own_data(work: UnitOfWork, user_id: int) -> dict[str, Any]:
    """The data of a user, ready for JSON: `profile`, the lists of `posts`, `votes` and so on, and `is_complete`.

    Of the picture and the files it has the names under which they are stored.

    After MAX_CHARACTERS of texts the rest is left out, and `is_complete` is false. May take long. Raises Forbidden,
    NotFound("user") also for a deleted user.
    """
    work.authorize(Permission.MANAGE_ACCOUNT, of_user=user_id)
    profile = _export_row(work.require_row(_PROFILE, "user", user_id, id=user_id))
    choices = [_export_row(row) for row in work.fetch_all(_CHOICES, user=user_id)]
    data: dict[str, Any] = {"profile": profile, "notification_choices": choices, **{name: [] for name in _PARTS}}
    characters = 0
    for name, row in _read_all(work, user_id):
        characters += sum(len(value) for value in row.values() if isinstance(value, str))
        if characters > MAX_CHARACTERS:
            return data | {"is_complete": False}
        data[name].append(row)
    return data | {"is_complete": True}


def _read_all(work: UnitOfWork, user_id: int) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, statement in _PARTS.items():
        after = 0
        while True:
            rows = work.fetch_all(statement, user=user_id, after=after)
            for row in rows:
                exported = _export_row(row)
                after = exported.pop("key")
                yield name, exported
            if len(rows) < CHUNK:
                break


def _export_row(row: Row) -> dict[str, Any]:
    return {name: _export_value(name, row[name]) for name in row.keys()}  # type: ignore[attr-defined]  # noqa: SIM118


def _export_value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _TIMES or isinstance(value, datetime):
        return format_micros(value)
    return bool(value) if name in _FLAGS else value
