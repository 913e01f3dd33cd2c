"""The options that commands share, and the parsers of their values."""

import re
from typing import Annotated, Any, Final

import typer

from app.cli.output import CONTROL_CHARACTERS

PortalOption = Annotated[
    str | None,
    typer.Option("--portal", metavar="HOST_OR_ID", help="The portal; needed only where there are several."),
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object, for scripts.")]

MAX_NAME: Final = 255


def text_param(most: int = MAX_NAME) -> Any:
    """A parser of texts that a column of `most` characters holds, trimmed and not blank."""

    def parse(value: str) -> str:
        text = value.strip()
        if not text:
            raise typer.BadParameter("must not be blank")
        if len(text) > most:
            raise typer.BadParameter(f"must have at most {most} characters")
        if CONTROL_CHARACTERS.search(text) or any("\ud800" <= letter <= "\udfff" for letter in text):
            raise typer.BadParameter("must be plain text")
        return text

    return parse


def color(value: str) -> str:
    """A parser of colors."""
    if not re.fullmatch(r"#(?:[0-9A-Fa-f]{3}){1,2}", value):
        raise typer.BadParameter("must be such as #0096ff")
    return value


def url_key(value: str) -> str:
    """A parser of the keys that stand in addresses."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,190}", value):
        raise typer.BadParameter("must be letters, digits and dashes, such as feedback")
    return value


def host_name(value: str) -> str:
    """A parser of hosts, as they stand in a request: lower case, no scheme, no port.

    With scheme, port and the path of the public address, a link's beginning fits into its column of 255.
    """
    host = value.strip().lower()
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9._-]{0,158}[a-z0-9])?|\[[0-9a-f:.]+\]", host):
        raise typer.BadParameter("must be a host alone, such as feedback.example.com, of at most 160 characters")
    return host


def id_param(value: str) -> int:
    """A parser of ids."""
    if not (value.isascii() and value.isdigit()) or not 0 < int(value[:20]) < 2**63:
        raise typer.BadParameter("must be a number above 0")
    return int(value)
