"""ProductLift's resources on the wire: which columns, in which order. docs/contracts/productlift.md, section 6."""

import html
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

from orjson import Fragment
from pydantic import BaseModel

from app.domain.model import Post, Status, Tab
from app.domain.moments import day, seconds
from app.domain.people import DELETED_NAME
from app.domain.post_views import AUTHOR, CATEGORIES, PostView
from app.domain.votes import CastVote

Payload = dict[str, Any]

_TAG: Final = re.compile(r"<[^>]*>")

ROLES: Final = {"owner": "admin", "admin": "admin", "moderator": "member", "user": "member"}


class CategoryOut(BaseModel):
    id: int
    name: str
    color: str


class StatusShort(BaseModel):
    id: int
    name: str
    color: str
    tab_name: str


class UserOut(BaseModel):
    id: str
    name: str
    email: str
    role: Literal["admin", "member"]
    counter_votes: int
    counter_comments: int
    counter_posts: int
    counter_comment_votes: int


class PostOut(BaseModel):
    id: str
    uid: str
    title: str
    description_short: str
    description: str
    description_changelog: str
    clean_description_changelog: str
    image_main: str
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
    author: UserOut | None
    categories: list[CategoryOut]
    status: StatusShort | None
    section_id: int | None
    moderation_status: Literal["approved", "pending", "rejected"]
    conversion: float | None
    prioritization_impact: int | None
    prioritization_confidence: int | None
    prioritization_ease: int | None
    prioritization_reach: int | None


class PostData(BaseModel):
    data: PostOut


class PostPage(BaseModel):
    data: list[PostOut]
    hasMore: bool
    total: int
    skip: int
    limit: int


class VoteOut(BaseModel):
    id: int
    created_at: datetime
    voter: UserOut | None


class VoteData(BaseModel):
    data: VoteOut


AUTHOR_COLUMNS: Final = (
    AUTHOR.uuid,
    AUTHOR.name,
    AUTHOR.email,
    AUTHOR.role,
    AUTHOR.votes_count,
    AUTHOR.comments_count,
    AUTHOR.posts_count,
    AUTHOR.deleted_at,
)

POSTS: Final = PostView(
    (
        Post.id,
        Post.code,
        Post.slug,
        Post.title,
        Post.description_short,
        Post.description,
        Post.changelog,
        Post.image,
        Post.votes_count,
        Post.comments_count,
        Post.views_count,
        Post.created_at,
        Post.updated_at,
        Post.status_changed_at,
        *AUTHOR_COLUMNS,
        CATEGORIES,
        Status.id,
        Status.name,
        Status.color,
        Tab.name,
        Post.section_id,
        Post.moderation,
        Post.conversion,
        Post.impact,
        Post.confidence,
        Post.ease,
        Post.reach,
    )
)


def post(row: Sequence[Any], base_url: str) -> Payload:
    """A row of POSTS as a Post. Section 6.4."""
    (
        _, code, slug, title, short, description, changelog, image, votes, comments, views,
        created_at, updated_at, status_changed_at,
        uuid, name, email, role, cast_votes, written_comments, written_posts, deleted_at,
        categories, status_id, status_name, color, tab_name,
        section_id, moderation, conversion, impact, confidence, ease, reach,
        *_rest,
    ) = row  # fmt: skip
    url = f"{base_url}/p/{slug}-{code}"
    author = None
    if uuid is not None:
        author = user(uuid, name, email, role, cast_votes, written_comments, written_posts, deleted_at)
    return {
        "id": code,
        "uid": f"{code}-uid",
        "title": title,
        "description_short": short,
        "description": description or "",
        "description_changelog": changelog,
        "clean_description_changelog": plain(changelog) if changelog else "",
        "image_main": f"{base_url}/files/{image}" if image else "",
        "votes_count": votes,
        "comments_count": comments,
        "views_count": views,
        "url": url,
        "url_edit": f"{url}/edit",
        "url_delete": f"{url}/delete",
        "created_at": seconds(created_at),
        "updated_at": seconds(updated_at),
        "latest_status_change_at": seconds(status_changed_at),
        "latest_status_change_at_formatted": day(status_changed_at),
        "author": author,
        "categories": Fragment(categories),
        "status": None
        if status_id is None
        else {"id": status_id, "name": status_name, "color": color, "tab_name": tab_name},
        "section_id": section_id,
        "moderation_status": moderation,
        "conversion": conversion,
        "prioritization_impact": impact,
        "prioritization_confidence": confidence,
        "prioritization_ease": ease,
        "prioritization_reach": reach,
    }


def plain(text: str) -> str:
    """A text without its markup."""
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())


def vote(row: Sequence[Any]) -> Payload:
    """A row of `votes.SHOWN` as a Vote. Section 6.5."""
    vote_id, created_at, *voter = row
    return {"id": vote_id, "created_at": seconds(created_at), "voter": user(*voter)}


def fresh_vote(cast: CastVote, now: datetime) -> Payload:
    """A vote just cast; its voter has one more than when he was looked up."""
    uuid, name, email, role, votes, comments, posts, deleted_at = cast.voter
    voter = user(uuid, name, email, role, votes + 1, comments, posts, deleted_at)
    return {"id": cast.id, "created_at": seconds(now), "voter": voter}


def user(
    uuid: str, name: str, email: str | None, role: str, votes: int, comments: int, posts: int, deleted_at: Any
) -> Payload:
    """A User. Section 6.3; a deleted one keeps only its UUID (section 11.9)."""
    if deleted_at is not None:
        return {
            "id": uuid,
            "name": DELETED_NAME,
            "email": "",
            "role": "member",
            "counter_votes": 0,
            "counter_comments": 0,
            "counter_posts": 0,
            "counter_comment_votes": 0,
        }
    return {
        "id": uuid,
        "name": name,
        "email": email or "",
        "role": ROLES[role],
        "counter_votes": votes,
        "counter_comments": comments,
        "counter_posts": posts,
        "counter_comment_votes": 0,
    }
