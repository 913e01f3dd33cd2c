"""ProductLift's resources as Pydantic models, for the document: names, types, what may be null.

docs/contracts/productlift.md, section 6. `serializers.py` makes them from rows; FastAPI only reads these.
"""

from datetime import datetime
from functools import cache
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, create_model

from app.adapters.storage.signed_urls import MIN_HOURS

Color = Annotated[str, Field(description="The color as `#rgb` or `#rrggbb`")]
CreatedAt = Annotated[datetime, Field(description="When it was created, in UTC")]
UpdatedAt = Annotated[datetime, Field(description="When it was last changed, in UTC")]
Code = Annotated[str, Field(description="The post's six-character code")]


@cache
def data_of(resource: type[BaseModel]) -> type[BaseModel]:
    """The response with one resource: `CategoryData`."""
    return create_model(f"{resource.__name__}Data", data=(resource, Field(description="The resource")))


@cache
def list_of(resource: type[BaseModel]) -> type[BaseModel]:
    """The response with a list of resources: `CategoryList`."""
    return create_model(
        f"{resource.__name__}List",
        data=(list[resource], Field(description="All resources")),  # type: ignore[valid-type]
    )


@cache
def page_of(resource: type[BaseModel]) -> type[BaseModel]:
    """The response with a page of resources: `PostPage`."""
    return create_model(
        f"{resource.__name__}Page",
        data=(list[resource], Field(description="The resources on this page")),  # type: ignore[valid-type]
        hasMore=(bool, Field(description="Whether there are more rows after this page")),
        total=(int, Field(description="The number of rows on all pages")),
        skip=(int, Field(description="The number of rows before this page")),
        limit=(int, Field(description="The maximum number of rows on a page")),
    )


class Category(BaseModel):
    id: int = Field(description="The category's number")
    name: str = Field(description="The name, unique in the portal")
    color: Color


class Tag(BaseModel):
    id: int = Field(description="The tag's number")
    name: str = Field(description="The name, unique in the portal")
    color: Color


class StatusShort(BaseModel):
    """A status within a post."""

    id: int = Field(description="The status's number")
    name: str = Field(description="The name, unique in the portal")
    color: Color
    tab_name: str = Field(description="The name of the tab that shows posts with this status")


class Status(BaseModel):
    id: int = Field(description="The status's number")
    name: str = Field(description="The name, unique in the portal")
    color: Color
    tab_id: int = Field(description="The tab that shows posts with this status")
    tab_name: str = Field(description="The name of this tab")
    text_color: str = Field(description="The color of text on `color`, as `#rrggbb`")


class Tab(BaseModel):
    id: int = Field(description="The tab's number")
    name: str = Field(description="The name")
    url: str = Field(description="The name in URLs, unique in the portal")
    type: Literal["feedback", "roadmap", "changelog", "knowledgebase"] = Field(description="The purpose of the tab")


class TabWithStatuses(Tab):
    statuses: list[Status] = Field(description="The statuses whose posts the tab shows")


class TabData(BaseModel):
    data: TabWithStatuses = Field(description="The resource")


class Section(BaseModel):
    id: int = Field(description="The section's number")
    title: str = Field(description="The title")
    tab_id: int = Field(description="The tab that shows the section")
    parent_id: int | None = Field(description="The section that contains it; null at the root")


class Widget(BaseModel):
    id: UUID = Field(description="The widget's UUID, which the HTML of a page contains")
    name: str = Field(description="The name, for the team")
    type: Literal["widget", "sidebar", "embed"] = Field(
        description="Whether it opens over the page (`widget`), at its side (`sidebar`), or is part of it (`embed`)"
    )


class Portal(BaseModel):
    guid: UUID = Field(description="The portal's UUID")
    title: str = Field(description="The title")
    localization: str = Field(description="The language code, such as `en`")
    editor_type: Literal["html"] = Field(description="Always `html`, for compatibility")
    invite_message: str | None = Field(description="The default text of an invitation; null if there is none")
    jira_domain_url: None = Field(description="Always null, because there is no connection to Jira")
    jira_enabled: Literal[False] = Field(description="Always false, because there is no connection to Jira")


class User(BaseModel):
    id: UUID = Field(description="The user's UUID")
    name: str = Field(description="The name that is shown beside posts and comments")
    email: str = Field(description="The e-mail address; empty for a user without one and for a deleted user")
    role: Literal["admin", "member"] = Field(description="Whether the user belongs to the team (`admin`) or not")
    counter_votes: int = Field(description="The number of the user's votes")
    counter_comments: int = Field(description="The number of the user's comments")
    counter_posts: int = Field(description="The number of the user's posts")
    counter_comment_votes: int = Field(description="Always 0, because comments have no votes")
    database_id: int = Field(description="The user's number, which the other API uses")


