"""The options that commands share, and the parsers of parameter values. A parser raises typer.BadParameter."""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

import typer

from app.cli.field_errors import describe_problem
from app.domain.errors import ValidationFailed
from app.domain.plain_text import MAX_LINE, parse_line, parse_text
from app.domain.users.emails import MAX_EMAIL, parse_email, parse_known_email
from app.settings.display import shorten_text

MAX_DIGITS: Final = 30
MAX_OFFSET: Final = 2**63 - 1
"""The largest number of both databases."""


class InvalidNumber(typer.BadParameter):
    """A value that is no number, or out of range: shown as a line with the problem and a line with the remedy."""

    def __init__(self, value: str, state: str, remedy: str) -> None:
        super().__init__(f"{shorten_text(value)}: {state}")
        self.remedy = remedy

    def show(self, file: Any = None) -> None:
        """Print the lines to standard error, in place of the usage."""
        option = self.param.opts[0] if self.param is not None else ""
        typer.echo(f"earshot: {option} {self.message}\n  -> {self.remedy}", err=True)


def whole_number(minimum: int, maximum: int) -> Callable[[str | int], int]:
    """A parser of whole numbers in a range, and of the default."""
    remedy = f"write a number from {minimum} to {maximum}"

    def parse(value: str | int) -> int:
        text = str(value)
        if not re.fullmatch("-?[0-9]+", text):
            raise InvalidNumber(text, "must be a whole number", remedy)
        # Python does not convert a text of thousands of digits.
        number = int(text[:MAX_DIGITS])
        if number < minimum:
            raise InvalidNumber(text, f"must be at least {minimum}", remedy)
        if number > maximum:
            raise InvalidNumber(text, f"must be at most {maximum}", remedy)
        return number

    return parse


PortalOption = Annotated[
    str | None,
    typer.Option("--portal", metavar="HOST_OR_ID", help="The portal; needed only where there are several."),
]

UserArgument = Annotated[str, typer.Argument(metavar="USER", help="Address, id or UUID.")]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object, for scripts.")]

LimitOption = Annotated[
    int,
    typer.Option("--limit", parser=whole_number(1, 100_000), metavar="NUMBER", help="At most this many, up to 100000."),
]
OffsetOption = Annotated[
    int, typer.Option("--skip", parser=whole_number(0, MAX_OFFSET), metavar="NUMBER", help="Skip this many first.")
]
PostOption = Annotated[str | None, typer.Option("--post", metavar="POST", help="Only of this post: number or code.")]


def id_argument(plural: str) -> Any:
    """The argument of a command that takes an id from the list of these."""
    return typer.Argument(parser=id_param, metavar="ID", help=f"As `earshot {plural} list` shows it.")


def text_param(max_length: int = MAX_LINE) -> Any:
    """A parser of texts of at most `max_length` characters, trimmed and not blank."""

    return _text_parser(parse_line, max_length)


def long_text_param(max_length: int) -> Any:
    """As `text_param`, for texts that may have several lines."""
    return _text_parser(parse_text, max_length)


def _text_parser(parse_plain: Callable[..., str], max_length: int) -> Callable[[str], str]:
    def parse(value: str) -> str:
        try:
            return parse_plain(value, max_length=max_length)
        except ValidationFailed as failed:
            raise typer.BadParameter(describe_problem(failed.errors[0])) from None

    return parse


def choice_param(choices: Sequence[str]) -> Callable[[str | None], str | None]:
    """A callback that accepts one of the choices, or nothing where the option is left out."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in choices:
            raise typer.BadParameter(f"must be one of {', '.join(choices)}")
        return value

    return check


def email_address(value: str) -> str:
    """Parse an e-mail address."""
    return _parse_address(parse_email, value)


def known_email_address(value: str) -> str:
    """Parse an e-mail address that a user may have through any API."""
    return _parse_address(parse_known_email, value)


def _parse_address(parse: Callable[[str], str], value: str) -> str:
    try:
        return parse(value)
    except ValidationFailed:
        raise typer.BadParameter(
            f"must be an e-mail address such as jane@example.com, of at most {MAX_EMAIL} characters"
        ) from None


def color(value: str) -> str:
    """Parse a color."""
    if not re.fullmatch(r"#(?:[0-9A-Fa-f]{3}){1,2}", value):
        raise typer.BadParameter("must be a color of three or six hexadecimal digits, such as '#0b57c2' or '#06c'")
    return value


def url_key(value: str) -> str:
    """Parse a key that is part of a URL."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,190}", value):
        raise typer.BadParameter("must be letters, digits and dashes, such as feedback")
    return value


def host_name(value: str) -> str:
    """Parse a host as a request names it, without scheme and port, to lower case.

    At most 160 characters: scheme, host, port and the path of the public address fit into a column of 255.
    """
    host = value.strip().lower()
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9._-]{0,158}[a-z0-9])?|\[[0-9a-f:.]+\]", host):
        raise typer.BadParameter("must be a host alone, such as feedback.example.com, of at most 160 characters")
    return host


def id_param(value: str) -> int:
    """Parse an id."""
    if not (value.isascii() and value.isdigit()) or not 0 < int(value[:20]) < 2**63:
        raise typer.BadParameter("must be a number above 0")
    return int(value)
