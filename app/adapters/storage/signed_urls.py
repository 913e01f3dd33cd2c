"""Signed paths, which expire, of files whose post is not public. The signing key is derived from the secret."""

import hmac
from typing import Final

from app.adapters.database import Clock

_HOUR: Final = 3600
MIN_HOURS: Final = 4
"""A signed path works for at least this long, and up to an hour more: all paths made within an hour are the same."""

_PURPOSE: Final = b"earshot: paths of files"


class FileSigner:
    """Makes and checks signed paths under a key of their own, derived from the server's secret."""

    def __init__(self, secret: bytes, *, clock: Clock) -> None:
        self._key = hmac.digest(secret, _PURPOSE, "sha256")
        self._clock = clock

    def path(self, name: str) -> str:
        """The path under which a file is served for some hours, whatever the state of its post."""
        expires = (int(self._clock().timestamp()) // _HOUR + MIN_HOURS + 1) * _HOUR
        return f"/files/{name}?expires={expires}&signature={self._signature(name, str(expires))}"

    def is_valid(self, name: str, expires: str, signature: str) -> bool:
        """Whether the signature is valid for this name and expiry time, and the path has not expired."""
        if not hmac.compare_digest(self._signature(name, expires).encode(), signature.encode()):
            return False
        return self._clock().timestamp() < int(expires)

    def _signature(self, name: str, expires: str) -> str:
        return hmac.digest(self._key, f"{name}\n{expires}".encode(), "sha256").hex()
