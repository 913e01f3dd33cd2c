"""What a webhook endpoint may be set to. All functions return the errors of one field, none if it is valid."""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from app.domain.errors import FieldError
from app.domain.models.outbox import SIGNATURE_ENCODINGS, WEBHOOK_METHODS
from app.domain.webhooks.signing_secrets import InvalidSecret, decode_secret

EVENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "productlift": (
        "post.created",
        "post.deleted",
        "post.status_changed",
        "vote.created",
        "vote.deleted",
        "comment.created",
        "comment.deleted",
    ),
    "astuto": (
        "new_post",
        "new_post_pending_approval",
        "delete_post",
        "post_status_change",
        "new_comment",
        "new_vote",
        "new_user",
    ),
}
"""The events of each dialect."""

MAX_URL: Final = 2000
MAX_DESCRIPTION: Final = 255
MAX_HEADERS: Final = 20
MAX_HEADER_NAME: Final = 100
MAX_HEADER_VALUE: Final = 4000
MAX_BODY: Final = 64 * 1024
MIN_SECRET: Final = 8
MAX_SECRET: Final = 255

_ASTUTO_URL: Final = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_USER_INFO: Final = re.compile(r"https?://[^/?#]*@", re.IGNORECASE)
_NOT_IN_URL: Final = re.compile(r"[\x00-\x20\x7f\ud800-\udfff]")
_NOT_IN_TEMPLATE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[!-~](?:[ \t!-~]*[!-~])?")
RESERVED_HEADERS: Final = frozenset(
    {
        *("accept-encoding", "connection", "content-length", "expect", "host", "http2-settings", "keep-alive"),
        *("proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)
"""In lower case. They frame the request or select the receiver, so an endpoint's headers can't set them."""
RESERVED_PREFIX: Final = "webhook-"
"""Of the headers of Standard Webhooks."""
_OF_EACH_CALL: Final = frozenset({"accept", "content-type", "user-agent"})


def check_url(url: str, *, dialect: str) -> list[FieldError]:
    """In Astuto's format it is a Liquid template, of which only the beginning can be checked."""
    if not url:
        return [FieldError("url", "blank")]
    if len(url) > MAX_URL:
        return [FieldError("url", "too_long", {"maximum": MAX_URL})]
    if _USER_INFO.match(url):
        return [FieldError("url", "userinfo")]
    if dialect == "astuto":
        is_valid = _ASTUTO_URL.match(url) is not None and not _NOT_IN_TEMPLATE.search(url)
    else:
        is_valid = _is_http_url(url)
    return [] if is_valid else [FieldError("url", "not_http")]


def _is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port != 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port_is_valid and not _NOT_IN_URL.search(url)


def check_events(events: Sequence[str], *, dialect: str) -> list[FieldError]:
    """None selects all."""
    known = EVENTS[dialect]
    for event in events:
        if event not in known:
            return [FieldError("event", "unknown_event", {"event": event[:80], "known": ", ".join(known)})]
    return []


def check_description(description: str) -> list[FieldError]:
    """A name for the team."""
    if not description.strip():
        return [FieldError("description", "blank")]
    if len(description) > MAX_DESCRIPTION:
        return [FieldError("description", "too_long", {"maximum": MAX_DESCRIPTION})]
    return [FieldError("description", "not_plain")] if _NOT_IN_TEMPLATE.search(description) else []


def check_method(method: str) -> list[FieldError]:
    """One of WEBHOOK_METHODS."""
    known = {"known": ", ".join(WEBHOOK_METHODS)}
    return [] if method in WEBHOOK_METHODS else [FieldError("method", "not_among", known)]


def check_headers(headers: Mapping[str, str]) -> list[FieldError]:
    """Values are visible ASCII, so they have no line breaks; no error contains a value, which may be secret."""
    if len(headers) > MAX_HEADERS:
        return [FieldError("headers", "too_many", {"maximum": MAX_HEADERS})]
    for name, value in headers.items():
        errors = _check_header_name(name, "headers")
        if errors:
            return errors
        if len(value) > MAX_HEADER_VALUE or not _HEADER_VALUE.fullmatch(value):
            return [FieldError("headers", "invalid_value", {"name": name, "maximum": MAX_HEADER_VALUE})]
    if len({name.lower() for name in headers}) < len(headers):
        return [FieldError("headers", "repeated")]
    return []


def check_body(body: str) -> list[FieldError]:
    """A Liquid template; an empty one sends no body."""
    if len(body) > MAX_BODY:
        return [FieldError("body", "too_long", {"maximum": MAX_BODY})]
    return [FieldError("body", "not_plain")] if re.search(r"[\x00\ud800-\udfff]", body) else []


def check_secret(secret: str) -> list[FieldError]:
    """In one of the forms of `signing_secrets`."""
    limits = {"minimum": MIN_SECRET, "maximum": MAX_SECRET}
    if not MIN_SECRET <= len(secret) <= MAX_SECRET or not secret.isprintable():
        return [FieldError("secret", "length", limits)]
    try:
        decode_secret(secret)
    except InvalidSecret:
        return [FieldError("secret", "not_base64")]
    return []


def check_signature_header(name: str) -> list[FieldError]:
    """The name of a header that the call does not have anyway."""
    if name.lower() in _OF_EACH_CALL:
        return [FieldError("signature_header", "reserved", {"name": name})]
    return _check_header_name(name, "signature_header")


def check_signature_encoding(encoding: str) -> list[FieldError]:
    """One of SIGNATURE_ENCODINGS."""
    known = {"known": ", ".join(SIGNATURE_ENCODINGS)}
    return [] if encoding in SIGNATURE_ENCODINGS else [FieldError("signature_encoding", "not_among", known)]


def is_reserved_header(name: str) -> bool:
    """Whether the header of this name can't be set by an endpoint."""
    key = name.strip().lower()
    return key in RESERVED_HEADERS or key.startswith(RESERVED_PREFIX)


def _check_header_name(name: str, field: str) -> list[FieldError]:
    shown = {"name": name[:MAX_HEADER_NAME], "maximum": MAX_HEADER_NAME}
    if len(name) > MAX_HEADER_NAME or not HEADER_NAME.fullmatch(name):
        return [FieldError(field, "invalid_name", shown)]
    return [FieldError(field, "reserved", shown)] if is_reserved_header(name) else []
