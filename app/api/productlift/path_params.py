"""Parses path parameters. An invalid one becomes an id that no row has, so that the look-up raises NotFound."""

from typing import Final

from app.api.productlift.field_types import UNKNOWN_ID, UUID_FORM
from app.api.router import path_param

POST: Final = path_param("post", {"type": "string"}, "The post's six-character code, or its number")
USER: Final = path_param("user", {"type": "string"}, "The user's UUID")


def number(text: str) -> int:
    """The id of a row; `UNKNOWN_ID` for anything but a number, and for one that no row can have."""
    return int(text) if len(text) < 19 and text.isascii() and text.isdigit() else UNKNOWN_ID


def uuid(text: str) -> str:
    """The UUID as it is stored; empty, which no user has, for anything else."""
    return text.lower() if UUID_FORM.fullmatch(text) else ""
