"""Signed tokens of the links that end notifications. They do not expire, and can be used again and again.

A token contains what it is for, and is stored nowhere. The signing key is derived from the server's secret.
"""

import base64
import hmac
import re
from dataclasses import dataclass
from typing import Final

_PURPOSE: Final = b"earshot: links that end notifications"
_TOKEN: Final = re.compile(r"([1-9][0-9]{0,18})\.([a-z_]{1,40})\.([1-9][0-9]{0,18})?\.([\w-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class NotificationLink:
    """What a token allows to end. It also allows all choices of notifications of this user.

    `kind` is the kind of the email that had the link, and `post_id` the post that it was about.
    """

    user_id: int
    kind: str
    post_id: int | None


class UnsubscribeTokens:
    """Makes and reads the tokens."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, _PURPOSE, "sha256")

    def make(self, link: NotificationLink) -> str:
        """The token; only characters that need no escaping in a URL."""
        content = f"{link.user_id}.{link.kind}.{link.post_id or ''}"
        return f"{content}.{self._sign(content)}"

    def read(self, token: str) -> NotificationLink | None:
        """What the token allows, or None if this server did not make it."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        user_id, kind, post_id, signature = match.groups()
        if not hmac.compare_digest(self._sign(token.rpartition(".")[0]), signature):
            return None
        return NotificationLink(int(user_id), kind, None if post_id is None else int(post_id))

    def _sign(self, content: str) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._key, content.encode(), "sha256")).decode().rstrip("=")
