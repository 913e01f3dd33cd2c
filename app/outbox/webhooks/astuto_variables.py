"""The variables of Astuto's webhook templates. docs/contracts/astuto.md, section 3.5.

The names and the formats of members are those of the resources of Astuto's API. What has been deleted since the event
is read from the event of its deletion.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import orjson

from app.api.astuto.serializers import (
    BOARDS,
    COMMENTS,
    POSTS,
    STATUSES,
    USERS,
    serialize_board,
    serialize_comment,
    serialize_post,
    serialize_single_user,
    serialize_status,
)
from app.domain.errors import NotFound
from app.domain.events import StoredEvent
from app.domain.models import User
from app.domain.portals import portals
from app.domain.posts.queries import AUTHOR, PostQuery
from app.domain.posts.reply_queries import CommentQuery
from app.domain.sql.timestamps import format_millis, parse_json_time
from app.domain.unit_of_work import UnitOfWork
from app.domain.users.queries import UserQuery
from app.domain.webhooks import deletions

Variables: TypeAlias = dict[str, Any]

NO_STATUS: Final = {"name": "None", "color": "#000000"}
"""The status of a post whose status was removed."""

_USERS: Final = UserQuery((*USERS.columns, User.role, User.blocked_at), deleted=True)
_POSTS: Final = PostQuery((*POSTS.columns, AUTHOR.role, AUTHOR.blocked_at))
_COMMENTS: Final = CommentQuery((*COMMENTS.columns, User.role, User.blocked_at))

_USER_COLUMNS: Final = len(_USERS.columns)
_BOARD_MEMBERS: Final = ("id", "name", "description", "slug", "created_at", "updated_at")
_STATUS_MEMBERS: Final = ("id", "name", "color", "show_in_roadmap", "created_at", "updated_at")


class Gone(Exception):
    """What the event is about was deleted, and nothing has kept what a template needs of it."""


def load_tenant(work: UnitOfWork) -> Variables:
    """The portal."""
    portal = portals.get_current(work)
    return {"site_name": portal["title"], "subdomain": None, "custom_domain": portal["host"]}


def load_variables(work: UnitOfWork, event: StoredEvent, trigger: str) -> Variables:
    """The variables of a trigger, except `tenant`. Raises Gone."""
    if trigger == "delete_post":
        return {"post": {"id": event.post_id}}
    if trigger == "new_user":
        return {"user": load_user(work, event.user_id)}
    if trigger == "new_vote":
        return {"vote_author": load_user(work, event.user_id), **_load_post(work, event)}
    if trigger == "new_comment":
        return {**_load_comment(work, event), **_load_post(work, event)}
    post = _load_post(work, event)
    if trigger == "post_status_change":
        return {**post, "post_status": _load_status(work, event.body)}
    return post


def load_user(work: UnitOfWork, user_id: int | None) -> Variables | None:
    """A user, also a deleted one; None for nobody."""
    rows = [] if user_id is None else _USERS.by_ids(work, [user_id])
    return _serialize_user(rows[0]) if rows else None


def load_post(work: UnitOfWork, post_id: int, *, base_url: str) -> Variables:
    """The variables `post`, `post_author` and `board` of a post. Raises NotFound."""
    row = tuple(_POSTS.by_id(work, post_id))
    resource, author = serialize_post(row), row[-_USER_COLUMNS:]
    return {
        "post": _make_post(resource, resource["board"]["id"], author[0], base_url),
        "post_author": None if author[0] is None else _serialize_user(author),
        "board": {name: resource["board"][name] for name in _BOARD_MEMBERS},
    }


def load_comment(work: UnitOfWork, comment_id: int) -> Variables:
    """The variables `comment` and `comment_author` of a public comment. Raises NotFound."""
    row = tuple(_COMMENTS.by_id(work, comment_id))
    author = row[-_USER_COLUMNS:]
    return {
        "comment": _make_comment(serialize_comment(row[:-2]), author[0]),
        "comment_author": _serialize_user(author),
    }


def make_board(row: Sequence[Any]) -> Variables:
    """The variable `board` of a row of BOARDS."""
    board = serialize_board(row)
    return {name: board[name] for name in _BOARD_MEMBERS}


def load_statuses(work: UnitOfWork) -> list[Variables]:
    """The statuses of the portal, by id."""
    statuses = map(serialize_status, STATUSES.all(work))
    return [{name: status[name] for name in _STATUS_MEMBERS} for status in statuses]


def _load_post(work: UnitOfWork, event: StoredEvent) -> Variables:
    assert event.post_id is not None
    try:
        return load_post(work, event.post_id, base_url=event.request_base_url)
    except NotFound:
        deletion = deletions.find_deleted_post(work, event.post_id, after=event.id)
    if deletion is None:
        raise Gone
    author_id, text = deletion
    body = orjson.loads(text)
    board = _load_board(work, body["board_id"])
    resource = {"id": event.post_id, "title": body["title"], "slug": body["slug"], **_snapshot(body)}
    return {
        "post": _make_post(resource, board["id"], author_id, event.request_base_url),
        "post_author": load_user(work, author_id),
        "board": board,
    }


def _load_comment(work: UnitOfWork, event: StoredEvent) -> Variables:
    assert event.subject_id is not None
    try:
        return load_comment(work, event.subject_id)
    except NotFound:
        deletion = deletions.find_deleted_comment(work, event.subject_id, after=event.id)
    if deletion is None:
        # It went with its post, or with the comment that it replied to.
        raise Gone
    resource = {"id": event.subject_id, "post_id": event.post_id, **_snapshot(orjson.loads(deletion[1]))}
    return {
        "comment": _make_comment(resource, event.user_id),
        "comment_author": load_user(work, event.user_id),
    }


def _load_board(work: UnitOfWork, board_id: int) -> Variables:
    try:
        return make_board(BOARDS.by_id(work, board_id))
    except NotFound:
        raise Gone from None


def _load_status(work: UnitOfWork, body: Mapping[str, Any]) -> Variables:
    """The status that the post was given, whatever it has now."""
    status_id = body["new_status_id"]
    if status_id is None:
        return NO_STATUS
    for status in load_statuses(work):
        if status["id"] == status_id:
            return status
    kept = body.get("new_status")
    if kept is None:
        raise Gone
    return {name: kept[name] for name in ("id", "name", "color")}


def _snapshot(body: Mapping[str, Any]) -> Variables:
    """What the event of a deletion has kept, with times as the API writes them. Raises Gone."""
    snapshot = body.get("snapshot")
    if snapshot is None:
        raise Gone
    times = {name: format_millis(parse_json_time(snapshot[name])) for name in ("created_at", "updated_at")}
    return {**snapshot, **times}


def _make_post(resource: Mapping[str, Any], board_id: int, user_id: int | None, base_url: str) -> Variables:
    return {
        "id": resource["id"],
        "title": resource["title"],
        "description": resource["description"],
        "slug": resource["slug"],
        "board_id": board_id,
        "user_id": user_id,
        "created_at": resource["created_at"],
        "updated_at": resource["updated_at"],
        "url": f"{base_url}/posts/{resource['slug']}",
    }


def _make_comment(resource: Mapping[str, Any], user_id: int | None) -> Variables:
    return {
        "id": resource["id"],
        "body": resource["body"],
        "user_id": user_id,
        "post_id": resource["post_id"],
        "created_at": resource["created_at"],
        "updated_at": resource["updated_at"],
    }


def _serialize_user(row: Sequence[Any]) -> Variables:
    *columns, role, blocked_at = row
    resource = serialize_single_user(columns)
    deleted_at = columns[-1]
    return {
        "id": resource["id"],
        "email": resource["email"],
        "full_name": resource["full_name"],
        "role": role,
        "status": "deleted" if deleted_at is not None else "active" if blocked_at is None else "blocked",
        "created_at": resource["created_at"],
        "updated_at": resource["updated_at"],
    }
