"""Tokens in forms, so that another site can't send them in the name of a visitor."""

import base64
import hmac
from typing import Final

_PURPOSE: Final = b"earshot: forms of the pages"


class CsrfTokens:
    """Makes and verifies the tokens. The key is derived from the server's secret."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, _PURPOSE, "sha256")

    def make(self, cookie: str) -> str:
        """The token for the browser with this cookie: that of its session, or of a visitor without one."""
        return base64.urlsafe_b64encode(hmac.digest(self._key, cookie.encode(), "sha256")).decode().rstrip("=")

    def is_valid(self, token: str, cookie: str) -> bool:
        """Whether the token was made for the browser with this cookie. Without a cookie none is valid."""
        return bool(cookie) and hmac.compare_digest(self.make(cookie).encode(), token.encode("utf-8", "replace"))
