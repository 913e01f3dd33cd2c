"""Path parameters: how they are described and parsed.

An invalid one becomes an id that no row has, so that the look-up raises NotFound.
"""

from typing import Any, Final

from app.api.productlift.field_types import UNKNOWN_ID, UUID_FORM
from app.api.router import path_param

_DESCRIPTIONS: Final = {
    "post": ("string", "The post's six-character code, or its number"),
    "user": ("string", "The user's UUID"),
    "comment": ("integer", "The comment's number"),
    "id": ("integer", "The category's number"),
    "section": ("integer", "The section's number"),
    "status": ("integer", "The status's number"),
    "key": ("string", "The tab's number or its URL key"),
}
PATH_PARAMS: Final[dict[str, dict[str, Any]]] = {
    name: path_param(name, {"type": json_type}, text) for name, (json_type, text) in _DESCRIPTIONS.items()
}
"""By name, as OpenAPI describes them."""


def number(text: str) -> int:
    """The id of a row; `UNKNOWN_ID` for anything but a number, and for one that no row can have."""
    return int(text) if len(text) < 19 and text.isascii() and text.isdigit() else UNKNOWN_ID


def uuid(text: str) -> str:
    """The UUID as it is stored; empty, which no user has, for anything else."""
    return text.lower() if UUID_FORM.fullmatch(text) else ""
