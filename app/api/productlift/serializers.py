"""Serializes ProductLift's resources: which columns, in which order. docs/contracts/productlift.md, section 6."""

import html
import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import orjson
from orjson import Fragment

from app.api.productlift.post_links import PostLinks
from app.domain.models import Comment, Post, Status, Tab, User, Vote
from app.domain.posts.create import CreatedPost, NewPost
from app.domain.posts.public import post_url as post_url
from app.domain.posts.public import public_name
from app.domain.posts.publishing import IS_PUBLIC
from app.domain.posts.queries import AUTHOR, CATEGORIES, PostQuery
from app.domain.posts.reply_queries import CommentQuery, VoteQuery
from app.domain.posts.single_statement import USER_SUMMARY_COLUMNS
from app.domain.posts.tagged_queries import TaggedPostQuery
from app.domain.posts.votes import CreatedVote
from app.domain.sql.timestamps import format_day, format_seconds
from app.domain.users.queries import UserQuery
from app.domain.users.users import DELETED_NAME

Payload = dict[str, Any]

_TAG: Final = re.compile(r"<[^>]*>")

ROLES: Final = {"owner": "admin", "admin": "admin", "moderator": "member", "user": "member"}

AUTHOR_COLUMNS: Final = (
    AUTHOR.uuid,
    AUTHOR.name,
    AUTHOR.email,
    AUTHOR.role,
    AUTHOR.votes_count,
    AUTHOR.comments_count,
    AUTHOR.posts_count,
    AUTHOR.deleted_at,
    AUTHOR.id,
)
USER_COLUMNS: Final = (*USER_SUMMARY_COLUMNS, User.id)

POSTS: Final = TaggedPostQuery(
    (
        Post.id,
        Post.code,
        Post.slug,
        Post.title,
        Post.description_short,
        Post.description,
        Post.changelog,
        Post.image,
        IS_PUBLIC.label("is_public"),
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
    ),
    bounded=True,
)

POST_IDS: Final = PostQuery((Post.id,))
POST_CODES: Final = PostQuery((Post.id, Post.code))
VOTE_COUNTS: Final = PostQuery((Post.id, Post.votes_count))
DUPLICATES: Final = PostQuery((Post.id, Post.code, Post.title, Post.description), bounded=True)

USERS: Final = UserQuery((User.id, *USER_COLUMNS), deleted=False)
VOTES: Final = VoteQuery((Vote.id, Vote.created_at, *USER_COLUMNS), anonymous=True)
COMMENTS: Final = CommentQuery(
    (
        Comment.id,
        Comment.post_id,
        Comment.body,
        Comment.pinned,
        Comment.official,
        Comment.parent_id,
        Comment.created_at,
        Comment.updated_at,
        Comment.internal,
        *USER_COLUMNS,
    ),
    bounded=True,
    internal=True,
)


def serialize_post(row: Sequence[Any], links: PostLinks) -> Payload:
    """A row of POSTS as a Post. Section 6.4."""
    (
        _, code, slug, title, short, description, changelog, image, is_public, votes, comments, views,
        created_at, updated_at, status_changed_at,
        uuid, name, email, role, user_votes, user_comments, user_posts, deleted_at, user_id,
        categories, status_id, status_name, color, tab_name,
        section_id, moderation, conversion, impact, confidence, ease, reach, tags,
        *_rest,
    ) = row  # fmt: skip
    author = None
    if uuid is not None:
        author = serialize_user(uuid, name, email, role, user_votes, user_comments, user_posts, deleted_at, user_id)
    url = post_url(slug, code, links.base_url)
    all_categories, category = _with_first(categories)
    return {
        "id": code,
        "uid": f"{code}-uid",
        "title": title,
        "description_short": short,
        "description": description or "",
        "description_changelog": changelog,
        "clean_description_changelog": strip_tags(changelog) if changelog else "",
        "image_main": links.image(image, is_public=is_public) if image else "",
        "votes_count": votes,
        "comments_count": comments,
        "views_count": views,
        "url": url,
        "url_edit": f"{url}/edit",
        "url_delete": f"{url}/delete",
        "created_at": format_seconds(created_at),
        "updated_at": format_seconds(updated_at),
        "latest_status_change_at": format_seconds(status_changed_at),
        "latest_status_change_at_formatted": format_day(status_changed_at),
        "author": author,
        "categories": all_categories,
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
        "category": category,
        "tags": Fragment(tags) if tags else _EMPTY,
    }


_EMPTY: Final = Fragment("[]")


