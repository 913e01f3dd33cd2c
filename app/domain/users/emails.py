"""E-mail addresses: normalization and syntax. Whether an address exists is not checked."""

import re
from typing import Final

from app.domain.errors import FieldError, ValidationFailed

MAX_EMAIL: Final = 255

# The WHATWG's "valid e-mail address"; a dot in the domain is optional. docs/contracts/astuto.md, section 1.5.
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
EMAIL_PATTERN = re.compile(rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})*")

# Nothing that ends the address in a command of SMTP, or needs quotation marks.
_MAILABLE = re.compile(r"[^\s<>()\[\],;:\\\"@]+@[^\s<>()\[\],;:\\\"@]+")

_KELVIN = "\u212a"


def normalize_email(email: str) -> str:
    """Return the form in which an address is stored and looked up: trimmed, in lower case."""
    trimmed = email.strip()
    if _KELVIN in trimmed:
        # The lower case of the Kelvin sign is k, so an invalid address would become another user's valid address.
        return _KELVIN.join(part.lower() for part in trimmed.split(_KELVIN))
    return trimmed.lower()


def parse_email(value: str) -> str:
    """Return the address, trimmed. Raises ValidationFailed (email invalid), also for more than MAX_EMAIL characters."""
    email = value.strip()
    if len(email) > MAX_EMAIL or not is_valid_email(email):
        raise ValidationFailed([FieldError("email", "invalid")])
    return email


def parse_known_email(value: str) -> str:
    """As `parse_email`, for an address that a user may have through any API, such as `jörg@example.com`."""
    email = value.strip()
    if len(email) > MAX_EMAIL or not email.isprintable() or not _MAILABLE.fullmatch(email):
        raise ValidationFailed([FieldError("email", "invalid")])
    return email


def is_valid_email(email: str) -> bool:
    """Whether the whole text matches EMAIL_PATTERN."""
    return EMAIL_PATTERN.fullmatch(email) is not None
