"""What the event of a deletion keeps of the post or comment, for webhook calls, which are made afterwards.

A portal without webhooks keeps nothing, so that no text outlives its post there.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from sqlalchemy import case, literal_column, select

from app.domain.models import Comment, Post, Status, Tab, Webhook
from app.domain.posts.publishing import IS_PUBLIC
from app.domain.posts.queries import CATEGORIES
from app.domain.posts.tagged_queries import TAGS
from app.domain.sql.json_objects import json_object
from app.domain.sql.statement import PORTAL_ID, Column

_HAS_WEBHOOKS: Final = select(Webhook.id).where(Webhook.portal_id == PORTAL_ID).exists()
_TEXT: Final[Column] = literal_column("''")

POST_COLUMNS: Final[Mapping[str, Column]] = {
    "description_short": Post.description_short,
    "description": Post.description,
    "changelog": Post.changelog,
    "image": Post.image,
    "is_public": IS_PUBLIC,
    "votes_count": Post.votes_count,
    "comments_count": Post.comments_count,
    "views_count": Post.views_count,
    "created_at": Post.created_at,
    "updated_at": Post.updated_at,
    "status_changed_at": Post.status_changed_at,
    # SQLite would otherwise insert them as JSON, PostgreSQL as text.
    "categories": CATEGORIES.concat(_TEXT),
    "status_name": Status.name,
    "status_color": Status.color,
    "tab_name": Tab.name,
    "section_id": Post.section_id,
    "moderation": Post.moderation,
    "conversion": Post.conversion,
    "impact": Post.impact,
    "confidence": Post.confidence,
    "ease": Post.ease,
    "reach": Post.reach,
    "tags": TAGS.concat(_TEXT),
}
"""A snapshot of a post, besides what each post.deleted has. Its author is looked up, because a user is never erased."""

POST_SNAPSHOT: Final = case((_HAS_WEBHOOKS, json_object(POST_COLUMNS)))
"""JSON with the POST_COLUMNS; null without webhooks. The statement must join the status and its tab."""

COMMENT_SNAPSHOT: Final = case(
    (
        _HAS_WEBHOOKS,
        json_object(
            {
                "body": Comment.body,
                "pinned": Comment.pinned,
                "official": Comment.official,
                "parent_id": Comment.parent_id,
                "created_at": Comment.created_at,
                "updated_at": Comment.updated_at,
            }
        ),
    )
)
"""JSON with these columns; null without webhooks."""


def parse_snapshot(text: str | None) -> dict[str, Any] | None:
    """A snapshot as a part of the body of an event."""
    snapshot: dict[str, Any] | None = None if text is None else orjson.loads(text)
    return snapshot