# Some texts may be long, so that few are cached.
@lru_cache(256)
def _with_first(array: str | bytes) -> tuple[Fragment, Fragment | None]:
    """A JSON array, and its first object or None. Cached, because the posts of a portal have few combinations."""
    objects = orjson.loads(array)
    return Fragment(array), Fragment(orjson.dumps(objects[0])) if objects else None


PUBLIC_MEMBERS: Final = (
    "id",
    "uid",
    "title",
    "description_short",
    "description",
    "description_changelog",
    "clean_description_changelog",
    "image_main",
    "votes_count",
    "comments_count",
    "views_count",
    "url",
    "created_at",
    "updated_at",
    "latest_status_change_at",
    "latest_status_change_at_formatted",
    "author",
    "categories",
    "status",
    "section_id",
    "moderation_status",
    "category",
)
"""The members of a Post that the public JSON has. A new member is not public until it is named here."""


def serialize_public_post(row: Sequence[Any], links: PostLinks) -> Payload:
    """A row of POSTS for everybody, without what is for the team, and without e-mail addresses. Section 9.13."""
    post = serialize_post(row, links)
    author = post["author"]
    if author is not None:
        post["author"] = {"id": author["id"], "name": public_name(author["name"])}
    return {name: post[name] for name in PUBLIC_MEMBERS}


def serialize_created_post(new_post: NewPost, created: CreatedPost, now: datetime, links: PostLinks) -> Payload:
    """A created post, as reading it would return it; the author's count was read before the post was counted."""
    uuid, name, email, role, votes, comments, posts, deleted_at = created.author
    category_id, category_name, color = created.category
    categories = [] if category_id is None else [{"id": category_id, "name": category_name, "color": color}]
    return serialize_post(
        (
            created.id, created.code, created.slug, new_post.title, created.excerpt, new_post.description, "",
            None, False, 0, 0, 0, now, now, now,
            uuid, name, email, role, votes, comments, posts + 1, deleted_at, created.author_id,
            orjson.dumps(categories), *created.status,
            created.section_id, created.moderation, None, None, None, None, None, None,
        ),
        links,
    )  # fmt: skip


def strip_tags(text: str) -> str:
    """A text without its markup."""
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())


def serialize_vote(row: Sequence[Any]) -> Payload:
    """A row of VOTES as a Vote. Section 6.5."""
    vote_id, created_at, *voter = row
    # An anonymous vote has no voter.
    is_anonymous = voter[0] is None
    return {
        "id": vote_id,
        "created_at": format_seconds(created_at),
        "voter": None if is_anonymous else serialize_user(*voter),
    }


def serialize_created_vote(cast: CreatedVote, now: datetime) -> Payload:
    """A created vote; the voter's count was read before the vote was counted."""
    uuid, name, email, role, votes, comments, posts, deleted_at = cast.voter
    voter = serialize_user(uuid, name, email, role, votes + 1, comments, posts, deleted_at, cast.voter_id)
    return {"id": cast.id, "created_at": format_seconds(now), "voter": voter}


def serialize_created_anonymous_vote(vote_id: int, now: datetime) -> Payload:
    """A created anonymous vote. Section 9.3."""
    return {"id": vote_id, "created_at": format_seconds(now), "voter": None}


def serialize_user(
    uuid: str,
    name: str,
    email: str | None,
    role: str,
    votes: int,
    comments: int,
    posts: int,
    deleted_at: Any,
    database_id: int,
) -> Payload:
    """A User: USER_COLUMNS. Section 6.3; a deleted one keeps only its UUID and number (section 11.9)."""
    if deleted_at is not None:
        name, email, role, votes, comments, posts = DELETED_NAME, "", "user", 0, 0, 0
    return {
        "id": uuid,
        "name": name,
        "email": email or "",
        "role": ROLES[role],
        "counter_votes": votes,
        "counter_comments": comments,
        "counter_posts": posts,
        "counter_comment_votes": 0,
        "database_id": database_id,
    }


def serialize_comment(row: Sequence[Any], post_url: str) -> Payload:
    """A row of COMMENTS as a Comment. Section 9.1."""
    comment_id, _, body, pinned, official, parent_id, created_at, updated_at, internal, *author = row
    return {
        "id": comment_id,
        "comment": body,
        "author": serialize_user(*author),
        "pinned_to_top": bool(pinned),
        "tagged_for_changelog": bool(official),
        "parent_id": parent_id,
        "created_at": format_seconds(created_at),
        "updated_at": format_seconds(updated_at),
        "url": f"{post_url}#comment-{comment_id}",
        "internal": bool(internal),
    }
