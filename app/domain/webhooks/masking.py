"""Shows what may contain a secret, such as the address of a webhook, with dots in place of the secret."""

import re
from collections.abc import Mapping
from typing import Final

DOTS: Final = "•••"
MIN_KEY_CHARACTERS: Final = 16
"""A part of a path with this many characters may be a key, as in the addresses of Slack and Discord."""

_USER_INFO: Final = re.compile(r"(?<=://)[^/?#@]*@")
# Not across spaces and braces, so that the tags of a template remain visible.
_KEY_IN_PATH: Final = re.compile(rf"(?<=/)[^/\s{{}}]{{{MIN_KEY_CHARACTERS},}}(?=/|$)")
_PLAIN_WORD: Final = re.compile(r"[a-z]{1,11}(?:[-_][a-z]{1,11})?(?:\.[a-z]{1,4})?")
"""A last segment that is shown: a short word, or two, without capitals and digits."""
_TAG: Final = re.compile(r"[{}\s]")
_QUERY_VALUE: Final = re.compile(r"=[^&]*")
_OPEN_HEADERS: Final = frozenset(
    {
        *("accept", "accept-encoding", "accept-language", "content-type", "user-agent", "webhook-id"),
        *("webhook-timestamp", "x-github-api-version", "notion-version"),
    }
)
"""Headers whose values are no secrets."""


def mask_url(url: str) -> str:
    """The URL without user and password, without the values of its query, and without what may be a key in its path."""
    url, hash_, _ = url.partition("#")
    address, question_mark, query = url.partition("?")
    scheme, separator, rest = _USER_INFO.sub(f"{DOTS}@", address).partition("://")
    host, slash, path = rest.partition("/")
    masked = f"{scheme}{separator}{host}{_mask_path(slash + path)}"
    if question_mark:
        # A query without names may be a key as a whole.
        masked += "?" + (_QUERY_VALUE.sub(f"={DOTS}", query) if "=" in query else DOTS if query else "")
    return f"{masked}#{DOTS}" if hash_ else masked


def _mask_path(path: str) -> str:
    """The path without long segments, and without a last one that is no plain word, unless it is the only one."""
    masked = _KEY_IN_PATH.sub(DOTS, path)
    head, slash, last = masked.rstrip("/").rpartition("/")
    if not head.strip("/") or _PLAIN_WORD.fullmatch(last) or last.startswith(DOTS) or _TAG.search(last):
        return masked
    return f"{head}{slash}{DOTS}{masked[len(masked.rstrip('/')) :]}"


def mask_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers with dots in place of their values, but for headers such as Content-Type."""
    return {name: value if name.lower() in _OPEN_HEADERS else DOTS for name, value in headers.items()}
