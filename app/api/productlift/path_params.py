"""What the parts of an address name. One that can't name anything names nothing: the look-up then words the 404."""

from typing import Final

from app.api.productlift.field_types import UNKNOWN_ID, UUID_FORM
from app.api.router import path_param

POST: Final = path_param("post", {"type": "string"}, "The post's six-character code, or its number")
USER: Final = path_param("user", {"type": "string"}, "The user's UUID")


def number(text: str) -> int:
    """The id of a row; `UNKNOWN_ID` for what is no number, or one that no row can have."""
    return int(text) if len(text) < 19 and text.isascii() and text.isdigit() else UNKNOWN_ID


def uuid(text: str) -> str:
    """The UUID as it is stored; empty, which nobody has, for what is none."""
    return text.lower() if UUID_FORM.fullmatch(text) else ""
