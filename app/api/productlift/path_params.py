"""Path parameters: how they are described and parsed.

An invalid one becomes an id that no row has, so that the look-up raises NotFound.
"""

from typing import Any, Final
from urllib.parse import unquote_to_bytes

from app.api.productlift.field_types import UNKNOWN_ID, UUID_FORM
from app.api.router import path_param
from app.domain.posts.anonymous_votes import MAX_ANONYMOUS_ID

EXAMPLE_USER: Final = "5d2f6a0e-7c1b-4e53-9a48-3b60c9d1e7f2"
"""The UUID that one user of the sample portal has."""
EXAMPLE_WIDGET: Final = "8c1f0b7e-2d64-4f0a-b1c9-7e35a6d2f418"
"""The UUID that the widget of the sample portal has."""

_POST: Final = "The post's six-character code, or its number"
_UUID: Final = "The user's UUID"
PATH_PARAMS: Final[dict[str, dict[str, Any]]] = {
    "posts/post": path_param("post", {"type": "string"}, _POST, example="1"),
    "posts/user": path_param("user", {"type": "string"}, _UUID, example=EXAMPLE_USER),
    "posts/anonymous_id": path_param(
        "anonymous_id",
        {"type": "string", "minLength": 1, "maxLength": MAX_ANONYMOUS_ID},
        "What the client calls the voter: any text, which is compared byte for byte",
        example="visitor-417",
    ),
    "posts/comment": path_param("comment", {"type": "integer"}, "The comment's number", example=3),
    "users/user": path_param("user", {"type": "string"}, _UUID, example=EXAMPLE_USER),
    "categories/id": path_param("id", {"type": "integer"}, "The category's number", example=1),
    "tags/tag": path_param("tag", {"type": "integer"}, "The tag's number", example=1),
    "groups/group": path_param("group", {"type": "integer"}, "The group's number", example=1),
    "groups/user": path_param("user", {"type": "string"}, _UUID, example=EXAMPLE_USER),
    "sections/section": path_param("section", {"type": "integer"}, "The section's number", example=1),
    "statuses/status": path_param("status", {"type": "integer"}, "The status's number", example=2),
    "tabs/key": path_param("key", {"type": "string"}, "The tab's number or its URL key", example="roadmap"),
    "feedback/id": path_param("id", {"type": "integer"}, "The number of the feedback", example=1),
    "widgets/widget": path_param("widget", {"type": "string"}, "The widget's UUID", example=EXAMPLE_WIDGET),
    "moderation/type": path_param(
        "type",
        {"type": "string", "enum": ["post"]},
        "The type of the record; only posts have a moderation state",
        example="post",
    ),
    "moderation/id": path_param("id", {"type": "string"}, _POST, example="1"),
}
"""See `DialectRouter.path_params`."""


def number(text: str) -> int:
    """The id of a row; `UNKNOWN_ID` for anything but a number, and for one that no row can have."""
    return int(text) if len(text) < 19 and text.isascii() and text.isdigit() else UNKNOWN_ID


def uuid(text: str) -> str:
    """The UUID as it is stored; empty, which no row has, for anything else."""
    return text.lower() if UUID_FORM.fullmatch(text) else ""


def is_text(segment: str, raw_path: bytes) -> bool:
    """Whether a segment of the path can be stored: it has no NUL, and all of the path is UTF-8.

    `segment` is decoded and has a replacement character for each invalid byte, so that different texts would be equal.
    """
    if "\0" in segment:
        return False
    if "\ufffd" not in segment:
        return True
    try:
        unquote_to_bytes(raw_path).decode()
    except UnicodeDecodeError:
        return False
    return True