class Post(BaseModel):
    id: Code
    uid: str = Field(description="Another unique text for the post")
    title: str = Field(description="The title")
    description_short: str = Field(description="The beginning of the description, without markup")
    description: str = Field(description="The text in Markdown; empty if there is none")
    description_changelog: str = Field(description="The text for the changelog; empty if there is none")
    clean_description_changelog: str = Field(description="The text for the changelog, without markup")
    image_main: str = Field(
        description="Absolute URL, or an empty string. The URL of a post that visitors can't see expires after "
        f"{MIN_HOURS} to {MIN_HOURS + 1} hours."
    )
    votes_count: int = Field(description="The number of votes")
    comments_count: int = Field(description="The number of comments that are not internal")
    views_count: int = Field(description="The number of views of the post's page")
    url: str = Field(description="The address of the post's page")
    url_edit: str = Field(description="The address for editing the post; it redirects to the page")
    url_delete: str = Field(description="The address for deleting the post; it redirects to the page")
    created_at: CreatedAt
    updated_at: UpdatedAt
    latest_status_change_at: datetime = Field(description="When the status last changed, in UTC; at first `created_at`")
    latest_status_change_at_formatted: str = Field(description="The day of this time, such as `16 May 2023`")
    author: User | None = Field(description="The author; null if the post is anonymous")
    categories: list[Category] = Field(description="The categories of the post")
    status: StatusShort | None = Field(description="The status; null if the post has none")
    section_id: int | None = Field(description="The section; null if the post is in none")
    moderation_status: Literal["approved", "pending", "rejected"] = Field(
        description="Whether visitors can see the post: only if it is approved, and not unpublished"
    )
    conversion: float | None = Field(description="A rate for prioritization; null if it is not set")
    prioritization_impact: int | None = Field(description="The impact for prioritization; null if it is not set")
    prioritization_confidence: int | None = Field(
        description="The confidence for prioritization; null if it is not set"
    )
    prioritization_ease: int | None = Field(description="The ease for prioritization; null if it is not set")
    prioritization_reach: int | None = Field(description="The reach for prioritization; null if it is not set")
    category: Category | None = Field(description="The first of `categories`; null if there is none")
    tags: list[Tag] = Field(description="The tags of the post, for the team only")


class Group(BaseModel):
    id: int = Field(description="The group's number")
    name: str = Field(description="The name, unique in the portal")
    created_at: CreatedAt
    updated_at: UpdatedAt


class Membership(BaseModel):
    """A user is, or is no longer, a member of a group. The response has no `data` wrapper."""

    success: Literal[True] = Field(description="Always true")
    group: str = Field(description="The group's number, as text")
    user: UUID = Field(description="The user's UUID")


class Duplicate(BaseModel):
    id: Code
    title: str = Field(description="The title")
    description: str = Field(description="The text in Markdown; empty if there is none")


class Duplicates(BaseModel):
    """Possible duplicates. The response has no `data` wrapper."""

    count: int = Field(description="The number of posts in `posts`")
    posts: list[Duplicate] = Field(description="The possible duplicates, the best match first")


class Vote(BaseModel):
    id: int = Field(description="The vote's number")
    created_at: CreatedAt
    voter: User | None = Field(description="The voter; null if the vote is anonymous")


class Comment(BaseModel):
    id: int = Field(description="The comment's number")
    comment: str = Field(description="The text in Markdown")
    author: User = Field(description="The author")
    pinned_to_top: bool = Field(description="Whether the comment is above all others")
    tagged_for_changelog: bool = Field(description="Whether the comment is an official update")
    parent_id: int | None = Field(description="The comment that this one replies to; null at the root")
    created_at: CreatedAt
    updated_at: UpdatedAt
    url: str = Field(description="The address of the comment on the post's page")
    internal: bool = Field(description="Whether only the team can see the comment")


class Moderated(BaseModel):
    id: Code
    type: Literal["post"] = Field(description="The type of the record")
    status: Literal["pending", "rejected"] = Field(description="The moderation state")
    title: str = Field(description="The title")


class Decision(BaseModel):
    id: Code
    type: Literal["post"] = Field(description="The type of the record")
    status: Literal["approved", "rejected"] = Field(description="The new moderation state")
    message: str = Field(description="The same in English")


class GroupName(BaseModel):
    id: int = Field(description="The group's number")
    name: str = Field(description="The name, unique in the portal")


class PlanType(BaseModel):
    id: str = Field(description="The plan, the same as `name`")
    name: str = Field(description="The plan")


class SegmentKey(BaseModel):
    key: str = Field(description="The name of the attribute")
    label: str = Field(description="The name in words")
    type: Literal["string", "number"] = Field(description="The type of the attribute's values")


class BulkResult(BaseModel):
    """The result of a change of several users. The response has no `data` wrapper."""

    success: Literal[True] = Field(description="Always true")
    count: int = Field(description="The number of users that were changed")
    message: str = Field(description="The same in English")


class Feedback(BaseModel):
    id: int = Field(description="The number of the feedback")
    key: str = Field(description="The same number as text")
    title: str = Field(description="The title")
    description: str = Field(description="The text; empty if there is none")
    status: Literal["new", "reviewed", "archived"] = Field(description="What the team has done with it")
    user: User | None = Field(description="The user who gave it; null if there is none")
    post_id: str | None = Field(description="The code of the post that it is about; null if there is none")
    created_at: CreatedAt
    updated_at: UpdatedAt


class ProductVision(BaseModel):
    """The texts are empty until they are set."""

    id: int = Field(description="Always 1, because a portal has at most one product vision")
    title: str = Field(description="The title")
    content: str = Field(description="The whole as one text")
    vision: str = Field(description="The vision statement")
    target_group: str = Field(description="Who the product is for")
    needs: str = Field(description="What these users need")
    product: str = Field(description="What the product is")
    business_goals: str = Field(description="What the product is to achieve for the business")
    updated_at: UpdatedAt


class ProductVisionData(BaseModel):
    data: ProductVision | None = Field(description="The product vision; null if there is none")


class Publication(BaseModel):
    id: Code
    key: str = Field(description="The same code")
    published: bool = Field(description="Whether visitors can see the post once it is approved")


class Nothing(BaseModel):
    """The response of a successful delete: `{}`."""
