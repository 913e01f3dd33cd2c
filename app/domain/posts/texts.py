"""The texts that visitors and users write on the pages. The APIs have limits of their own, in their contracts."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from app.domain.errors import FieldError, ValidationFailed
from app.domain.plain_text import parse_line, parse_text
from app.domain.posts.public import MAX_COMMENT, MAX_DESCRIPTION

__all__ = ["MAX_COMMENT", "MAX_DESCRIPTION", "MAX_TITLE", "parse_comment", "parse_post"]

MAX_TITLE: Final = 180
"""Characters."""


def parse_post(title: str, description: str) -> tuple[str, str]:
    """The title on one line, and the description, which may be empty; both trimmed.

    Raises ValidationFailed for `title` (blank, too_long, not_plain) and `description` (too_long, not_plain).
    """
    errors: list[FieldError] = []
    parsed_title = _collect(errors, "title", lambda: parse_line(" ".join(title.split()), max_length=MAX_TITLE))
    parsed_description = ""
    if description.strip():
        parsed_description = _collect(
            errors, "description", lambda: parse_text(_unify_lines(description), max_length=MAX_DESCRIPTION)
        )
    if errors:
        raise ValidationFailed(errors)
    return parsed_title, parsed_description


def parse_comment(body: str) -> str:
    """The text of a comment, trimmed. Raises ValidationFailed for `body` (blank, too_long, not_plain)."""
    errors: list[FieldError] = []
    parsed = _collect(errors, "body", lambda: parse_text(_unify_lines(body), max_length=MAX_COMMENT))
    if errors:
        raise ValidationFailed(errors)
    return parsed


def _collect(errors: list[FieldError], field: str, parse: Callable[[], str]) -> str:
    try:
        return parse()
    except ValidationFailed as failed:
        errors += [replace(error, field=field) for error in failed.errors]
        return ""


def _unify_lines(text: str) -> str:
    """The text with the ends of lines that Markdown and the APIs have; forms send two characters for each."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
