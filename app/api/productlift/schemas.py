"""ProductLift's resources as Pydantic models, for the document: names, types, what may be null.

docs/contracts/productlift.md, section 6. `serializers.py` makes them from rows; FastAPI only reads these.
"""

from datetime import datetime
from functools import cache
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field, create_model


@cache
def data_of(resource: type[BaseModel]) -> type[BaseModel]:
    """The response with one resource: `CategoryData`."""
    return create_model(f"{resource.__name__}Data", data=(resource, ...))


@cache
def list_of(resource: type[BaseModel]) -> type[BaseModel]:
    """The response with a list of resources: `CategoryList`."""
    return create_model(f"{resource.__name__}List", data=(list[resource], ...))  # type: ignore[valid-type]


@cache
def page_of(resource: type[BaseModel]) -> type[BaseModel]:
    """The response with a page of resources: `PostPage`."""
    return create_model(
        f"{resource.__name__}Page",
        data=(list[resource], ...),  # type: ignore[valid-type]
        hasMore=(bool, ...),
        total=(int, ...),
        skip=(int, ...),
        limit=(int, ...),
    )


class Category(BaseModel):
    id: int
    name: str
    color: str


class StatusShort(BaseModel):
    """A status within a post."""

    id: int
    name: str
    color: str
    tab_name: str


class Status(BaseModel):
    id: int
    name: str
    color: str
    tab_id: int
    tab_name: str
    text_color: str


class Tab(BaseModel):
    id: int
    name: str
    url: str
    type: Literal["feedback", "roadmap", "changelog", "knowledgebase"]


class TabWithStatuses(Tab):
    statuses: list[Status]


class TabData(BaseModel):
    data: TabWithStatuses


class Section(BaseModel):
    id: int
    title: str
    tab_id: int
    parent_id: int | None


class Portal(BaseModel):
    guid: UUID
    title: str
    localization: str


class User(BaseModel):
    id: UUID
    name: str
    email: str
    role: Literal["admin", "member"]
    counter_votes: int
    counter_comments: int
    counter_posts: int
    counter_comment_votes: int


class Post(BaseModel):
    id: str
    uid: str
    title: str
    description_short: str
    description: str
    description_changelog: str
    clean_description_changelog: str
    image_main: str = Field(
        description="Absolute URL, or an empty string. The URL of a pending or rejected post expires after some hours."
    )
    votes_count: int
    comments_count: int
    views_count: int
    url: str
    url_edit: str
    url_delete: str
    created_at: datetime
    updated_at: datetime
    latest_status_change_at: datetime
    latest_status_change_at_formatted: str
    author: User | None
    categories: list[Category]
    status: StatusShort | None
    section_id: int | None
    moderation_status: Literal["approved", "pending", "rejected"]
    conversion: float | None
    prioritization_impact: int | None
    prioritization_confidence: int | None
    prioritization_ease: int | None
    prioritization_reach: int | None


class Duplicate(BaseModel):
    id: str
    title: str
    description: str


class Duplicates(BaseModel):
    """Possible duplicates. The response has no `data` wrapper."""

    count: int
    posts: list[Duplicate]


class Vote(BaseModel):
    id: int
    created_at: datetime
    voter: User | None


class Comment(BaseModel):
    id: int
    comment: str
    author: User
    pinned_to_top: bool
    tagged_for_changelog: bool
    parent_id: int | None
    created_at: datetime
    updated_at: datetime
    url: str


class Moderated(BaseModel):
    id: str
    type: Literal["post"]
    status: Literal["pending", "rejected"]
    title: str


class Decision(BaseModel):
    id: str
    type: Literal["post"]
    status: Literal["approved", "rejected"]
    message: str


class Nothing(BaseModel):
    """The response of a successful delete: `{}`."""
