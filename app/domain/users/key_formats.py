"""The text of API keys: the form of each dialect's keys, the digest that is stored, the part that may be shown."""

import hmac
import re
from dataclasses import dataclass
from typing import Final

from app.domain.permissions import ROLE_RANK


@dataclass(frozen=True, slots=True)
class KeyFormat:
    """The form of a dialect's keys, and the lowest role that may have one."""

    min_role: str
    """A user below this role can't get a key of the dialect, and an existing key stops working."""
    pattern: re.Pattern[str]
    """How a key begins. No key of another dialect begins so."""
    is_numbered: bool
    """`12|…`, with a number, instead of `tkn_admin_…`, with a role."""

    def is_allowed_for(self, role: str) -> bool:
        """Whether a user with this role may have such a key."""
        return ROLE_RANK[role] >= ROLE_RANK[self.min_role]


FORMATS: Final = {
    "astuto": KeyFormat("moderator", re.compile(r"tkn_(admin|mod)_"), is_numbered=False),
    "productlift": KeyFormat("admin", re.compile(r"[0-9]+\|"), is_numbered=True),
}
"""The format of the keys of each dialect."""


def dialect_of_token(token: str) -> str | None:
    """The dialect whose form the token has, or None."""
    return next((dialect for dialect, form in FORMATS.items() if form.pattern.match(token)), None)


def digest(token: str, secret: bytes) -> str:
    """What is stored of a token: the hex HMAC-SHA256 of the whole token."""
    return hmac.digest(secret, token.encode("utf-8", "surrogateescape"), "sha256").hex()


def display_prefix(token: str) -> str:
    """Return the part of a token that may be shown and logged."""
    if token.startswith("tkn_"):
        _, role, secret = token.split("_", 2)
        return f"tkn_{role}_{secret[:6]}"
    number, bar, _ = token.partition("|")
    # An imported key of another form may be secret in every part.
    return f"{number}|" if bar and number.isdigit() else "(brought over)"
