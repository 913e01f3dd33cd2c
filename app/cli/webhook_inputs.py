"""What the commands of webhooks read: options, standard input and files."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import orjson
import typer

from app.cli.errors import CommandError
from app.cli.params import choice_param, text_param
from app.domain.models.outbox import SIGNATURE_ENCODINGS, WEBHOOK_METHODS
from app.domain.models.portals import DIALECTS
from app.domain.unset import UNSET
from app.domain.webhooks.endpoints import EndpointSettings
from app.domain.webhooks.validation import MAX_BODY, MAX_DESCRIPTION, MAX_SECRET, MAX_URL

if TYPE_CHECKING:
    from app.adapters.outbound_addresses import Network

MAX_HEADERS_JSON: Final = 128 * 1024

DialectOption = Annotated[
    str,
    typer.Option(
        "--dialect", callback=choice_param(DIALECTS), metavar="|".join(DIALECTS), help="The format of the calls."
    ),
]
UrlOption = Annotated[str | None, typer.Option("--url", metavar="URL", help="The address to call.")]
UrlStdinOption = Annotated[
    bool, typer.Option("--url-stdin", help="Read the address from standard input, if it contains a key.")
]
EventsOption = Annotated[
    list[str] | None,
    typer.Option("--event", metavar="EVENT", help="Call it for this event only; repeat it for more. Default: all."),
]
DescriptionOption = Annotated[
    str | None,
    typer.Option(
        "--description", parser=text_param(MAX_DESCRIPTION), metavar="TEXT", help="Its name, which no other one has."
    ),
]
SecretStdinOption = Annotated[
    bool,
    typer.Option("--secret-stdin", help="Read its own secret from standard input. Default: the secret of the portal."),
]
SignatureHeaderOption = Annotated[
    str | None,
    typer.Option("--signature-header", metavar="NAME", help="ProductLift: the header of the signature [Signature]."),
]
SignatureEncodingOption = Annotated[
    str | None,
    typer.Option(
        "--signature-encoding",
        callback=choice_param(SIGNATURE_ENCODINGS),
        metavar="|".join(SIGNATURE_ENCODINGS),
        help="ProductLift: the form of the signature [hex].",
    ),
]
MethodOption = Annotated[
    str | None,
    typer.Option(
        "--method",
        callback=choice_param(WEBHOOK_METHODS),
        metavar="|".join(WEBHOOK_METHODS),
        help="Astuto: the method of the calls [POST].",
    ),
]
HeadersOption = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="'NAME: VALUE'", help="Astuto: a header of the calls; repeat it for more."),
]
HeadersStdinOption = Annotated[
    bool, typer.Option("--headers-stdin", help="Astuto: read headers as a JSON object from standard input.")
]
BodyStdinOption = Annotated[
    bool, typer.Option("--body-stdin", help="Astuto: read the template of the body from standard input.")
]
BodyFileOption = Annotated[
    Path | None, typer.Option("--body-file", metavar="FILE", help="Astuto: read the template of the body from a file.")
]


@dataclass(frozen=True, slots=True)
class Stdin:
    """Which setting is read from standard input."""

    url: bool = False
    secret: bool = False
    headers: bool = False
    body: bool = False

    def check(self) -> None:
        """Raise BadParameter for more than one."""
        if self.url + self.secret + self.headers + self.body > 1:
            raise typer.BadParameter("only one setting can be read from standard input; `edit` sets another one later")


def read_settings(
    settings: EndpointSettings, stdin: Stdin, *, headers: Sequence[str] | None, body_file: Path | None
) -> EndpointSettings:
    """The settings, completed with what is read from standard input and from the file. Raises BadParameter."""
    stdin.check()
    reject_both(stdin.url, settings.url is not UNSET, "--url or --url-stdin")
    reject_both(stdin.body, body_file is not None, "--body-stdin or --body-file")
    changes: dict[str, Any] = {}
    if stdin.url:
        changes["url"] = read_stdin(MAX_URL).strip()
    if stdin.secret:
        changes["secret"] = read_stdin(MAX_SECRET).strip()
    if headers or stdin.headers:
        changes["headers"] = _merge_headers(headers or (), _read_headers() if stdin.headers else {})
    if stdin.body:
        changes["body"] = read_stdin(MAX_BODY)
    elif body_file is not None:
        changes["body"] = _read_file(body_file)
    return replace(settings, **changes)


def warn_of_address(url: str, allowed_networks: "Sequence[Network]") -> str:
    """A line about an address that is not called now, or nothing. No name is resolved, except `localhost`."""
    from app.adapters.outbound_addresses import find_restriction

    try:
        host = urlsplit(url).hostname or ""
        kind = find_restriction(ip_address("127.0.0.1" if host == "localhost" else host), allowed_networks)
    except ValueError:
        # It is a name, or the address is a template.
        return ""
    if kind is None:
        return ""
    remedy = "EARSHOT_OUTBOUND_ALLOW can allow its network, after a restart"
    return f"\nwarning: {host} must not be called, because it is a {kind} address; {remedy}"


def check_templates(settings: EndpointSettings) -> None:
    """Raise CommandError unless the URL and the body, if they are given, are Liquid templates."""
    from app.outbox.webhooks.liquid import TemplateError, validate_template

    for name, text in (("address", settings.url), ("body", settings.body)):
        if not isinstance(text, str):
            continue
        try:
            validate_template(text)
        except TemplateError as error:
            raise CommandError(f"the template of the {name} is not valid: {error}") from None


def convert_option(value: Any) -> Any:
    """The value of an option, or UNSET if it is left out."""
    return UNSET if value is None else value


def reject_both(one: object, other: object, names: str) -> None:
    """Raise BadParameter if two options that contradict each other are given."""
    if one and other:
        raise typer.BadParameter(f"give {names}, not both")


def read_stdin(max_length: int) -> str:
    """The text on standard input; a longer one is cut, but stays longer than `max_length`."""
    try:
        return sys.stdin.read(max_length + 2)
    except UnicodeError:
        raise CommandError("standard input is not text in UTF-8") from None


def _merge_headers(options: Sequence[str], more: Mapping[str, str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in (*map(_parse_header, options), *more.items()):
        if name.lower() in {known.lower() for known in headers}:
            raise typer.BadParameter(f"the header {name} is given twice")
        headers[name] = value
    return headers


def _parse_header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise typer.BadParameter("a header must be such as 'Content-Type: application/json'")
    return name.strip(), value.strip()


def _read_headers() -> dict[str, str]:
    try:
        headers = orjson.loads(read_stdin(MAX_HEADERS_JSON))
    except orjson.JSONDecodeError:
        headers = None
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise CommandError('standard input must be a JSON object of texts, such as {"Authorization": "Bearer …"}')
    return headers


def _read_file(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read(MAX_BODY + 1)
    except UnicodeError:
        raise CommandError(f"{path} is not text in UTF-8") from None
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}") from None
