"""Shows the values of settings to an operator, without secrets."""

import re
from typing import Any, Final

SECRET_FIELDS: Final = frozenset({"secret_key", "astuto_secret"})
"""Settings whose whole value is secret."""
URL_FIELDS: Final = frozenset({"redis_url", "database_url", "storage_url", "base_url", "otlp_url", "smtp_url"})
"""Settings that may contain a password."""
MAX_SHOWN_LENGTH: Final = 100
"""The number of characters of an invalid value that a message shows."""
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:/{0,2})?(.*)", re.DOTALL)
_IN_QUERY: Final = re.compile(r"(?i)([?&][^=&]*(?:password|secret|token|key)[^=&]*=)[^&]*")


def display(field: str, value: Any) -> str | None:
    """The value of a setting as text; None if it is unset or empty."""
    if value is None:
        return None
    if field in SECRET_FIELDS:
        return "***"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(value) or None
    return mask_secrets(str(value)) if field in URL_FIELDS else str(value)


def shorten(field: str, value: Any) -> str:
    """An invalid value for a message: in one line, without secrets."""
    text = display(field, value) or ""
    if field in URL_FIELDS and "?" in text:
        # An invalid query may contain the end of a password.
        text = f"{text.partition('?')[0]}?…"
    return shorten_text(text)


def shorten_text(text: str) -> str:
    """A text for a message: in one line, and of limited length."""
    # Bytes of the environment that are not UTF-8 can't be printed.
    text = " ".join(text.encode(errors="backslashreplace").decode().split())
    return text if len(text) <= MAX_SHOWN_LENGTH else f"{text[:MAX_SHOWN_LENGTH]}…"


def mask_secrets(url: str) -> str:
    """The URL with its passwords and keys replaced by `***`; an invalid URL, too."""
    scheme, rest = _SCHEME.fullmatch(_IN_QUERY.sub(r"\1***", url)).groups()  # type: ignore[union-attr]
    userinfo, at, location = rest.rpartition("@")
    user, colon, _ = userinfo.partition(":")
    return f"{scheme or ''}{user}{colon and ':***'}{at}{location}"
