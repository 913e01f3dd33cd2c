"""Serializes Astuto's resources: which columns, in which order, and their names. docs/contracts/astuto.md, section 2.

The order of members is part of the contract. Nested objects come last, and in another order than the same object alone.
"""

from collections.abc import Sequence
from typing import Any, Final

from app.domain.models import Board, Comment, Post, Status, User, Vote
from app.domain.portals.boards import BoardQuery
from app.domain.portals.statuses import StatusQuery
from app.domain.posts.queries import AUTHOR, PostQuery
from app.domain.posts.reply_queries import CommentQuery, VoteQuery
from app.domain.sql.timestamps import Timestamp, format_millis
from app.domain.users.queries import UserQuery
from app.domain.users.users import DELETED_NAME

Payload = dict[str, Any]

_AUTHOR: Final = (User.id, User.email, User.created_at, User.updated_at, User.name, User.deleted_at)

BOARDS: Final = BoardQuery((Board.id, Board.name, Board.slug, Board.description, Board.created_at, Board.updated_at))
STATUSES: Final = StatusQuery(
    (Status.id, Status.name, Status.color, Status.show_in_roadmap, Status.created_at, Status.updated_at)
)
USERS: Final = UserQuery(_AUTHOR, deleted=True)
COMMENTS: Final = CommentQuery(
    (
        Comment.id,
        Comment.body,
        Comment.post_id,
        Comment.created_at,
        Comment.updated_at,
        Comment.official,
        *_AUTHOR,
    ),
    bounded=True,
    internal=False,
)
VOTES: Final = VoteQuery((Vote.id, Vote.post_id, Vote.created_at, Vote.updated_at, *_AUTHOR))
POSTS: Final = PostQuery(
    (
        Post.id,
        Post.title,
        Post.description,
        Post.created_at,
        Post.updated_at,
        Post.slug,
        Post.moderation,
        Board.id,
        Board.name,
        Board.description,
        Board.created_at,
        Board.updated_at,
        Board.slug,
        Status.id,
        Status.name,
        Status.color,
        Status.created_at,
        Status.updated_at,
        Status.show_in_roadmap,
        AUTHOR.id,
        AUTHOR.email,
        AUTHOR.created_at,
        AUTHOR.updated_at,
        AUTHOR.name,
        AUTHOR.deleted_at,
    ),
    bounded=True,
)


def serialize_board(row: Sequence[Any]) -> Payload:
    """A row of BOARDS as a Board object. Section 2.1."""
    board_id, name, slug, description, created_at, updated_at = row
    return {
        "id": board_id,
        "name": name,
        "slug": slug,
        "description": description,
        "created_at": format_millis(created_at),
        "updated_at": format_millis(updated_at),
    }


def serialize_status(row: Sequence[Any]) -> Payload:
    """A row of STATUSES as a PostStatus object. Section 2.2."""
    status_id, name, color, show_in_roadmap, created_at, updated_at = row
    return {
        "id": status_id,
        "name": name,
        "color": color,
        "show_in_roadmap": bool(show_in_roadmap),
        "created_at": format_millis(created_at),
        "updated_at": format_millis(updated_at),
    }


def serialize_post(row: Sequence[Any]) -> Payload:
    """A row of POSTS as a Post object. Section 2.3."""
    (
        post_id, title, description, created_at, updated_at, slug, moderation,
        board_id, board_name, board_description, board_created_at, board_updated_at, board_slug,
        status_id, status_name, color, status_created_at, status_updated_at, show_in_roadmap,
        user_id, email, user_created_at, user_updated_at, full_name, deleted_at,
        *_,
    ) = row  # fmt: skip
    payload: Payload = {
        "id": post_id,
        "title": title,
        "description": description,
        "created_at": format_millis(created_at),
        "updated_at": format_millis(updated_at),
        "slug": slug,
        "approval_status": moderation,
        "board": {
            "id": board_id,
            "name": board_name,
            "description": board_description,
            "created_at": format_millis(board_created_at),
            "updated_at": format_millis(board_updated_at),
            "slug": board_slug,
        },
    }
    if status_id is not None:
        payload["post_status"] = {
            "id": status_id,
            "name": status_name,
            "color": color,
            "created_at": format_millis(status_created_at),
            "updated_at": format_millis(status_updated_at),
            "show_in_roadmap": bool(show_in_roadmap),
        }
    if user_id is not None:
        payload["user"] = serialize_user((user_id, email, user_created_at, user_updated_at, full_name, deleted_at))
    return payload


def serialize_comment(row: Sequence[Any]) -> Payload:
    """A row of COMMENTS as a Comment object. Section 2.4: the parent is never part of it."""
    comment_id, body, post_id, created_at, updated_at, official, *author = row
    return {
        "id": comment_id,
        "body": body,
        "post_id": post_id,
        "created_at": format_millis(created_at),
        "updated_at": format_millis(updated_at),
        "is_post_update": bool(official),
        "user": serialize_user(author),
    }


def serialize_vote(row: Sequence[Any]) -> Payload:
    """A row of VOTES as a Vote object. Section 2.6."""
    vote_id, post_id, created_at, updated_at, *voter = row
    return {
        "id": vote_id,
        "post_id": post_id,
        "created_at": format_millis(created_at),
        "updated_at": format_millis(updated_at),
        "user": serialize_user(voter),
    }


def serialize_user(row: Sequence[Any]) -> Payload:
    """A row of USERS, or the author's columns of another row, as a nested or listed User object. Section 2.5."""
    user_id, email, created_at, updated_at, full_name, deleted_at = row
    return {
        "id": user_id,
        "email": _email(user_id, email, deleted_at),
        "created_at": format_millis(created_at),
        "updated_at": format_millis(updated_at),
        "full_name": full_name if deleted_at is None else DELETED_NAME,
    }


def serialize_single_user(row: Sequence[Any]) -> Payload:
    """A row of USERS as a User object of its own. Section 2.5."""
    payload = serialize_user(row)
    return {name: payload[name] for name in ("id", "email", "full_name", "created_at", "updated_at")}


def _email(user_id: int, email: str | None, deleted_at: Timestamp | None) -> str:
    """The email, or its substitute: a deleted user has its own, so that clients that upsert by email don't collide.

    `POST /users` and `get_by_email` find a deleted user by it.
    """
    if email is not None:
        return email
    return "" if deleted_at is None else f"deleted-{user_id}@deleted.invalid"
