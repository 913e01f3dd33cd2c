"""Astuto's resources as Pydantic models, for the document. docs/contracts/astuto.md, section 2.

Their names are those of Astuto's own document, so that generated clients keep theirs. Within a post, comment or vote
the members of a resource have another order, which JSON does not define.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

CreatedAt = Annotated[datetime, Field(description="When it was created, in UTC with milliseconds")]
UpdatedAt = Annotated[datetime, Field(description="When it was last changed, in UTC with milliseconds")]


class Id(BaseModel):
    """The id of the row that was written."""

    id: int = Field(description="The number of the row")


class Board(BaseModel):
    id: int = Field(description="The board's number")
    name: str = Field(description="The name, unique in the portal")
    slug: str = Field(description="The name in URLs")
    description: str | None = Field(description="What the board is for")
    created_at: CreatedAt
    updated_at: UpdatedAt


class PostStatus(BaseModel):
    id: int = Field(description="The status's number")
    name: str = Field(description="The name, unique in the portal")
    color: str = Field(description="The color as `#rgb` or `#rrggbb`")
    show_in_roadmap: bool = Field(description="Whether posts with this status are on the roadmap")
    created_at: CreatedAt
    updated_at: UpdatedAt


class User(BaseModel):
    id: int = Field(description="The user's number")
    email: str = Field(
        description="Empty for a user without an address; that of a deleted user ends in `@deleted.invalid`"
    )
    full_name: str = Field(description="The name that is shown beside posts and comments")
    created_at: CreatedAt
    updated_at: UpdatedAt


class Post(BaseModel):
    id: int = Field(description="The post's number")
    title: str = Field(description="The title")
    description: str | None = Field(description="The text in Markdown")
    created_at: CreatedAt
    updated_at: UpdatedAt
    slug: str = Field(description="The title in URLs, unique in the portal")
    approval_status: Literal["approved", "pending", "rejected"] = Field(
        description="Whether visitors can see the post: only if it is approved"
    )
    board: Board = Field(description="The board of the post")
    post_status: PostStatus = Field(None, description="The status; absent if the post has none")  # type: ignore[assignment]
    user: User = Field(None, description="The author; absent if the post is anonymous")  # type: ignore[assignment]


class Comment(BaseModel):
    id: int = Field(description="The comment's number")
    body: str = Field(description="The text in Markdown")
    post_id: int = Field(description="The post that the comment is on")
    created_at: CreatedAt
    updated_at: UpdatedAt
    is_post_update: bool = Field(description="Whether it is an update by the team")
    user: User = Field(description="The author")


class Vote(BaseModel):
    id: int = Field(description="The vote's number")
    post_id: int = Field(description="The post that the vote is for")
    created_at: CreatedAt
    updated_at: UpdatedAt
    user: User = Field(description="The voter")
