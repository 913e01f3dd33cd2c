"""Tokens of browsers without a session, which only this server can make."""

import base64
import hmac
import secrets
from typing import Final

_PURPOSE: Final = b"earshot: tokens of browsers"
_BYTES: Final = 32
_CHARACTERS: Final = 43
"""Those of each half as Base64url."""


class DeviceTokens:
    """Makes and verifies the tokens: a random half, and its HMAC. The key is derived from the server's secret.

    So nobody can choose the token of another browser, nor make one that looks as if this server had.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, _PURPOSE, "sha256")

    def make(self) -> str:
        """A new token; only characters that a cookie may have."""
        name = secrets.token_urlsafe(_BYTES)
        return name + self._sign(name)

    def is_valid(self, token: str) -> bool:
        """Whether this server made the token."""
        name, signature = token[:_CHARACTERS], token[_CHARACTERS:]
        return token.isascii() and hmac.compare_digest(signature, self._sign(name))

    def _sign(self, name: str) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._key, name.encode(), "sha256")).decode().rstrip("=")
