"""Tokens in forms, so that another site can't send them in the name of a visitor."""

import base64
import binascii
import hmac
import secrets
from typing import Final

_PURPOSE: Final = b"earshot: forms of the pages"
_BYTES: Final = 32


class CsrfTokens:
    """Makes and verifies the tokens. The key is derived from the server's secret."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, _PURPOSE, "sha256")

    def make(self, binding: str) -> str:
        """A token for what a browser is known by: its session, or the cookie of a visitor without one.

        Each token is different, so that nobody can learn one from the sizes of compressed pages.
        """
        mask = secrets.token_bytes(_BYTES)
        return base64.urlsafe_b64encode(mask + _xor(mask, self._digest(binding))).decode().rstrip("=")

    def is_valid(self, token: str, binding: str) -> bool:
        """Whether the token was made for this binding. Without a binding none is valid."""
        try:
            content = base64.urlsafe_b64decode(token.encode() + b"==")
        except (binascii.Error, UnicodeEncodeError, ValueError):
            return False
        mask, masked = content[:_BYTES], content[_BYTES:]
        return (
            bool(binding) and len(masked) == _BYTES and hmac.compare_digest(_xor(mask, masked), self._digest(binding))
        )

    def _digest(self, binding: str) -> bytes:
        return hmac.digest(self._key, binding.encode("utf-8", "surrogatepass"), "sha256")


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(_BYTES)
