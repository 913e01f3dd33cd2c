"""Checks the file `.env`. pydantic-settings reads it, and would ignore lines that can't be parsed."""

from pathlib import Path
from typing import Final

from dotenv.parser import Binding, parse_stream

from app.settings.errors import InvalidSettings, reason
from app.settings.names import PREFIX

ENV_FILE: Final = ".env"


def check_env_file() -> None:
    """Check that the current directory exists, and that each line of its `.env` can be parsed.

    Other programs may use the file too: a variable of theirs may stand without a value, a setting may not.
    Raises InvalidSettings with the path and the line.
    """
    try:
        path = Path.cwd() / ENV_FILE
    except FileNotFoundError:
        raise InvalidSettings(
            "the current directory does not exist any more", "change to a directory that exists, and try again"
        ) from None
    try:
        # Not a named pipe, which may have its text only once.
        if not path.is_file():
            return
        with path.open(encoding="utf-8") as file:
            malformed = next((binding for binding in parse_stream(file) if not _is_well_formed(binding)), None)
    except (OSError, UnicodeDecodeError) as error:
        raise describe_unreadable_file(path, error) from None
    if malformed is not None:
        # Without the text of the line, which may be a secret.
        raise InvalidSettings(
            f"line {_line_number(malformed)} of the file {path} is not of the form NAME=value",
            "write it such as EARSHOT_PORT=8000, with each quotation mark closed, or put a # before a comment",
        )


def describe_unreadable_file(path: Path, error: OSError | UnicodeDecodeError) -> InvalidSettings:
    """The error of a file `.env` that is not readable, or not text in UTF-8."""
    return InvalidSettings(
        f"the file {path} can't be read ({reason(error)})",
        "make it a text file that this user can read, or move it away",
    )


def _is_well_formed(binding: Binding) -> bool:
    has_no_value = binding.key is not None and binding.value is None
    return not binding.error and not (has_no_value and str(binding.key).upper().startswith(PREFIX))


def _line_number(binding: Binding) -> int:
    """The first line of a statement. The parser counts the blank lines before it as its own."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
