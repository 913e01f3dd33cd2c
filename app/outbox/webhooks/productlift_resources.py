"""The resources of ProductLift's webhook calls, as its API serializes them.

A post or comment that has been deleted since is read from the event of its deletion.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import orjson

from app.api.productlift.portal_serializers import serialize_portal
from app.api.productlift.post_links import PostLinks
from app.api.productlift.serializers import (
    COMMENTS,
    POSTS,
    USER_COLUMNS,
    serialize_comment,
    serialize_post,
    serialize_user,
)
from app.domain.errors import NotFound
from app.domain.events import StoredEvent
from app.domain.models import User
from app.domain.portals import portals
from app.domain.sql.timestamps import Timestamp, format_micros, parse_json_time
from app.domain.unit_of_work import UnitOfWork
from app.domain.users.queries import UserQuery
from app.domain.webhooks import deletions

Resource: TypeAlias = dict[str, Any]

_USERS: Final = UserQuery((User.id, *USER_COLUMNS), deleted=True)
_NOBODY: Final[Sequence[Any]] = (None,) * len(USER_COLUMNS)


class Gone(Exception):
    """The resource was deleted, and its deletion does not contain it: the portal had no webhook then."""


def load_portal(work: UnitOfWork) -> tuple[Resource, bool]:
    """The portal, section 6.6, and whether it is private."""
    row = portals.get_current(work)
    return serialize_portal(row), bool(row["is_private"])


def load_user(work: UnitOfWork, user_id: int | None) -> Resource | None:
    """A user, also a deleted one; None for nobody. Section 6.3."""
    columns = _user_columns(work, user_id)
    return None if columns[0] is None else serialize_user(*columns)


def load_post(work: UnitOfWork, event: StoredEvent, links: PostLinks) -> Resource:
    """The post of the event. Section 6.4. Raises Gone."""
    post_id = event.post_id
    assert post_id is not None
    if event.kind == "post.deleted":
        return _serialize_deleted_post(work, post_id, event.user_id, event.body, links)
    try:
        return serialize_post(POSTS.by_id(work, post_id), links)
    except NotFound:
        deletion = deletions.find_deleted_post(work, post_id, after=event.id)
    if deletion is None:
        raise Gone
    author_id, body = deletion
    return _serialize_deleted_post(work, post_id, author_id, orjson.loads(body), links)


def serialize_vote(vote_id: int, *, created_at: Timestamp, voter: Resource | None) -> Resource:
    """A vote, whether it still exists or not. Unlike in the API, its time has microseconds."""
    return {"id": vote_id, "created_at": format_micros(created_at), "voter": voter}


def load_comment(work: UnitOfWork, event: StoredEvent, post: Resource) -> Resource:
    """The comment of the event on its post. Section 9.1. Raises Gone."""
    comment_id = event.subject_id
    assert comment_id is not None
    if event.kind == "comment.deleted":
        return _serialize_deleted_comment(work, comment_id, event.user_id, event.body, post)
    try:
        return serialize_comment(COMMENTS.by_id(work, comment_id), post["url"])
    except NotFound:
        deletion = deletions.find_deleted_comment(work, comment_id, after=event.id)
    if deletion is None:
        # It went with its post or with the comment that it replied to.
        raise Gone
    author_id, body = deletion
    return _serialize_deleted_comment(work, comment_id, author_id, orjson.loads(body), post)


def _user_columns(work: UnitOfWork, user_id: int | None) -> Sequence[Any]:
    """The USER_COLUMNS of a user; all None for nobody."""
    rows = [] if user_id is None else _USERS.by_ids(work, [user_id])
    return tuple(rows[0])[1:] if rows else _NOBODY


def _serialize_deleted_post(
    work: UnitOfWork,
    post_id: int,
    author_id: int | None,
    body: Mapping[str, Any],
    links: PostLinks,
) -> Resource:
    snapshot = body.get("snapshot")
    if snapshot is None:
        raise Gone
    row = (
        post_id, body["code"], body["slug"], body["title"],
        *(snapshot[name] for name in ("description_short", "description", "changelog", "image", "is_public")),
        *(snapshot[name] for name in ("votes_count", "comments_count", "views_count")),
        *(parse_json_time(snapshot[name]) for name in ("created_at", "updated_at", "status_changed_at")),
        *_user_columns(work, author_id),
        snapshot["categories"],
        body["status_id"], *(snapshot[name] for name in ("status_name", "status_color", "tab_name")),
        *(snapshot[name] for name in ("section_id", "moderation", "conversion")),
        *(snapshot[name] for name in ("impact", "confidence", "ease", "reach", "tags")),
    )  # fmt: skip
    return serialize_post(row, links)


def _serialize_deleted_comment(
    work: UnitOfWork, comment_id: int, author_id: int | None, body: Mapping[str, Any], post: Resource
) -> Resource:
    snapshot = body.get("snapshot")
    if snapshot is None:
        raise Gone
    row = (
        comment_id,
        None,
        *(snapshot[name] for name in ("body", "pinned", "official", "parent_id")),
        *(parse_json_time(snapshot[name]) for name in ("created_at", "updated_at")),
        False,
        *_user_columns(work, author_id),
    )
    return serialize_comment(row, post["url"])
