"""ProductLift's resources and error responses as tests expect them."""

from typing import Any

from tests.support.clients import HOST

UNKNOWN_UUID = "00000000-0000-4000-8000-000000000000"
"""A well-formed UUID that no user has."""


def user(
    uuid: str, name: str, email: str = "", *, number: int = 2, role: str = "member", **counters: int
) -> dict[str, Any]:
    """A User, by default the first one after the owner; the counters are `votes=1`, `comments=`, `posts=`."""
    return {
        "id": uuid,
        "name": name,
        "email": email,
        "role": role,
        "counter_votes": counters.get("votes", 0),
        "counter_comments": counters.get("comments", 0),
        "counter_posts": counters.get("posts", 0),
        "counter_comment_votes": 0,
        "database_id": number,
    }


def owner(uuid: str, **counters: int) -> dict[str, Any]:
    """The owner of the first portal."""
    return user(uuid, "Owner", "owner@example.com", number=1, role="admin", **counters)


def deleted(uuid: str) -> dict[str, Any]:
    """A deleted user."""
    return user(uuid, "[User Deleted]")


def post(code: str, slug: str, title: str, *, at: str, day: str, **others: Any) -> dict[str, Any]:
    """A new, anonymous post without a status, with `others` replaced."""
    url = f"{HOST}/p/{slug}-{code}"
    whole = {
        "id": code,
        "uid": f"{code}-uid",
        "title": title,
        "description_short": "",
        "description": "",
        "description_changelog": "",
        "clean_description_changelog": "",
        "image_main": "",
        "votes_count": 0,
        "comments_count": 0,
        "views_count": 0,
        "url": url,
        "url_edit": f"{url}/edit",
        "url_delete": f"{url}/delete",
        "created_at": at,
        "updated_at": at,
        "latest_status_change_at": at,
        "latest_status_change_at_formatted": day,
        "author": None,
        "categories": [],
        "status": None,
        "section_id": None,
        "moderation_status": "approved",
        "conversion": None,
        "prioritization_impact": None,
        "prioritization_confidence": None,
        "prioritization_ease": None,
        "prioritization_reach": None,
        "category": None,
        "tags": [],
    }
    assert others.keys() <= whole.keys()
    return whole | others


def invalid(**errors: str) -> tuple[int, dict[str, Any]]:
    """The status and body of one message for each of these fields."""
    return 422, {"message": "The given data was invalid.", "errors": {name: [text] for name, text in errors.items()}}


def message_error(message: str) -> tuple[int, dict[str, Any]]:
    """The status and body of a rejected request."""
    return 422, {"message": message}


def unknown(model: str, identifier: object) -> tuple[int, dict[str, Any]]:
    """The status and body for an unknown id."""
    return 404, {"message": f"No query results for model [App\\{model}] {identifier}"}


UNKNOWN_TAB = (404, {"message": "No query results for model [App\\Tab]."})
DELETED = (200, {})
"""The status and body of a successful delete."""
