"""The items of notifications and digests: what may still be shown of a post, a comment or a status change."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Integer, and_, bindparam, func, select
from sqlalchemy.orm import aliased

from app.domain.models import Comment, Follow, NotificationChoice, Post, Status, User
from app.domain.notifications.choices import is_staff
from app.domain.notifications.content import Item
from app.domain.notifications.content import Post as ItemPost
from app.domain.notifications.kinds import NOTIFICATION_KINDS
from app.domain.notifications.mentions import expand_mentions
from app.domain.posts.public import post_url, public_name
from app.domain.posts.publishing import IS_PUBLIC
from app.domain.posts.queries import AUTHOR
from app.domain.sql.json_rows import BIGINT, TEXT, encode_rows, json_column, json_rows
from app.domain.sql.statement import PORTAL_ID, Statement, in_portal_unindexed
from app.domain.unit_of_work import Row, UnitOfWork

_ABOUT_COMMENTS: Final = frozenset({"post_update", "comment", "reply", "mention"})
_FOR_FOLLOWERS: Final = frozenset({"post_update", "status_change", "comment"})


class ItemKey(NamedTuple):
    """A notification: its kind, its post, and the comment or status that it is about."""

    kind: str
    post_id: int
    subject_id: int | None


_entries = json_rows("rows").table_valued("value", name="entries")
_entry = _entries.c.value
_number, _kind = json_column(_entry, 0, BIGINT), json_column(_entry, 1, TEXT)
_post_id, _subject_id = json_column(_entry, 2, BIGINT), json_column(_entry, 3, BIGINT)
_user_id = bindparam("user", type_=BIGINT)
_writer = aliased(User, name="writer")
_max_text = bindparam("max_text", type_=Integer)

_ITEMS: Final = Statement(
    select(
        _number.label("number"),
        Post.slug,
        Post.code,
        Post.title,
        Post.moderation,
        IS_PUBLIC.label("is_public"),
        AUTHOR.name.label("author"),
        func.substr(Post.description, 1, _max_text).label("description"),
        Comment.id.label("comment_id"),
        func.substr(Comment.body, 1, _max_text).label("comment"),
        _writer.name.label("writer"),
        Status.name.label("status"),
        Status.color,
        NotificationChoice.cadence,
        Follow.user_id.label("follower"),
    )
    .select_from(_entries)
    .join(Post, Post.id == _post_id)
    .outerjoin(AUTHOR, AUTHOR.id == Post.user_id)
    .outerjoin(Comment, and_(Comment.id == _subject_id, Comment.post_id == Post.id, Comment.internal.is_(False)))
    .outerjoin(_writer, _writer.id == Comment.user_id)
    .outerjoin(Status, and_(Status.id == _subject_id, Status.portal_id == PORTAL_ID))
    .outerjoin(NotificationChoice, and_(NotificationChoice.user_id == _user_id, NotificationChoice.kind == _kind))
    .outerjoin(Follow, and_(Follow.post_id == Post.id, Follow.user_id == _user_id))
    .where(in_portal_unindexed(Post))
)


def load_items(
    work: UnitOfWork, keys: Sequence[ItemKey], *, user_id: int, role: str, base_url: str, max_text: int
) -> list[Item | str]:
    """For each notification what its recipient may see, or the reason why that is nothing any more.

    A text of more than `max_text` characters is cut off.
    """
    rows = encode_rows([(number, *key) for number, key in enumerate(keys)])
    found = {row["number"]: row for row in work.fetch_all(_ITEMS, rows=rows, user=user_id, max_text=max_text + 1)}
    items: list[Item | str] = []
    for number, key in enumerate(keys):
        row = found.get(number)
        reason = "the post was deleted" if row is None else _find_obstacle(row, key, role)
        items.append(_item(work, row, key, base_url, max_text) if row is not None and reason is None else str(reason))
    return items


def _find_obstacle(row: Row, key: ItemKey, role: str) -> str | None:
    """Why the recipient must not get the notification; None if there is no reason."""
    kind = NOTIFICATION_KINDS[key.kind]
    if kind.staff and not is_staff(role):
        return "the recipient is not a moderator, administrator or owner any more"
    if (row["cadence"] or kind.default) == "never":
        return "the recipient refused this kind of notification"
    if kind.name == "pending_post":
        return None if row["moderation"] == "pending" else "the post does not wait for approval any more"
    if not row["is_public"]:
        return "visitors can not see the post"
    if kind.name in _FOR_FOLLOWERS and row["follower"] is None:
        return "the recipient does not follow the post any more"
    if kind.name in _ABOUT_COMMENTS and row["comment_id"] is None:
        return "the comment was deleted"
    if kind.name == "status_change" and row["status"] is None:
        return "the status was deleted"
    return None


def _item(work: UnitOfWork, row: Row, key: ItemKey, base_url: str, max_text: int) -> Item:
    post = ItemPost(key.post_id, row["title"], post_url(row["slug"], row["code"], base_url))
    if key.kind == "status_change":
        return Item(key.kind, post, None, status=(row["status"], row["color"]))
    is_comment = key.kind in _ABOUT_COMMENTS
    text, author = (row["comment"], row["writer"]) if is_comment else (row["description"], row["author"])
    if text and len(text) > max_text:
        text = text[:max_text].rstrip() + "…"
    return Item(
        kind=key.kind,
        post=post,
        author=None if author is None else public_name(author),
        text=expand_mentions(work, text) if text and is_comment else text or None,
        comment_id=row["comment_id"] if is_comment else None,
    )
