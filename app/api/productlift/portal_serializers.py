"""Serializes what a portal has besides posts and users. docs/contracts/productlift.md, sections 6 and 9."""

from collections.abc import Sequence
from typing import Any, Final

from app.api.productlift.serializers import USER_COLUMNS, Payload, serialize_user
from app.domain import product_vision
from app.domain.feedback import FeedbackQuery
from app.domain.models import Feedback, Post
from app.domain.portals import colors
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import Row
from app.domain.users import attributes

FEEDBACK: Final = FeedbackQuery(
    (
        Feedback.id,
        Feedback.title,
        Feedback.description,
        Feedback.status,
        Post.code,
        Feedback.created_at,
        Feedback.updated_at,
        *USER_COLUMNS,
    ),
    bounded=True,
)


def serialize_portal(row: Row) -> Payload:
    """A row of `portals.get_current` as a Portal. Sections 6.6 and 9.9."""
    return {
        "guid": row["guid"],
        "title": row["title"],
        "localization": row["locale"],
        "editor_type": "html",
        "invite_message": row["invite_message"],
        "jira_domain_url": None,
        "jira_enabled": False,
    }


def serialize_label(row: Sequence[Any]) -> Payload:
    """A row of `categories.list_all` as a Category, or of `tags.list_all` as a Tag. Sections 6.1 and 9.2."""
    label_id, name, color = row
    return {"id": label_id, "name": name, "color": color}


def serialize_group(row: Sequence[Any]) -> Payload:
    """A row of `groups.list_all` as a Group. Section 9.4."""
    group_id, name, created_at, updated_at = row
    return {
        "id": group_id,
        "name": name,
        "created_at": format_seconds(created_at),
        "updated_at": format_seconds(updated_at),
    }


def serialize_status(row: Sequence[Any]) -> Payload:
    """A row of `statuses.list_all` as a Status. Section 6.2."""
    status_id, name, color, tab_id, tab_name, text_color, *_ = row
    return {
        "id": status_id,
        "name": name,
        "color": color,
        "tab_id": tab_id,
        "tab_name": tab_name,
        "text_color": text_color or colors.text_color_on(color),
    }


def serialize_tab(row: Sequence[Any]) -> Payload:
    """A row of `tabs.list_all` as a Tab. Section 9.7."""
    tab_id, name, url, kind = row
    return {"id": tab_id, "name": name, "url": url, "type": kind}


def serialize_widget(row: Sequence[Any]) -> Payload:
    """A row of `widgets.list_all` as a Widget. Section 9.12."""
    _, uuid, name, kind, *_ = row
    return {"id": uuid, "name": name, "type": kind}


def serialize_section(row: Sequence[Any]) -> Payload:
    """A row of `sections.list_all` as a Section. Section 9.5."""
    section_id, title, tab_id, parent_id = row
    return {"id": section_id, "title": title, "tab_id": tab_id, "parent_id": parent_id}


def serialize_group_name(row: Sequence[Any]) -> Payload:
    """A row of `attributes.list_groups`. Section 9.10."""
    group_id, name, *_ = row
    return {"id": group_id, "name": name}


def serialize_segment_key(name: str) -> Payload:
    """An attribute of users. Section 9.10."""
    kind = "number" if name in attributes.NUMBERS else "string"
    return {"key": name, "label": name.replace("_", " ").capitalize(), "type": kind}


def serialize_feedback(row: Sequence[Any]) -> Payload:
    """A row of FEEDBACK as a Feedback. Section 9.12."""
    feedback_id, title, description, status, post_code, created_at, updated_at, *user = row
    return {
        "id": feedback_id,
        "key": str(feedback_id),
        "title": title,
        "description": description,
        "status": status,
        "user": None if user[0] is None else serialize_user(*user),
        "post_id": post_code,
        "created_at": format_seconds(created_at),
        "updated_at": format_seconds(updated_at),
    }


def serialize_vision(row: Sequence[Any]) -> Payload:
    """A row of `product_vision.find` as a ProductVision. Section 9.12."""
    *texts, updated_at = row
    return {
        # A portal has at most one.
        "id": 1,
        **dict(zip(product_vision.TEXTS, texts, strict=True)),
        "updated_at": format_seconds(updated_at),
    }
