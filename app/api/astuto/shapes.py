"""Astuto's resources on the wire: which columns, in which order, and their names. docs/contracts/astuto.md, section 2.

The order of members is part of the contract. Nested objects come last, and in another order than the same object alone.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel

from app.domain.model import Board, Post, Status
from app.domain.moments import millis
from app.domain.post_views import AUTHOR, PostView

Payload = dict[str, Any]


class Id(BaseModel):
    """Every write answers the id of what it wrote."""

    id: int


class BoardNested(BaseModel):
    id: int
    name: str
    description: str | None
    created_at: datetime
    updated_at: datetime
    slug: str


class StatusNested(BaseModel):
    id: int
    name: str
    color: str
    created_at: datetime
    updated_at: datetime
    show_in_roadmap: bool


class UserNested(BaseModel):
    id: int
    email: str
    created_at: datetime
    updated_at: datetime
    full_name: str


class PostOut(BaseModel):
    """`post_status` is missing when the post has none, `user` when it is anonymous."""

    id: int
    title: str
    description: str | None
    created_at: datetime
    updated_at: datetime
    slug: str
    approval_status: Literal["approved", "pending", "rejected"]
    board: BoardNested
    post_status: StatusNested = None  # type: ignore[assignment]
    user: UserNested = None  # type: ignore[assignment]


POSTS: Final = PostView(
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
    )
)


def post(row: Sequence[Any]) -> Payload:
    """A row of POSTS as a Post object. Section 2.3."""
    (
        post_id, title, description, created_at, updated_at, slug, moderation,
        board_id, board_name, board_description, board_created_at, board_updated_at, board_slug,
        status_id, status_name, color, status_created_at, status_updated_at, show_in_roadmap,
        user_id, email, user_created_at, user_updated_at, full_name,
        *_,
    ) = row  # fmt: skip
    shown: Payload = {
        "id": post_id,
        "title": title,
        "description": description,
        "created_at": millis(created_at),
        "updated_at": millis(updated_at),
        "slug": slug,
        "approval_status": moderation,
        "board": {
            "id": board_id,
            "name": board_name,
            "description": board_description,
            "created_at": millis(board_created_at),
            "updated_at": millis(board_updated_at),
            "slug": board_slug,
        },
    }
    if status_id is not None:
        shown["post_status"] = {
            "id": status_id,
            "name": status_name,
            "color": color,
            "created_at": millis(status_created_at),
            "updated_at": millis(status_updated_at),
            "show_in_roadmap": bool(show_in_roadmap),
        }
    if user_id is not None:
        shown["user"] = user(user_id, email, user_created_at, user_updated_at, full_name)
    return shown


def user(user_id: int, email: str | None, created_at: Any, updated_at: Any, full_name: str) -> Payload:
    """A nested or listed User object. Section 2.5."""
    return {
        "id": user_id,
        "email": address(user_id, email, full_name),
        "created_at": millis(created_at),
        "updated_at": millis(updated_at),
        "full_name": full_name,
    }


def address(user_id: int, email: str | None, full_name: str) -> str:
    """What stands for the address of somebody who has none, so that clients that upsert by address don't collide."""
    if email is not None:
        return email
    return f"deleted-{user_id}@deleted.invalid" if full_name == "[User Deleted]" else ""
