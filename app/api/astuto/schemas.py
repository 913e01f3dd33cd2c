"""Astuto's resources as Pydantic models, for the document. docs/contracts/astuto.md, section 2."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel


class Id(BaseModel):
    """The id of the row that was written."""

    id: int


class BoardOut(BaseModel):
    id: int
    name: str
    slug: str
    description: str | None
    created_at: datetime
    updated_at: datetime


class StatusOut(BaseModel):
    id: int
    name: str
    color: str
    show_in_roadmap: bool
    created_at: datetime
    updated_at: datetime


class UserOut(BaseModel):
    """`email` is empty for a user without an address; a deleted user has one ending in `@deleted.invalid`."""

    id: int
    email: str
    full_name: str
    created_at: datetime
    updated_at: datetime


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
    """`post_status` is absent if the post has none, and `user` if the post is anonymous."""

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


class CommentOut(BaseModel):
    id: int
    body: str
    post_id: int
    created_at: datetime
    updated_at: datetime
    is_post_update: bool
    user: UserNested


class VoteOut(BaseModel):
    id: int
    post_id: int
    created_at: datetime
    updated_at: datetime
    user: UserNested
